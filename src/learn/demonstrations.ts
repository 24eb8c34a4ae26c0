import type { Environment, EnvironmentTask } from "../environment.ts";
import { createFlow, type Flow } from "../flow/flow.ts";
import type { StopCondition } from "../flow/stop-condition.ts";
import type { ChatModel } from "../model.ts";
import { type Random, random, randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { demonstrate } from "./imitated-sequences.ts";
import { READING } from "./planners/random-valid.ts";
import { stumbling } from "./planners/stumbling.ts";

/** A task of the cold start: what comes of it is shown to the planner that is made. */
export interface Demonstration {
  readonly task: EnvironmentTask;
  readonly trajectory: Trajectory;
}

/** Shows random valid plans: the `count` tasks that start at `from`, of random trained families, always the same. */
export type Demonstrator = (
  from: number,
  count: number,
  options?: { readonly extraTurns?: boolean },
) => Promise<Demonstration[]>;

/**
 * Answers by no knowledge: a number, a date, a weekday or nothing, whatever is asked. It stands for the language model
 * behind `base_generator` as long as that one is not made; most of its answers are of a wrong kind, so that plans continue.
 */
const guess: ChatModel = {
  id: "guess",
  complete: async ({ messages }) => {
    const draws = random(randomKey("guess", messages.at(-1)?.content ?? ""));
    const two = (n: number): string => String(n).padStart(2, "0");
    const text = draws.pick([
      String(draws.below(10 ** (1 + draws.below(6)))),
      `${1900 + draws.below(120)}-${two(1 + draws.below(12))}-${two(1 + draws.below(28))}`,
      draws.pick(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]),
      "unknown",
    ]);
    return { text, promptTokens: 0, sampledTokens: 0 };
  },
};

/** What random valid plans need of an environment. */
export type DemonstrationEnvironment = Pick<
  Environment,
  | "families"
  | "train"
  | "reward"
  | "flow"
  | "tools"
  | "randomValid"
  | "isCalculator"
  | "exercise"
  | "exercised"
  | "isRight"
  | "routes"
>;

/** A flow whose planner is the scripted one, over tasks that are handed to it by the map `known`. */
export const scriptedFlow = (
  environment: DemonstrationEnvironment,
  known: ReadonlyMap<string, EnvironmentTask>,
  reading = READING,
  mistakes = 0,
): Flow =>
  createFlow({
    ...environment.flow,
    planner: stumbling(
      environment.randomValid(reading, (id) => known.get(id)),
      mistakes,
    ),
    tools: environment.tools(guess),
  });

/** Turns beyond a task's limit: none for half of the plans, a few for most others, many for some, whose entries have high numbers. */
const extraTurnsOf = (draws: Random): number => {
  if (draws.next() < 0.5) return 0;
  return draws.next() < 0.7 ? 1 + draws.below(3) : 4 + draws.below(5);
};

/** Demonstrations on training pages and trained families. Half of them may take more turns than the task's limit. */
export const demonstrator =
  (environment: DemonstrationEnvironment, seed: number, abortSignal?: AbortSignal, mistakes = 0): Demonstrator =>
  async (from, count, { extraTurns = true } = {}) => {
    const tasks = Array.from({ length: count }, (_, i): EnvironmentTask => {
      const draws = random(randomKey(seed, "demonstration", from + i));
      const task = environment.train(draws.pick(environment.families), from + i);
      const extra = extraTurnsOf(draws);
      return extraTurns && task.turnLimit !== undefined ? { ...task, turnLimit: task.turnLimit + extra } : task;
    });
    const flow = scriptedFlow(environment, new Map(tasks.map((task) => [task.id, task])), READING, mistakes);
    const shown = await demonstrate(flow, tasks, randomKey(seed, "demonstration", from), abortSignal);
    return tasks.flatMap((task, i) => {
      const trajectory = shown[i];
      return trajectory ? [{ task, trajectory }] : [];
    });
  };

/**
 * Exercises in reading: the pages that a question needs are fetched in a random order, with a few other valid calls
 * in between, and then the scripted planner is made to calculate. Only what it calculates is shown to the planner that
 * is made, not that it calculates now nor how the pages came to be there.
 */
export const exerciser =
  (environment: DemonstrationEnvironment, seed: number, abortSignal?: AbortSignal): Demonstrator =>
  async (from, count) => {
    /** An exercise ends with its calculation, whatever came of it. */
    const calculated: StopCondition = ({ memory }) =>
      environment.isCalculator(memory.at(-1)?.step.tool ?? "") ? "calculated" : undefined;
    const made: Demonstration[] = [];
    const { families, exercised = families } = environment;
    if (exercised.length === 0) return made;
    for (let i = from; i < from + count; i += 1) {
      const draws = random(randomKey(seed, "exercise", i));
      const task = environment.train(draws.pick(exercised), i);
      const flow = scriptedFlow(environment, new Map([[task.id, task]])).with({
        planner: environment.exercise(task, draws),
        loopDetectors: [calculated],
      });
      const query = queryOf(task);
      const { turnLimit } = query;
      const { trajectory } = await flow.solve(
        turnLimit === undefined ? query : { ...query, turnLimit: turnLimit + 8 },
        {
          id: `exercise-${i}`,
          randomKey: randomKey(seed, "exercise", i, "run"),
          ...(abortSignal && { abortSignal }),
        },
      );
      abortSignal?.throwIfAborted();
      const isMade = environment.isCalculator(trajectory.memory.at(-1)?.step.tool ?? "");
      if (isMade && (await environment.isRight?.(task, trajectory)) !== false) made.push({ task, trajectory });
    }
    return made;
  };
