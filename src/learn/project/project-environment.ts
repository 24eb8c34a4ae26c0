import { createHash } from "node:crypto";
import type { AgentFlowConfig } from "../../config.ts";
import type { Environment, SetName, TaskOf, TaskSets } from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import { argumentsOf } from "../../flow/arguments.ts";
import { statedValue } from "../../flow/observation.ts";
import { TRUTH } from "../../flow/rules/fits.ts";
import type { FlowState, Planner } from "../../module.ts";
import { defined } from "../../options.ts";
import type { Random } from "../../random.ts";
import type { ReplyLog } from "../../reply-log.ts";
import type { Reward } from "../../task.ts";
import { computes, type Toolset, toolsetOf } from "../../tool.ts";
import { stepOf, type Trajectory } from "../../trajectory.ts";
import type { Exploration } from "../explore/explore.ts";
import type { KnownWay } from "../explore/seen.ts";
import { allowedCalls, beginningsOf, isValid } from "../explore/valid-calls.ts";
import { comparisons, knownFields, operations, VALUE_OF_TEXT } from "../planners/candidates.ts";
import { type Gathering, gatherThen } from "../planners/gather.ts";
import { operandsInOrder } from "../planners/question-order.ts";
import { type ReadyPlanner, randomValidPlanner } from "../planners/random-valid.ts";
import { type ProjectSealed, type ProjectTask, rewardOf, trainingTasks } from "./project-tasks.ts";

/** Questions of each set, at most. */
const MOST: Readonly<Record<SetName, number>> = {
  heldOutPages: 200,
  heldOutFamily: 100,
  heldOutParaphrase: 0,
  deep: 0,
};

/** Tools that compute with what is in memory, as their metadata says. */
export const calculatorsOf = (tools: Toolset): ReadonlySet<string> =>
  new Set(Object.keys(tools).filter((name) => computes(tools, name)));

export interface ProjectEnvironmentOptions<Own> {
  readonly config: Pick<AgentFlowConfig<Own>, "tools" | "reward" | "budget" | "instructions" | "analyst">;
  readonly tasks: readonly ProjectTask<Own>[];
  readonly exploration: Exploration;
  readonly seed: number;
  readonly replies?: ReplyLog | undefined;
  /** Taken out of all that the tools bring. */
  readonly secrets?: readonly string[] | undefined;
}

/** What identifies a project in a run's `config.json`, and what a check of it found. */
export type ProjectNotes = Pick<Environment, "name" | "record" | "findings">;

/** A project's own tasks and tools as an environment to train in. Its name and findings are the caller's to add. */
export const projectEnvironment = <Own>({
  config,
  tasks,
  exploration,
  seed,
  replies,
  secrets,
}: ProjectEnvironmentOptions<Own>): Omit<Environment<ProjectSealed<Own>>, keyof ProjectNotes> => {
  const { budget, instructions, analyst } = config;
  const tools = toolsetOf(config.tools ?? {});
  const calculators = calculatorsOf(tools);
  const training = trainingTasks(tasks, seed);
  const beginnings = beginningsOf(exploration.fits);
  const callsOf = (tool: string, state: FlowState): readonly string[] =>
    allowedCalls(state.tools, tool, state, knownFields(state), beginnings)
      .filter((call) => isValid(exploration.fits, tool, call))
      .map(({ subGoal }) => subGoal);
  const reward = rewardOf(config);
  const randomValid = (reading: number, taskOf: TaskOf<ProjectSealed<Own>>): ReadyPlanner =>
    randomValidPlanner({
      reading,
      askedOf: (id) => exploration.asked.get(taskOf(id)?.id ?? "") ?? [],
      operations: operationsOf(exploration),
      callsOf,
    });
  return {
    hash: hashOf(tasks, tools),
    titles: {
      heldOutPages: "unseen tasks",
      heldOutFamily: "unseen family",
      heldOutParaphrase: "unseen wording",
      deep: "deeper plans",
    },
    families: [...training.keys()],
    train: (family, index) => {
      const list = training.get(family) ?? [];
      const task = list[index % list.length];
      if (task === undefined) throw new ConfigError(`The project has no family ${family} for training.`);
      return task;
    },
    evaluation: (split, sizes = {}) => projectSets(tasks, split, sizes),
    reward,
    tools: () => tools,
    flow: {
      ...defined({ analyst, budget, instructions, replies, secrets }),
    },
    randomValid,
    isCalculator: (tool) => calculators.has(tool),
    exercised: [...training.keys()].filter((family) => exploration.ways.has(family)),
    exercise: (task, draws) =>
      gatherThenCalculate(
        task,
        exploration,
        calculators,
        randomValid(1, () => task),
        draws,
      ),
    routes: [...training.values()].flat().flatMap((task) => {
      const plan = exploration.routes.get(task.id);
      return plan === undefined ? [] : [{ task, plan }];
    }),
    isRight: (task, trajectory) => isRight(reward, task, trajectory),
    fixedOrder: {
      tools: Object.keys(tools),
      starts: startsOf(exploration, calculators),
      planner: (order, taskOf) => fixedOrder(order, randomValid(0, taskOf)),
    },
    question: tasks.find(({ sealed }) => sealed.split === "test")?.question ?? tasks[0]?.question ?? "",
  };
};

