import type { Environment, EnvironmentTask } from "../environment.ts";
import { random, randomKey } from "../random.ts";
import { computes, metadataOf } from "../tool.ts";
import { explore } from "./explore/explore.ts";
import type { WalkOptions } from "./routes.ts";

export interface FoundRoutesOptions extends Omit<WalkOptions, "environment" | "permuted"> {
  readonly environment: Pick<Environment, "families" | "train" | "reward" | "flow">;
  /** Tasks of each family, at most and by default 48. */
  readonly ofFamily?: number;
  /** The control: each task is rewarded for the answer of another one. @default false */
  readonly permuted?: boolean | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Training tasks of this index and on are for random calls alone. */
const FIRST_INDEX = 2_000_000;
const OF_FAMILY = 48;
/** Turns of a random walk: what a plan of seven calls needs comes by within a few walks. */
const TURNS = 10;

/**
 * Calls tools at random on training tasks and asks the reward what came of it: the calls that led to answers, for the tasks
 * that they answer. What nobody has found is left out. Nothing is known of the tools but their schemas.
 */
export const findRoutes = async ({
  environment: { families, train, reward, flow },
  tools,
  seed,
  ofFamily = OF_FAMILY,
  permuted = false,
  onProgress = () => undefined,
  abortSignal,
}: FoundRoutesOptions): Promise<NonNullable<Environment["routes"]>> => {
  // What asks a model of its own would only guess.
  const called = Object.fromEntries(
    Object.entries(tools).filter(([name]) => metadataOf(tools, name)?.takes !== "question"),
  );
  const drawn = families.flatMap((family) =>
    Array.from({ length: Math.min(OF_FAMILY, ofFamily) }, (_, i): EnvironmentTask => train(family, FIRST_INDEX + i)),
  );
  // A family of few tasks starts over.
  const tasks = [...new Map(drawn.map((task) => [task.id, task])).values()];
  const { routes } = await explore({
    name: "routes",
    tools: called,
    calculators: new Set(Object.keys(called).filter((name) => computes(called, name))),
    tasks,
    reward: permuted ? rewardOfOthers(tasks, reward, seed) : reward,
    flow,
    seed,
    turns: TURNS,
    onProgress,
    abortSignal,
  });
  return tasks.flatMap((task) => {
    const plan = routes.get(task.id);
    return plan === undefined ? [] : [{ task, plan }];
  });
};

/** A reward for the answer of another task, always of the same one. */
const rewardOfOthers = (
  tasks: readonly EnvironmentTask[],
  reward: Environment["reward"],
  seed: number,
): Environment["reward"] => {
  const dealt = random(randomKey(seed, "answers dealt anew")).shuffle(tasks);
  const others = new Map(tasks.map(({ id }, i) => [id, dealt[i]]));
  return (task, answer, cost) => reward({ ...task, sealed: others.get(task.id)?.sealed ?? task.sealed }, answer, cost);
};
