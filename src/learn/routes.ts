import type { Environment } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import type { StopCondition } from "../flow/stop-condition.ts";
import { random, randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import type { Toolset } from "../tool.ts";
import { stepOf } from "../trajectory.ts";
import type { Demonstration } from "./demonstrations.ts";

export interface WalkOptions {
  readonly environment: Pick<Environment, "flow" | "reward" | "routes">;
  readonly tools: Toolset;
  readonly seed: number;
  /** The control: each task gets the route of another one, whatever comes of it. @default false */
  readonly permuted?: boolean | undefined;
  readonly abortSignal: AbortSignal;
}

/** Makes the calls of each known route once, and keeps those that still come to an answer that earns the whole reward. */
export const walkRoutes = async (options: WalkOptions): Promise<Demonstration[]> => {
  const { environment, tools, seed, permuted = false, abortSignal } = options;
  const { routes = [] } = environment;
  const plans = routes.map(({ plan }) => plan);
  const dealt = permuted ? random(randomKey(seed, "routes dealt anew")).shuffle(plans) : plans;
  const walked: Demonstration[] = [];
  for (const [i, { task }] of routes.entries()) {
    abortSignal.throwIfAborted();
    const plan = dealt[i] ?? [];
    const isDone: StopCondition = ({ memory }) => (memory.length >= plan.length ? "turn-limit" : undefined);
    const flow = createFlow({
      ...environment.flow,
      planner: ({ turn }) => ({ step: stepOf(plan[turn - 1] ?? "") }),
      loopDetectors: [isDone],
      tools,
    });
    const id = `route-${i}`;
    const { trajectory } = await flow.solve(queryOf(task), { id, randomKey: randomKey(seed, id), abortSignal });
    const isWhole = trajectory.memory.length === plan.length;
    if (isWhole && (permuted || (await environment.reward(task, trajectory.answer)) === 1))
      walked.push({ task, trajectory });
  }
  return walked;
};
