import { createFlow, type Flow } from "../flow/flow.ts";
import type { StopCondition } from "../flow/stop-condition.ts";
import type { ChatModel } from "../model.ts";
import type { FlowState, Plan, Planner } from "../module.ts";
import { type Random, random, randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import { type AlmanacTask, hintOf } from "../tasks/index.ts";
import { randomValidPlanner } from "../testing/random-valid-planner.ts";
import { demonstrate } from "../train/cold-start.ts";
import { stepOf, type Trajectory } from "../trajectory.ts";
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

/**
 * Exercises in reading: the pages that a question needs are fetched in a random order, with up to three other valid calls
 * in between, and then the scripted planner is made to calculate. Only what it calculates is shown to the planner that
 * is made, not that it calculates now nor how the pages came to be there.
 */
export const exerciser =
  (world: World, seed: number): Demonstrator =>
  async (from, count) => {
    const made: Demonstration[] = [];
    for (let i = from; i < from + count; i += 1) {
      const draws = random(randomKey(seed, "exercise", i));
      const task = world.tasks.train(draws.pick(world.tasks.cells), i);
      const others = draws.below(4);
      const flow = scriptedFlow(world, new Map([[task.id, task]])).with({
        planner: gatherThenCalculate(task, others, draws),
        loopDetectors: [calculated],
      });
      const { trajectory } = await flow.solve(queryOf(task), {
        id: `exercise-${i}`,
        randomKey: randomKey(seed, "exercise", i, "run"),
      });
      if (trajectory.memory.at(-1)?.step.tool === "calculate") made.push({ task, trajectory });
    }
    return made;
  };

/** An exercise ends with its calculation, whatever came of it. */
const calculated: StopCondition = ({ memory }) => (memory.at(-1)?.step.tool === "calculate" ? "calculated" : undefined);

/** The plan's searches and pages, each once what it refers to is there, then a calculation of the scripted planner. */
const gatherThenCalculate = (task: AlmanacTask, others: number, draws: Random): Planner => {
  const scripted = randomValidPlanner({ reading: READING, askedOf: () => hintOf(task) });
  const only = (state: FlowState, wanted: (tool: string) => boolean): FlowState => ({
    ...state,
    tools: Object.fromEntries(Object.entries(state.tools).filter(([tool]) => wanted(tool))),
  });
  const fetches = task.sealed.plan.slice(0, -1);
  /** Entry of memory (from 1) that each fetched step became. */
  const entryOf = new Map<number, number>();
  let left = others;
  const written = (step: number): string =>
    (fetches[step] ?? "").replace(/@(\d+)/g, (_, entry: string) => `@${entryOf.get(Number(entry) - 1)}`);
  return (state, context) => {
    const open = fetches
      .map((_, step) => step)
      .filter((step) => !entryOf.has(step) && referred(fetches[step] ?? "").every((entry) => entryOf.has(entry - 1)));
    if (open.length === 0)
      return scripted(
        only(state, (tool) => tool === "calculate"),
        context,
      );
    const step = open[draws.below(open.length + left)];
    if (step !== undefined) {
      entryOf.set(step, state.turn);
      return { step: stepOf(written(step)) };
    }
    left -= 1;
    const plan = scripted(
      only(state, (tool) => tool !== "calculate" && tool !== "base_generator"),
      context,
    ) as Plan;
    // By chance it may be what the question needs.
    const needed = open.find((one) => written(one) === `${plan.step.tool} ${plan.step.subGoal}`);
    if (needed !== undefined) entryOf.set(needed, state.turn);
    return plan;
  };
};

const referred = (action: string): number[] => [...action.matchAll(/@(\d+)/g)].map(([, entry]) => Number(entry));
