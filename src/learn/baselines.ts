import { type Environment, setNames, type TaskOf, type TaskSets } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import { searchBestFixedOrder } from "../learn/planners/fixed-order.ts";
import type { Planner } from "../module.ts";
import type { Toolset } from "../tool.ts";
import { evaluate } from "../train/index.ts";
import { evaluateSets, type PlannerFigures } from "./evaluation.ts";

/** Planners that learn nothing, on the same tasks. */
export interface Baselines {
  /** Uniform over the calls that are valid at each turn. */
  readonly randomValid: PlannerFigures;
  /** The same tools in the same order for every question, the best such order on training tasks. */
  readonly bestFixedOrder: PlannerFigures & { readonly order: readonly string[] };
  /** Knows the plan of each task; absent in a environment where nobody does. */
  readonly oracle?: PlannerFigures;
}

export interface BaselineOptions {
  readonly environment: Environment;
  readonly sets: TaskSets;
  readonly tools: Toolset;
  readonly seed: number;
  readonly concurrency: number;
  /** Training tasks that the best order is searched on. */
  readonly searchTasks: number;
  /** Told which baseline is measured. */
  readonly onStage?: ((stage: string) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * Measures the baselines. What they know of a task comes from its sealed part, which no policy sees.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { measureBaselines } from "agentflow/learn";
 * import { scriptedModel } from "agentflow/testing";
 *
 * const environment = await almanac().open({ seed: 7 });
 * const sets = environment.evaluation("test");
 * const tools = environment.tools(scriptedModel(() => "unknown"));
 * const options = { environment, sets, tools, seed: 7, concurrency: 8, searchTasks: 64 };
 * console.log((await measureBaselines(options)).randomValid.heldOutPages.accuracy);
 * ```
 */
export const measureBaselines = async (options: BaselineOptions): Promise<Baselines> => {
  const { environment, sets, tools, seed, concurrency, onStage = () => undefined, abortSignal } = options;
  const byId = new Map(setNames.flatMap((name) => sets[name]).map((task) => [task.id, task]));
  const taskOf: TaskOf = (id) => byId.get(id);
  const measure = async (planner: Planner): Promise<PlannerFigures> => {
    const flow = createFlow({ ...environment.flow, planner, tools });
    return (await evaluateSets({ flow, sets, environment, seed, concurrency, abortSignal })).figures;
  };
  onStage("random valid planner");
  const randomValid = await measure(environment.randomValid(0, taskOf));
  onStage("best fixed order of tools");
  const order = await bestOrder(options);
  const fixed = await measure(environment.fixedOrder.planner(order, taskOf));
  const baselines = { randomValid, bestFixedOrder: { ...fixed, order } };
  if (environment.oracle === undefined) return baselines;
  onStage("oracle");
  return { ...baselines, oracle: await measure(environment.oracle(taskOf)) };
};

/** The order of tools that solves most of some training tasks. */
export const bestOrder = async (options: Omit<BaselineOptions, "sets" | "onStage">): Promise<readonly string[]> => {
  const { environment, tools, seed, concurrency, searchTasks, abortSignal } = options;
  const { families, fixedOrder, reward } = environment;
  const sample = Array.from({ length: searchTasks }, (_, i) => families[i % families.length]).flatMap((family, i) =>
    family === undefined ? [] : environment.train(family, Math.floor(i / families.length)),
  );
  // A environment with few tasks goes round.
  const byId = new Map(sample.map((task) => [task.id, task]));
  const tasks = [...byId.values()];
  const score = async (order: readonly string[]): Promise<number> => {
    const planner = fixedOrder.planner(order, (id) => byId.get(id));
    const flow = createFlow({ ...environment.flow, planner, tools });
    const { accuracy } = await evaluate({ flow, tasks, reward, seed, concurrency, abortSignal });
    return accuracy;
  };
  return (await searchBestFixedOrder(fixedOrder.tools, fixedOrder.starts, score)).order;
};
