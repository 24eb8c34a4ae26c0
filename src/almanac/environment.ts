import type { Environment, EnvironmentSource, TaskOf } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { fixedOrderPlanner } from "../learn/planners/fixed-order.ts";
import { gatherThen } from "../learn/planners/gather.ts";
import { oraclePlanner } from "../learn/planners/oracle.ts";
import { READING, type ReadyPlanner, randomValidPlanner } from "../learn/planners/random-valid.ts";
import type { FlowState, Planner } from "../module.ts";
import type { Random } from "../random.ts";
import { exactMatch } from "../tasks/exact-match.ts";
import { computes, metadataOf } from "../tool.ts";
import { baseGenerator } from "../tools/base-generator.ts";
import { calculate } from "../tools/calculate.ts";
import { loadAlmanac } from "./data.ts";
import type { AlmanacSealed, AlmanacTask } from "./generate.ts";
import { hintOf } from "./hints.ts";
import { almanacTasks } from "./sets.ts";
import { almanacTools } from "./tools.ts";

/**
 * The built-in environment: questions over the Almanac (published facts on airports, territories, elements, releases) and
 * tools over its pages. Each run opens it with its own seed.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 *
 * const environment = await almanac().open({ seed: 7 });
 * console.log(environment.families.length, environment.question);
 * ```
 */
export const almanac = (): EnvironmentSource<AlmanacSealed> => ({
  name: "almanac",
  open: ({ seed }) => openAlmanac(seed),
});

/**
 * The Almanac with the tasks of one seed. Throws `TaskError` when its data is damaged.
 *
 * @example
 * ```ts
 * import { openAlmanac } from "agentflow/almanac";
 *
 * const environment = await openAlmanac(7);
 * console.log(environment.families.length);
 * ```
 */
export const openAlmanac = async (seed: number | string): Promise<Environment<AlmanacSealed>> => {
  const data = await loadAlmanac();
  // The indexes behind the tools are made once, whatever model guesses.
  const tools = almanacTools(data, { calculate });
  const tasks = almanacTasks(data, seed);
  const cells = new Map(tasks.cells.map((cell) => [cell.name, cell]));
  const randomValid = (reading: number, taskOf: TaskOf<AlmanacSealed>): ReadyPlanner =>
    randomValidPlanner({
      reading,
      askedOf: (id) => {
        const task = taskOf(id);
        return task === undefined ? [] : [hintOf(task)];
      },
    });
  return {
    name: "almanac",
    hash: data.hash,
    record: { almanac: data.hash },
    titles: {
      heldOutPages: "unseen pages",
      heldOutFamily: "unseen families",
      heldOutParaphrase: "unseen wording",
      deep: "deeper plans",
    },
    families: [...cells.keys()],
    builtInModel: "agentflow-tiny",
    findings: [],
    train: (family, index) => {
      const cell = cells.get(family);
      if (cell === undefined) throw new ConfigError(`The Almanac has no family ${family} for training.`);
      return tasks.train(cell, index);
    },
    evaluation: tasks.evaluation,
    reward: exactMatch,
    tools: (model) => ({ ...tools, base_generator: baseGenerator(model) }),
    flow: {},
    randomValid,
    isCalculator: (tool) => computes(tools, tool),
    exercise: (task, draws) =>
      gatherThenCalculate(
        task,
        randomValid(READING, () => task),
        draws,
      ),
    fixedOrder: {
      tools: ["web_search", "web_page", "wikipedia_search", "calculate"],
      starts: [
        ["web_search", "web_page", "web_search", "web_page", "calculate"],
        ["wikipedia_search", "web_search", "web_page", "web_search", "web_page", "calculate"],
        ["web_search", "web_page", "web_search", "web_page", "web_search", "web_page", "calculate"],
      ],
      planner: (order, taskOf) => fixedOrderPlanner(order, (id) => hintOf(taskOf(id) ?? unknown(id))),
    },
    oracle: (taskOf) => oraclePlanner((id) => (taskOf(id) ?? unknown(id)).sealed.plan),
    question: "What is the latitude of the airport with code LOS in degrees?",
  };
};

const unknown = (id: string): never => {
  throw new ConfigError(`A baseline was asked about the task ${id}, which is not in its sets.`);
};

/** The plan's searches and pages, then a calculation of the scripted planner. */
const gatherThenCalculate = (task: AlmanacTask, scripted: ReadyPlanner, draws: Random): Planner => {
  const only = (state: FlowState, wanted: (tool: string) => boolean): FlowState => ({
    ...state,
    tools: Object.fromEntries(Object.entries(state.tools).filter(([tool]) => wanted(tool))),
  });
  return gatherThen({
    fetches: task.sealed.plan.slice(0, -1),
    draws,
    other: (state, context) =>
      scripted(
        only(state, (tool) => !computes(state.tools, tool) && metadataOf(state.tools, tool)?.takes !== "question"),
        context,
      ),
    last: (state, context) =>
      scripted(
        only(state, (tool) => computes(state.tools, tool)),
        context,
      ),
  });
};
