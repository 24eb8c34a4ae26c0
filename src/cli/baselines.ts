import { createFlow } from "../flow/flow.ts";
import type { Planner } from "../module.ts";
import { type AlmanacTask, type AlmanacTasks, type EvaluationSets, exactMatch, hintOf } from "../tasks/index.ts";
import { fixedOrderPlanner, searchBestFixedOrder } from "../testing/fixed-order-planner.ts";
import { scriptedPlanner } from "../testing/index.ts";
import { randomValidPlanner } from "../testing/random-valid-planner.ts";
import type { Toolset } from "../tool.ts";
import { evaluate } from "../train/index.ts";
import { evaluateSets, type PlannerFigures, setNames } from "./evaluation.ts";

/** Planners that learn nothing, on the same tasks. */
export interface Baselines {
  /** Uniform over the calls that are valid at each turn. */
  readonly randomValid: PlannerFigures;
  /** The same tools in the same order for every question, the best such order on training tasks. */
  readonly bestFixedOrder: PlannerFigures & { readonly order: readonly string[] };
  /** Knows the plan of each task. */
  readonly oracle: PlannerFigures;
}

export interface BaselineOptions {
  readonly tasks: AlmanacTasks;
  readonly sets: EvaluationSets;
  readonly tools: Toolset;
  readonly seed: number;
  readonly concurrency: number;
  /** Training tasks that the best order is searched on. */
  readonly searchTasks: number;
  readonly onStage: (stage: string) => void;
  readonly abortSignal: AbortSignal;
}

const orderTools = ["web_search", "web_page", "wikipedia_search", "calculate"] as const;

/** Orders that solve something, from which the search climbs. */
const starts: readonly (readonly string[])[] = [
  ["web_search", "web_page", "web_search", "web_page", "calculate"],
  ["wikipedia_search", "web_search", "web_page", "web_search", "web_page", "calculate"],
  ["web_search", "web_page", "web_search", "web_page", "web_search", "web_page", "calculate"],
];

/** Measures the three baselines. What they are told of a task comes from its sealed part, which no policy sees. */
export const measureBaselines = async (options: BaselineOptions): Promise<Baselines> => {
  const { sets, tools, seed, concurrency, onStage, abortSignal } = options;
  const byId = new Map(setNames.flatMap((name) => sets[name]).map((task) => [task.id, task]));
  const taskOf = (id: string): AlmanacTask => byId.get(id) ?? unknown(id);
  const measure = async (planner: Planner): Promise<PlannerFigures> => {
    const flow = createFlow({ planner, tools });
    return (await evaluateSets({ flow, sets, seed, concurrency, abortSignal })).figures;
  };
  onStage("random valid planner");
  const randomValid = await measure(randomValidPlanner());
  onStage("best fixed order of tools");
  const order = await bestOrder(options);
  const fixed = await measure(fixedOrderPlanner(order, (id) => hintOf(taskOf(id))));
  onStage("oracle");
  const oracle = await measure(scriptedPlanner(({ query, turn }) => taskOf(query.id).sealed.plan[turn - 1]));
  return { randomValid, bestFixedOrder: { ...fixed, order }, oracle };
};

const unknown = (id: string): never => {
  throw new RangeError(`A baseline was asked about the task ${id}, which is not in its sets.`);
};

const bestOrder = async (options: BaselineOptions): Promise<readonly string[]> => {
  const { tasks, tools, seed, concurrency, searchTasks, abortSignal } = options;
  const { cells } = tasks;
  const sample = Array.from({ length: searchTasks }, (_, i) => cells[i % cells.length]).flatMap((cell, i) =>
    cell === undefined ? [] : tasks.train(cell, Math.floor(i / cells.length)),
  );
  const byId = new Map(sample.map((task) => [task.id, task]));
  const score = async (order: readonly string[]): Promise<number> => {
    const planner = fixedOrderPlanner(order, (id) => hintOf(byId.get(id) ?? unknown(id)));
    const flow = createFlow({ planner, tools });
    const { accuracy } = await evaluate({ flow, tasks: sample, reward: exactMatch, seed, concurrency, abortSignal });
    return accuracy;
  };
  return (await searchBestFixedOrder(orderTools, starts, score)).order;
};
