import type { AgentFlowConfig } from "../../config.ts";
import type { Finding } from "../../environment.ts";
import { messageOf } from "../../errors.ts";
import { randomKey } from "../../random.ts";
import { queryOf } from "../../task.ts";
import { toolsetOf } from "../../tool.ts";
import type { Trajectory } from "../../trajectory.ts";
import { type DemonstrationEnvironment, scriptedFlow } from "../demonstrations.ts";
import type { Exploration } from "../explore/explore.ts";
import { calculatorsOf } from "./project-environment.ts";
import { type ProjectTask, rewardOf } from "./project-tasks.ts";
import type { Luck } from "./reach.ts";

/** Groups of a step, and thus fewest training tasks. */
const FEWEST_TASKS = 16;

/** With fewer the interval of an accuracy is wider than most gains. */
const FEWEST_MEASURED = 30;

/** Half of the widest 95 % interval of an accuracy on this many tasks, in points. */
const marginOf = (tasks: number): number => Math.round((100 * 1.96 * 0.5) / Math.sqrt(tasks + 1.96 ** 2));

/** Whether there are tasks enough to train and to measure on. */
export const checkTasks = (tasks: readonly ProjectTask[], file: string): Finding => {
  const [training = 0, validation = 0, test = 0] = ["train", "validation", "test"].map(
    (split) => tasks.filter(({ sealed }) => sealed.role === "trained" && sealed.split === split).length,
  );
  const families = new Set(tasks.map(({ sealed }) => sealed.family)).size;
  const familiesOf = (split: "train" | "test"): readonly string[] => [
    ...new Set(
      tasks.flatMap(({ sealed }) => (sealed.role === "trained" && sealed.split === split ? [sealed.family] : [])),
    ),
  ];
  const measured = familiesOf("test");
  const unmeasured = familiesOf("train").filter((family) => !measured.includes(family));
  const held = [...new Set(tasks.filter(({ sealed }) => sealed.role === "heldOut").map(({ sealed }) => sealed.family))];
  const of = (level: Finding["level"], message: string): Finding => ({ check: "tasks", level, message });
  if (training < FEWEST_TASKS)
    return of(
      "error",
      `Cannot train on ${training} tasks: groups need at least ${FEWEST_TASKS} (${file} has ${tasks.length}${tasks.length > training ? `, of which ${tasks.length - training} are held out` : ""}). Write a generator of variations.`,
    );
  if (test === 0)
    return of("error", `None of ${tasks.length} tasks is held out to measure on: a tenth is, so give some more.`);
  const counted = `${tasks.length} tasks in ${families} ${families === 1 ? "family" : "families"}: ${training} to train, ${validation} to choose the best weights by, ${test} unseen ones to measure`;
  const short = [
    ...(training < 100 ? ["a few hundred teach more"] : []),
    ...(test < FEWEST_MEASURED
      ? [`with ${test} to measure on, an accuracy is known to within ${marginOf(test)} points`]
      : []),
    ...(unmeasured.length > 0 ? [`not measured, since none of their tasks is held out: ${unmeasured.join(", ")}`] : []),
  ];
  return of(
    short.length > 0 ? "warning" : "ok",
    [`${counted}${held.length === 0 ? "" : `, never trained: ${held.join(", ")}`}`, ...short].join("; "),
  );
};

/** Whether each tool answers a call with real arguments: entities of questions and what other tools brought. */
export const checkTools = (config: Pick<AgentFlowConfig, "tools">, exploration: Exploration): Finding[] => {
  const tools = toolsetOf(config.tools ?? {});
  const names = Object.keys(tools);
  const calculators = calculatorsOf(tools);
  // What calculates can only be called once the others have brought something.
  const lookUps = names.filter((name) => !calculators.has(name));
  const silent = (name: string): boolean => (exploration.tools.get(name)?.ok ?? 0) === 0;
  const isAnswered = [...exploration.tools.values()].some(({ values }) => values > 0);
  const findings = (lookUps.some(silent) ? lookUps : names).flatMap((name): Finding[] => {
    const { calls, ok, lastError } = exploration.tools.get(name) ?? { calls: 0, ok: 0 };
    if (ok > 0) return [];
    const why =
      calls === 0
        ? "was never called: nothing in the questions or in what other tools bring fits its arguments. Its input schema needs required arguments, and the tools before it fields (return an object, or { text, fields })"
        : `failed in all of ${calls} calls, the last one with: ${lastError?.replace(/\.$/u, "")}`;
    // Without what calculates, tools that state answers themselves do.
    const level = calls === 0 && calculators.has(name) && isAnswered ? "warning" : "error";
    return [{ check: "tools", level, message: `The tool ${name} ${why}.` }];
  });
  if (names.length === 0)
    return [{ check: "tools", level: "error", message: "There are no tools: give tools to defineConfig." }];
  const fieldless = lookUps.flatMap((name): Finding[] => {
    const { ok = 0, fields = 0, isList = false } = exploration.tools.get(name) ?? {};
    if (ok === 0 || fields > 0) return [];
    const returns = isList ? "a list" : "text";
    const message = `${name} brings no fields: it returns ${returns}, to which no later call can refer. Return an object of texts and numbers, or { text, fields }.`;
    return [{ check: "tools", level: "warning", message }];
  });
  if (findings.length > 0) return [...findings, ...fieldless];
  if (!isAnswered)
    return [
      {
        check: "tools",
        level: "error",
        message:
          "No tool ever states an answer: the flow ends at a field called value. Let a tool return a number or { text, fields: { value } }, or add calculate of agentflow/tools, which states a value that others have brought.",
      },
    ];
  const shares = names.map((name) => {
    const { calls, ok } = exploration.tools.get(name) ?? { calls: 0, ok: 0 };
    return `${name} ${ok}/${calls}`;
  });
  return [
    { check: "tools", level: "ok", message: `each tool answers (of random calls: ${shares.join(", ")})` },
    ...fieldless,
  ];
};

