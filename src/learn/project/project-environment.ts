import { createHash } from "node:crypto";
import type { AgentFlowConfig } from "../../config.ts";
import type { Environment, SetName, TaskOf, TaskSets } from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import { argumentsOf } from "../../flow/arguments.ts";
import type { FlowState, Planner } from "../../module.ts";
import { defined } from "../../options.ts";
import { deriveKey, random } from "../../random.ts";
import type { ReplyLog } from "../../reply-log.ts";
import { computes, type Toolset, toolsetOf } from "../../tool.ts";
import { stepOf } from "../../trajectory.ts";
import { knownFields } from "../planners/candidates.ts";
import { randomValidPlanner } from "../planners/random-valid.ts";
import type { Exploration } from "./explore.ts";
import { type ProjectSealed, type ProjectTask, rewardOf, trainingTasks } from "./project-tasks.ts";
import { allowedCalls, isValid } from "./valid-calls.ts";

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
  const callsOf = (tool: string, state: FlowState): readonly string[] =>
    allowedCalls(state.tools, tool, state, knownFields(state))
      .filter((call) => isValid(exploration.fits, tool, call))
      .map(({ subGoal }) => subGoal);
  const randomValid = (reading: number, taskOf: TaskOf<ProjectSealed<Own>>): Planner =>
    randomValidPlanner({
      reading,
      askedOf: (id) => exploration.asked.get(taskOf(id)?.id ?? ""),
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
    reward: rewardOf(config),
    tools: () => tools,
    flow: {
      ...defined({ analyst, budget, instructions, replies, secrets }),
    },
    randomValid,
    isCalculator: (tool) => calculators.has(tool),
    exercise: (task) =>
      gatherThenCalculate(
        task,
        exploration,
        calculators,
        randomValid(1, () => task),
      ),
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

/** Valid calls of tools that look up, at random, until what the question asks is there, and then the asked calculation. */
const gatherThenCalculate = (
  task: ProjectTask,
  { asked }: Exploration,
  calculators: ReadonlySet<string>,
  scripted: Planner,
): Planner => {
  const wanted = asked.get(task.id);
  const only = (state: FlowState, calculates: boolean): FlowState => ({
    ...state,
    tools: Object.fromEntries(Object.entries(state.tools).filter(([tool]) => calculators.has(tool) === calculates)),
  });
  return (state, context) => {
    const names = knownFields(state).map(({ name }) => name);
    const isThere =
      wanted?.fields.every(
        (name) => names.filter((one) => one === name).length >= wanted.fields.filter((one) => one === name).length,
      ) ?? false;
    const draws = random(deriveKey(context.randomKey, "exercise", state.turn));
    return scripted(only(state, isThere && draws.next() < 0.6), context);
  };
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
