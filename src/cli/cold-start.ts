import { createFlow, type Flow } from "../flow/flow.ts";
import type { ChatModel } from "../model.ts";
import { random, randomKey } from "../random.ts";
import { type AlmanacTask, hintOf } from "../tasks/index.ts";
import { randomValidPlanner } from "../testing/random-valid-planner.ts";
import { demonstrate } from "../train/cold-start.ts";
import type { Trajectory } from "../trajectory.ts";
import type { World } from "./world.ts";

/**
 * The scripted planner that the built-in one imitates: random but valid calls. It has no preference for where to look,
 * in which order, or when to stop; `reading` is how often a calculation whose operands can be in memory is the one that
 * the question asks.
 */
export const READING = 0.9;

/** A task of the cold start: what comes of it is shown to the planner that is made. */
export interface Demonstration {
  readonly task: AlmanacTask;
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
 * behind `base_generator` as long as that one is not made; most of its answers are of a wrong kind, so that plans go on.
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

/** A flow whose planner is the scripted one, over tasks that are handed to it by the map `known`. */
export const scriptedFlow = (world: World, known: ReadonlyMap<string, AlmanacTask>, reading = READING): Flow =>
  createFlow({
    planner: randomValidPlanner({
      reading,
      askedOf: (id) => {
        const task = known.get(id);
        return task && hintOf(task);
      },
    }),
    tools: world.tools(guess),
  });

/** Demonstrations on training pages and trained families. Half of them may take up to three turns more than the task's limit. */
export const demonstrator =
  (world: World, seed: number): Demonstrator =>
  async (from, count, { extraTurns = true } = {}) => {
    const tasks = Array.from({ length: count }, (_, i): AlmanacTask => {
      const draws = random(randomKey(seed, "demonstration", from + i));
      const task = world.tasks.train(draws.pick(world.tasks.cells), from + i);
      const extra = draws.next() < 0.5 ? 1 + draws.below(3) : 0;
      return extraTurns && task.turnLimit !== undefined ? { ...task, turnLimit: task.turnLimit + extra } : task;
    });
    const flow = scriptedFlow(world, new Map(tasks.map((task) => [task.id, task])));
    const shown = await demonstrate(flow, tasks, randomKey(seed, "demonstration", from));
    return tasks.flatMap((task, i) => {
      const trajectory = shown[i];
      return trajectory ? [{ task, trajectory }] : [];
    });
  };