/** Tasks that a check of the reward looks at. */
const REWARDED = 50;

/** Whether the reward is a function into [0, 1], gives the expected answer 1 and no answer nothing. */
export const checkReward = async <Own>(
  config: Pick<AgentFlowConfig<Own>, "reward">,
  tasks: readonly ProjectTask<Own>[],
): Promise<Finding> => {
  const reward = rewardOf(config);
  const of = (level: Finding["level"], message: string): Finding => ({ check: "reward", level, message });
  let low: string | undefined;
  try {
    for (const task of tasks.slice(0, REWARDED)) {
      const { answer: expected } = task.sealed;
      for (const answer of [undefined, "", "0", ...(expected === "" ? [] : [expected])]) {
        const [first, second] = [await reward(task, answer), await reward(task, answer)];
        const given = `The reward of task ${task.id} for ${answer === undefined ? "no answer" : JSON.stringify(answer)}`;
        if (first !== undefined && !(typeof first === "number" && first >= 0 && first <= 1))
          return of("error", `${given} is ${first}: it must be a number from 0 to 1, or undefined for no sample.`);
        if (first !== second)
          return of("error", `${given} is ${first} and then ${second}: the same answer must always be worth the same.`);
        if (answer === undefined && (first ?? 0) > 0)
          return of("error", `${given} is ${first}: a flow that gives up must earn nothing.`);
        if (answer === expected && first !== 1) low ??= `${given}, which is its sealed.answer, is ${first}, not 1.`;
      }
    }
  } catch (error) {
    return of("error", messageOf(error));
  }
  return low === undefined
    ? of("ok", "from 0 to 1, the same each time, 1 for the expected answer")
    : of("warning", low);
};

const SPREAD_TASKS = 96;
/** Tasks of each family at least, so that something can be said of it. */
const SPREAD_OF_FAMILY = 24;
const ROLLOUTS = 2;

/** Whether random valid plans earn some of the reward and not all of it, and how often they do in each family. */
export const checkSpread = async (
  environment: DemonstrationEnvironment,
  seed: number,
  abortSignal: AbortSignal,
): Promise<{ readonly finding: Finding; readonly luck: ReadonlyMap<string, Luck> }> => {
  const { families } = environment;
  const length = Math.max(SPREAD_TASKS, SPREAD_OF_FAMILY * families.length);
  const drawn = Array.from({ length }, (_, i) =>
    environment.train(families[i % families.length] ?? "", Math.floor(i / families.length)),
  );
  // A family of few tasks starts over.
  const tasks = [...new Map(drawn.map((task) => [task.id, task])).values()];
  const luck = new Map<string, Luck>();
  const flow = scriptedFlow(environment, new Map(tasks.map((task) => [task.id, task])));
  const endings = new Map<string, number>();
  const count = (ending: string): void => void endings.set(ending, (endings.get(ending) ?? 0) + 1);
  let sum = 0;
  let solved = 0;
  for (const [i, task] of tasks.entries()) {
    let best = 0;
    for (let g = 0; g < ROLLOUTS; g += 1) {
      abortSignal.throwIfAborted();
      const { trajectory } = await flow.solve(queryOf(task), {
        id: `spread-${i}-${g}`,
        randomKey: randomKey(seed, "spread", i, g),
        abortSignal,
      });
      abortSignal.throwIfAborted();
      const reward = (await environment.reward(task, trajectory.answer)) ?? 0;
      sum += reward;
      best = Math.max(best, reward);
      if (reward < 1) count(endingOf(trajectory));
    }
    if (best > 0) solved += 1;
    const { tried, solved: before } = luck.get(task.sealed.family) ?? { tried: 0, solved: 0 };
    luck.set(task.sealed.family, { tried: tried + 1, solved: before + (best > 0 ? 1 : 0) });
  }
  const mean = sum / (tasks.length * ROLLOUTS);
  const ended = [...endings]
    .sort(([, a], [, b]) => b - a)
    .map(([ending, times]) => `${times} × ${ending}`)
    .join(", ");
  const of = (level: Finding["level"], message: string) => ({
    finding: { check: "spread", level, message } as const,
    luck,
  });
  if (sum === 0)
    return of(
      "error",
      `Random valid plans earned nothing on ${tasks.length} training tasks (${ended}), so there is nothing to compare. ` +
        "Give shorter tasks among them, more turns (budget.turns), a reward for parts of the way, or check that the tools can reach the expected answers.",
    );
  if (mean > 0.98)
    return of("warning", `random valid plans earn ${percentOf(mean)} of the reward: there is little left to learn`);
  return of(
    solved < tasks.length / 20 ? "warning" : "ok",
    `random valid plans earn ${percentOf(mean)} of the reward, some of it on ${percentOf(solved / tasks.length)} of the tasks (else: ${ended})`,
  );
};