/** The evaluation sets among a project's tasks. */
export const projectSets = <Own>(
  tasks: readonly ProjectTask<Own>[],
  split: "validation" | "test",
  sizes: Partial<Readonly<Record<SetName, number>>> = {},
): TaskSets<ProjectSealed<Own>> => {
  const of = (name: "heldOutPages" | "heldOutFamily"): readonly ProjectTask<Own>[] => {
    const role = name === "heldOutPages" ? "trained" : "heldOut";
    const chosen = tasks.filter(
      ({ sealed }) =>
        sealed.role === role &&
        (role === "heldOut" ? (split === "validation") === (sealed.split === "validation") : sealed.split === split),
    );
    return evenly(chosen, Math.min(MOST[name], sizes[name] ?? MOST[name]));
  };
  return {
    heldOutPages: of("heldOutPages"),
    heldOutFamily: of("heldOutFamily"),
    heldOutParaphrase: [],
    deep: [],
  };
};

/** The first of each family, then the second of each, and so on, up to a number. */
const evenly = <Own>(tasks: readonly ProjectTask<Own>[], count: number): readonly ProjectTask<Own>[] => {
  const families = new Map<string, ProjectTask<Own>[]>();
  for (const task of tasks) families.set(task.sealed.family, [...(families.get(task.sealed.family) ?? []), task]);
  const lists = [...families.values()];
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? []))
    .flat()
    .slice(0, count);
};

/** The calls by which a walk came to what the question asks, in a random order among others, and then the calculation. */
const gatherThenCalculate = (
  task: ProjectTask,
  { ways }: Exploration,
  calculators: ReadonlySet<string>,
  scripted: ReadyPlanner,
  draws: Random,
): Planner => {
  let planner: Planner | undefined;
  return (state, context) => {
    planner ??= gatherThen({
      draws,
      others: fewOthers,
      ...wayFor(state.analysis.template, ways.get(task.sealed.family) ?? [], draws),
      other: (now, same) => scripted({ ...now, tools: withoutTools(now.tools, calculators) }, same),
    });
    return planner(state, context);
  };
};

/** Half of the exercises have none: a planner that has learnt makes few calls in vain. */
const fewOthers = (draws: Random): number =>
  draws.next() < 0.5 ? 0 : draws.next() < 0.8 ? 1 + draws.below(3) : 4 + draws.below(4);

/** One of the ways that are known for a wording, else for its family. */
const wayFor = (template: string, known: readonly KnownWay[], draws: Random): Pick<Gathering, "fetches" | "last"> => {
  const same = known.filter((way) => way.template === template);
  const { plan } = draws.pick(same.length > 0 ? same : known);
  return {
    fetches: plan.slice(0, -1),
    last: (_state, _context, written) => ({ step: stepOf(operandsInOrder(written(plan.at(-1) ?? ""))) }),
  };
};

const withoutTools = (tools: Toolset, left: ReadonlySet<string>): Toolset =>
  Object.fromEntries(Object.entries(tools).filter(([name]) => !left.has(name)));

/** An exercise that is shown: it calculates what the question asks, or what it decides by. */
const isRight = async <Own>(
  reward: Reward<ProjectSealed<Own>>,
  task: ProjectTask<Own>,
  { memory, answer }: Trajectory,
): Promise<boolean> => {
  const last = memory.at(-1)?.observation;
  return last?.status === "ok" && (statedValue(last)?.unit === TRUTH || (await reward(task, answer)) === 1);
};

/**
 * What is computed at random: what questions ask for, where the answers of all families are known, else everything;
 * comparisons and texts only where a question asks for one.
 */
const operationsOf = ({ asked, reached }: Exploration): readonly string[] => {
  const known = new Set([...asked.values()].flat().map(({ operation }) => operation));
  const isAllKnown = known.size > 0 && [...reached.values()].every(({ routes }) => routes.length > 0);
  const compared = Object.keys(comparisons).some((operation) => known.has(operation)) ? Object.keys(comparisons) : [];
  const stated = known.has(VALUE_OF_TEXT) ? [VALUE_OF_TEXT] : [];
  return [
    ...Object.keys(operations).filter((operation) => !isAllKnown || known.has(operation)),
    ...compared,
    ...stated,
  ];
};

/** The tools of an order, whatever the question; arguments are drawn among the valid ones. */
const fixedOrder =
  (order: readonly string[], scripted: Planner): Planner =>
  (state, context) => {
    const name = order[state.turn - 1] ?? order.at(-1) ?? "";
    const tool = state.tools[name];
    return tool === undefined ? { step: stepOf(name) } : scripted({ ...state, tools: { [name]: tool } }, context);
  };

/** Each tool that answered, alone and before a calculation. */
const startsOf = ({ tools }: Exploration, calculators: ReadonlySet<string>): readonly (readonly string[])[] => {
  const names = [...tools.keys()].filter((name) => !calculators.has(name));
  return names.map((name) => [name, ...calculators]).slice(0, 3);
};

const hashOf = (tasks: readonly ProjectTask[], tools: Toolset): string =>
  createHash("sha256")
    .update(
      JSON.stringify([tasks, Object.entries(tools).map(([name, tool]) => [name, tool.description, argumentsOf(tool)])]),
    )
    .digest("hex");
