import type { Environment, EnvironmentSource, TaskOf } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { fixedOrderPlanner } from "../learn/planners/fixed-order.ts";
import { oraclePlanner } from "../learn/planners/oracle.ts";
import { READING, type ReadyPlanner, randomValidPlanner } from "../learn/planners/random-valid.ts";
import type { FlowState, Planner } from "../module.ts";
import type { Random } from "../random.ts";
import { exactMatch } from "../tasks/exact-match.ts";
import { computes, metadataOf } from "../tool.ts";
import { baseGenerator } from "../tools/base-generator.ts";
import { calculate } from "../tools/calculate.ts";
import { failedForNow, stepOf } from "../trajectory.ts";
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
        return task && hintOf(task);
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

/** The plan's searches and pages, each once what it refers to is there, then a calculation of the scripted planner. */
const gatherThenCalculate = (task: AlmanacTask, scripted: ReadyPlanner, draws: Random): Planner => {
  const only = (state: FlowState, wanted: (tool: string) => boolean): FlowState => ({
    ...state,
    tools: Object.fromEntries(Object.entries(state.tools).filter(([tool]) => wanted(tool))),
  });
  const fetches = task.sealed.plan.slice(0, -1);
  /** Entry of memory (from 1) that each fetched step became. */
  const entryOf = new Map<number, number>();
  let left = draws.below(4);
  const written = (step: number): string =>
    (fetches[step] ?? "").replace(/@(\d+)/g, (_, entry: string) => `@${entryOf.get(Number(entry) - 1)}`);
  return (state, context) => {
    for (const [step, entry] of entryOf) {
      const made = state.memory[entry - 1];
      if (made !== undefined && failedForNow(made.observation)) entryOf.delete(step);
    }
    const open = fetches
      .map((_, step) => step)
      .filter((step) => !entryOf.has(step) && referred(fetches[step] ?? "").every((entry) => entryOf.has(entry - 1)));
    if (open.length === 0)
      return scripted(
        only(state, (tool) => computes(state.tools, tool)),
        context,
      );
    const step = open[draws.below(open.length + left)];
    if (step !== undefined) {
      entryOf.set(step, state.turn);
      return { step: stepOf(written(step)) };
    }
    left -= 1;
    const plan = scripted(
      only(state, (tool) => !computes(state.tools, tool) && metadataOf(state.tools, tool)?.takes !== "question"),
      context,
    );
    // By chance it may be what the question needs.
    const needed = open.find((one) => written(one) === `${plan.step.tool} ${plan.step.subGoal}`);
    if (needed !== undefined) entryOf.set(needed, state.turn);
    return plan;
  };
};

const referred = (action: string): number[] => [...action.matchAll(/@(\d+)/g)].map(([, entry]) => Number(entry));