const percentOf = (share: number): string => `${Math.round(100 * share)} %`;

const endingOf = ({ answer, stopReason }: Trajectory): string =>
  answer === undefined ? `no answer (${stopReason})` : "another answer";

/** Answers of fewer characters stand in texts by chance, and so does a yes or no. */
const SHORTEST_LEAK = 3;
/** Longer ones do not stand in a question by chance. */
const LONGEST_LEAK = 200;
/** Characters of a question that are searched. */
const QUESTION_LENGTH = 20_000;
/** This many leaks are not a coincidence. */
const LEAK_SHARE = 0.05;

/** What finds an answer in a text; undefined for one that stands there by chance or cannot stand there. */
const leakOf = (answer: string): RegExp | undefined => {
  const bare = answer.trim();
  const isTruth = /^(?:yes|no|true|false)$/iu.test(bare);
  if (bare.length < SHORTEST_LEAK || bare.length > LONGEST_LEAK || isTruth) return undefined;
  const escaped = bare.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}.])${escaped}(?![\\p{L}\\p{N}])`, "iu");
};

/** Whether expected answers appear in what a planner sees: the question, descriptions of tools, instructions. */
export const checkLeaks = (
  { tools = {}, instructions = "" }: Pick<AgentFlowConfig, "tools" | "instructions">,
  tasks: readonly ProjectTask[],
): Finding => {
  const told = [instructions, ...Object.values(tools).map(({ description }) => description)].join("\n");
  const leaking = tasks.flatMap((task) => {
    const word = leakOf(task.sealed.answer);
    const question = task.question.slice(0, QUESTION_LENGTH);
    if (word?.test(question)) return { ...task, place: `"${question.slice(0, 120)}"` };
    return word?.test(told) ? { ...task, place: "the instructions or a tool's description" } : [];
  });
  const [first] = leaking;
  if (first === undefined)
    return {
      check: "leaks",
      level: "ok",
      message: "no answer stands in a question, a description or the instructions",
    };
  return {
    check: "leaks",
    level: leaking.length > LEAK_SHARE * tasks.length ? "error" : "warning",
    message: `The expected answer appears in the question or in what the planner sees in ${leaking.length} of ${tasks.length} tasks, such as ${first.id}: "${first.sealed.answer}" in ${first.place}.`,
  };
};

/** Whether a question that is measured is also trained, and whether equal questions have equal answers. */
export const checkDuplicates = (tasks: readonly ProjectTask[]): Finding => {
  const known = new Map<string, ProjectTask>();
  const of = (level: Finding["level"], message: string): Finding => ({ check: "duplicates", level, message });
  let twice = 0;
  for (const task of tasks) {
    const key = task.question.trim().toLowerCase().replace(/\s+/gu, " ");
    const earlier = known.get(key);
    known.set(key, earlier ?? task);
    if (earlier === undefined) continue;
    twice += 1;
    const [a, b] = [earlier.sealed, task.sealed];
    if (a.answer !== b.answer)
      return of(
        "error",
        `The tasks ${earlier.id} and ${task.id} ask the same and expect "${a.answer}" and "${b.answer}".`,
      );
    if (a.split !== b.split || a.role !== b.role)
      return of(
        "error",
        `The tasks ${earlier.id} and ${task.id} ask the same, one of them in training and one held out: give both the same sealed.group, or leave one out.`,
      );
  }
  return twice === 0
    ? of("ok", "no question is asked twice")
    : of("warning", `${twice} of ${tasks.length} questions are asked twice or more`);
};
