import type { TaskOf, World, WorldTask } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { fixedOrderPlanner } from "../learn/planners/fixed-order.ts";
import { READING } from "../learn/recipe.ts";
import type { FlowState, Plan, Planner } from "../module.ts";
import type { Random } from "../random.ts";
import { type AlmanacTask, almanacTasks, almanacTools, exactMatch, hintOf, loadAlmanac } from "../tasks/index.ts";
import { randomValidPlanner, scriptedPlanner } from "../testing/index.ts";
import { computes, metadataOf } from "../tool.ts";
import { baseGenerator, calculate } from "../tools/index.ts";
import { failedForNow, stepOf } from "../trajectory.ts";

/** Tasks come back to the world that made them. */
const own = (task: WorldTask): AlmanacTask => task as AlmanacTask;

/** The built-in world: the Almanac and the tasks of one seed. Throws TaskError when its data is damaged. */
export const openWorld = async (seed: number | string): Promise<World> => {
  const almanac = await loadAlmanac();
  // The indexes behind the tools are made once, whatever model guesses.
  const tools = almanacTools(almanac, { calculate });
  const tasks = almanacTasks(almanac, seed);
  const cells = new Map(tasks.cells.map((cell) => [cell.name, cell]));
  const randomValid = (reading: number, taskOf: TaskOf): Planner =>
    randomValidPlanner({
      reading,
      askedOf: (id) => {
        const task = taskOf(id);
        return task && hintOf(own(task));
      },
    });
  return {
    hash: almanac.hash,
    titles: {
      heldOutPages: "unseen pages",
      heldOutFamily: "unseen families",
      heldOutParaphrase: "unseen wording",
      deep: "deeper plans",
    },
    families: [...cells.keys()],
    train: (family, index) => {
      const cell = cells.get(family);
      if (cell === undefined) throw new ConfigError(`The Almanac has no family ${family} for training.`);
      return tasks.train(cell, index);
    },
    evaluation: tasks.evaluation,
    reward: ({ sealed, ...query }, answer) =>
      exactMatch({ ...query, sealed: own({ ...query, sealed }).sealed }, answer),
    tools: (model) => ({ ...tools, base_generator: baseGenerator(model) }),
    flow: {},
    randomValid,
    isCalculator: (tool) => computes(tools, tool),
    exercise: (task, draws) =>
      gatherThenCalculate(
        own(task),
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
      planner: (order, taskOf) => fixedOrderPlanner(order, (id) => hintOf(own(taskOf(id) ?? unknown(id)))),
    },
    oracle: (taskOf) =>
      scriptedPlanner(({ query, turn }) => own(taskOf(query.id) ?? unknown(query.id)).sealed.plan[turn - 1]),
    question: "What is the latitude of the airport with code LOS in degrees?",
  };
};

const unknown = (id: string): never => {
  throw new ConfigError(`A baseline was asked about the task ${id}, which is not in its sets.`);
};

/** The plan's searches and pages, each once what it refers to is there, then a calculation of the scripted planner. */
const gatherThenCalculate = (task: AlmanacTask, scripted: Planner, draws: Random): Planner => {
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
    ) as Plan;
    // By chance it may be what the question needs.
    const needed = open.find((one) => written(one) === `${plan.step.tool} ${plan.step.subGoal}`);
    if (needed !== undefined) entryOf.set(needed, state.turn);
    return plan;
  };
};

const referred = (action: string): number[] => [...action.matchAll(/@(\d+)/g)].map(([, entry]) => Number(entry));
