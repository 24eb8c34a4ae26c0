import { access } from "node:fs/promises";
import { openAlmanac } from "../almanac/environment.ts";
import { type SetName, setNames } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { projectEvaluation } from "../learn/project/project.ts";
import { defined } from "../options.ts";
import { loadConfig } from "../setup/config-file.ts";
import type { Reward, Task } from "../task.ts";
import { type AnswerKey, answerReward, readTaskFile, scoreAnswer, type TaskFormat } from "../tasks/index.ts";

/** What is evaluated, and what an answer is worth. */
export interface EvalSource {
  /** For people and for the report. */
  readonly name: string;
  readonly tasks: readonly Task[];
  readonly reward: Reward;
  /** F1 of an answer in words, where the kind of answer has one. */
  f1(task: Task, answer: string | undefined): number | undefined;
  familyOf(task: Task): string;
}

/** Sets of a project that are evaluated where none is named. */
const PROJECT_SETS: readonly SetName[] = ["heldOutPages", "heldOutFamily"];

/**
 * The tasks of a file; else a set of the project, or of the Almanac where there is none. Without a name all held-out tasks of
 * the project, or the Almanac's unseen pages. Throws `ConfigError` and `TaskError`.
 */
export const evalSource = async (
  asked: string | undefined,
  {
    config,
    seed,
    format,
  }: { readonly config?: string | undefined; readonly seed: number; readonly format?: TaskFormat | undefined },
): Promise<EvalSource> => {
  const set = setNames.find((name) => name === asked);
  const isFile = asked !== undefined && set === undefined;
  const loaded = config === undefined || isFile ? undefined : (await loadConfig(config)).config;
  if (loaded?.tasks === undefined) return ofKeys(await keyedTasks(asked, { ...defined({ format }), seed }));
  const { sets, reward } = await projectEvaluation({ ...loaded, name: config }, { seed });
  const names = set === undefined ? PROJECT_SETS : [set];
  const tasks = names.flatMap((name) => sets[name]);
  if (tasks.length === 0)
    throw new ConfigError(`${config} has no tasks in ${names.join(" and ")}: a tenth of its tasks is held out.`);
  return {
    name: set ?? "held-out tasks",
    tasks,
    reward: reward as Reward,
    f1: () => undefined,
    familyOf: ({ sealed }) => (sealed as { readonly family: string }).family,
  };
};

/** Tasks with their keys, and what they are called. */
interface KeyedTasks {
  readonly name: string;
  readonly tasks: readonly Task<AnswerKey>[];
}

/** Tasks whose answers are compared with a key: of a file, or a set of the Almanac. */
export const keyedTasks = async (
  asked: string | undefined,
  { seed, format }: { readonly seed: number; readonly format?: TaskFormat | undefined },
): Promise<KeyedTasks> => {
  const set = asked === undefined ? "heldOutPages" : setNames.find((name) => name === asked);
  if (set !== undefined) {
    const tasks = (await openAlmanac(seed)).evaluation("test")[set];
    return { name: set, tasks: tasks.map((task) => ({ ...task, sealed: keyOfAlmanac(task.sealed) })) };
  }
  const file = asked ?? "";
  const isFile = await access(file).then(
    () => true,
    () => false,
  );
  if (!isFile) throw new ConfigError(`There is no set and no file ${file}: the sets are ${setNames.join(", ")}.`);
  return { name: file, tasks: await readTaskFile(file, { ...defined({ format }), seed }) };
};

const ofKeys = ({ name, tasks }: KeyedTasks): EvalSource => ({
  name,
  tasks,
  reward: answerReward as Reward,
  f1: ({ sealed }, answer) => scoreAnswer(sealed as AnswerKey, answer).f1,
  familyOf: ({ sealed }) => (sealed as { readonly family?: string }).family ?? "all",
});

/** The Almanac's answers by the rules of files: numbers, dates and names. */
const keyOfAlmanac = (sealed: object): AnswerKey & { readonly family: string } => {
  const { answer, kind, unit, family } = sealed as { answer: string; kind: string; unit?: string; family: string };
  return { kind: kind === "number" ? "number" : "text", answers: [answer], family, ...defined({ unit }) };
};
