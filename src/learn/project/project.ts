import { budget as budgetRule } from "../../budget.ts";
import type { AgentFlowConfig } from "../../config.ts";
import type {
  Environment,
  EnvironmentOpening,
  EnvironmentSealed,
  EnvironmentSource,
  Finding,
  TaskSets,
} from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import {
  seed as aSeed,
  callback,
  checked,
  defined,
  either,
  listOf,
  name,
  objectWith,
  type Rules,
  required,
  ruleOf,
  text,
} from "../../options.ts";
import { secretsOf } from "../../secrets/secrets.ts";
import type { Reward } from "../../task.ts";
import { toolset, toolsetOf } from "../../tool.ts";
import { checkDecisions } from "../explore/decision.ts";
import { type Exploration, explore } from "../explore/explore.ts";
import { checkDuplicates, checkLeaks, checkReward, checkSpread, checkTasks, checkTools } from "./check-project.ts";
import { calculatorsOf, projectEnvironment, projectSets } from "./project-environment.ts";
import { type ProjectSealed, readTasks, rewardOf, splitTasks } from "./project-tasks.ts";
import { rememberingPure } from "./pure-tools.ts";
import { checkReach } from "./reach.ts";
import { checkReadings } from "./readings.ts";

/** Turns of a walk that looks what there is: more than a solve has, so that what long plans need comes by. */
const EXPLORED_TURNS = 10;

/** Somebody's own tools, tasks and reward. */
export interface ProjectOptions<Own = unknown>
  extends Pick<AgentFlowConfig<Own>, "analyst" | "tools" | "tasks" | "reward" | "budget" | "instructions"> {
  /** What messages call it. @default "project" */
  readonly name?: string | undefined;
  /** What identifies it in a run's `config.json` besides a hash of its tasks and tools. */
  readonly record?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Taken out of all that the tools bring, so that no key is kept or learnt.
   * @default what the environment of this process holds
   */
  readonly secrets?: readonly string[] | undefined;
}

/**
 * A user's own tools and tasks as an environment. When a run opens it, its tools are called with real arguments and all
 * that would make training vain is looked for; `findings` says what was found. Opening throws `ConfigError` where there is
 * nothing to look at: no tools, or fewer tasks than a step needs.
 *
 * @example
 * ```ts
 * import { tool } from "agentflow";
 * import { checkEnvironment, project } from "agentflow/learn";
 *
 * const double = tool<{ number: string }>({
 *   description: "Twice a number.",
 *   inputSchema: { type: "object", properties: { number: { type: "string" } }, required: ["number"] },
 *   execute: ({ number }) => 2 * Number(number),
 * });
 * const taskOf = (i: number) => ({ id: `${i}`, question: `What is twice ${i}?`, sealed: { answer: 2 * i } });
 * const tasks = Array.from({ length: 200 }, (_, i) => taskOf(i));
 * console.log(await checkEnvironment(project({ tools: { double }, tasks }), { seed: 7 }));
 * ```
 */
export const project = <Own = unknown>(options: ProjectOptions<Own>): EnvironmentSource<ProjectSealed<Own>> => {
  const { name: called = "project" } = checked("project", options, projectRules);
  return { name: called, open: (opening) => openProject({ ...options, name: called }, opening) };
};

const projectRules: Rules<ProjectOptions> = {
  name,
  record: objectWith("what identifies it in config.json"),
  secrets: listOf(text),
  tools: toolset,
  tasks: either(callback, listOf(objectWith("a task with id, question and sealed"))),
  reward: callback,
  analyst: callback,
  budget: budgetRule,
  instructions: text,
};

const openProject = async <Own>(
  options: ProjectOptions<Own> & { readonly name: string },
  { seed, replies, onStage = () => undefined, abortSignal = new AbortController().signal }: EnvironmentOpening,
): Promise<Environment<ProjectSealed<Own>>> => {
  const { name: called, secrets = secretsOf(process.env), budget, analyst } = options;
  const tools = rememberingPure(toolsetOf(options.tools ?? {}));
  const tasks = splitTasks(await readTasks(options, called, seed));
  const enough = checkTasks(tasks, called);
  if (enough.level === "error") throw new ConfigError(enough.message);
  if (Object.keys(tools).length === 0)
    throw new ConfigError(`${called} has no tools: give it tools, each with description, inputSchema, execute.`);
  onStage("checking the reward");
  const reward = await checkReward(options, tasks);
  if (reward.level === "error") throw new ConfigError(reward.message);
  const calculators = calculatorsOf(tools);
  const walkOver = (role: EnvironmentSealed["role"], doing: string): Promise<Exploration> =>
    explore({
      name: role,
      tools,
      calculators,
      tasks: tasks.filter(({ sealed }) => sealed.role === role && (role === "heldOut" || sealed.split === "train")),
      reward: rewardOf(options),
      flow: {
        ...defined({ analyst, budget, replies, secrets }),
      },
      seed,
      turns: Math.max(EXPLORED_TURNS, budget?.turns ?? 0),
      onProgress: (done, total) => onStage(`${doing}: ${done}/${total}`),
      abortSignal,
    });
  const exploration = await walkOver("trained", "calling the tools");
  const environment = projectEnvironment({ config: { ...options, tools }, tasks, exploration, seed, replies, secrets });
  const answering = checkTools(options, exploration);
  const broken = answering.some(({ level }) => level === "error");
  // What is never trained is looked at for what is said of it, and for nothing else.
  const { reached, readings, taken } = await walkOver("heldOut", "calling the tools for what is never trained");
  onStage("random valid plans");
  const { finding, luck } = broken ? {} : await checkSpread(environment, seed, abortSignal);
  return {
    ...environment,
    name: called,
    record: { project: called, ...options.record, tasks: environment.hash },
    findings: [
      enough,
      reward,
      ...answering,
      checkLeaks(options, tasks),
      checkDuplicates(tasks),
      ...checkReadings([...exploration.readings, ...readings], new Set([...exploration.taken, ...taken])),
      ...checkDecisions(exploration),
      ...(finding === undefined ? [] : [finding]),
      ...checkReach({ trained: exploration.reached, heldOut: reached, luck: luck ?? new Map(), calculators }),
    ],
  };
};

/** A project's held-out tasks by set, and its reward: what an evaluation needs, without a call of its tools. */
export interface ProjectEvaluation<Own = unknown> {
  readonly sets: TaskSets<ProjectSealed<Own>>;
  readonly reward: Reward<ProjectSealed<Own>>;
}

/**
 * The held-out tasks of a project, as its runs of learning have them in the end. Throws `ConfigError` for tasks that cannot
 * be read.
 *
 * @example
 * ```ts
 * import { projectEvaluation } from "agentflow/learn";
 * import { loadConfig } from "agentflow/setup";
 *
 * const { config } = await loadConfig("agentflow.config.ts");
 * const { sets } = await projectEvaluation(config, { seed: 7 });
 * console.log(sets.heldOutPages.length);
 * ```
 */
export const projectEvaluation = async <Own>(
  options: Pick<ProjectOptions<Own>, "tasks" | "reward" | "name">,
  opening: Pick<EnvironmentOpening, "seed">,
): Promise<ProjectEvaluation<Own>> => {
  ruleOf(projectRules, { others: "any" })(options, "projectEvaluation");
  ruleOf<Pick<EnvironmentOpening, "seed">>({ seed: required(aSeed) })(opening, "projectEvaluation: the opening");
  return {
    sets: projectSets(splitTasks(await readTasks(options, options.name ?? "project", opening.seed)), "test"),
    reward: rewardOf(options),
  };
};

/**
 * Opens an environment and says what its check found: a project's tools are called, its reward is tried, its tasks are
 * compared. Throws as opening does.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { checkEnvironment } from "agentflow/learn";
 *
 * for (const { level, message } of await checkEnvironment(almanac(), { seed: 7 })) console.log(level, message);
 * ```
 */
export const checkEnvironment = async (
  source: EnvironmentSource,
  opening: EnvironmentOpening,
): Promise<readonly Finding[]> => (await source.open(opening)).findings;

/** Throws `ConfigError` with the first thing that would make training vain. */
export const requireSound = (findings: readonly Finding[]): void => {
  const errors = findings.filter(({ level }) => level === "error");
  const [first] = errors;
  if (first === undefined) return;
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more: learn --check shows all)`;
  throw new ConfigError(`${first.message}${more}`);
};
