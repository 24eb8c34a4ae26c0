import { access } from "node:fs/promises";
import { join } from "node:path";
import { openAlmanac } from "../almanac/environment.ts";
import { type Benchmark, benchmarks, fetchedBenchmark, findBenchmark, howToGet } from "../benchmarks/index.ts";
import { cacheFolder } from "../cache-folder.ts";
import { type Environment, type EnvironmentTask, type SetName, setNames } from "../environment.ts";
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
  /** What counts as right, for reports and for a judge. */
  expected(task: Task): readonly string[];
  readonly benchmark?: Benchmark | undefined;
  /** Of a benchmark: its file. */
  readonly file?: string | undefined;
  /** Of a set of the Almanac: its world, and its tasks as that world knows them. */
  readonly world?: World | undefined;
}

/** An environment with the tasks of one of its sets. */
export interface World {
  readonly environment: Environment;
  readonly tasks: readonly EnvironmentTask[];
}

/** What names the tasks of an evaluation. */
export interface SourceOptions {
  readonly config?: string | undefined;
  readonly seed: number;
  readonly format?: TaskFormat | undefined;
  readonly data?: string | undefined;
}

/** Sets of a project that are evaluated where none is named. */
const PROJECT_SETS: readonly SetName[] = ["heldOutPages", "heldOutFamily"];

/**
 * The tasks of a benchmark or a file; else a set of the project, or of the Almanac where there is none. Without a name all
 * held-out tasks of the project, or the Almanac's unseen pages. Throws `ConfigError` and `TaskError`.
 */
export const evalSource = async (asked: string | undefined, options: SourceOptions): Promise<EvalSource> => {
  const { config, seed } = options;
  const set = setNames.find((name) => name === asked);
  const isFile = asked !== undefined && set === undefined;
  const loaded = config === undefined || isFile ? undefined : (await loadConfig(config)).config;
  if (loaded?.tasks === undefined) return ofKeys(await keyedTasks(asked, options));
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
    expected: ({ sealed }) => {
      const { answer } = sealed as { readonly answer?: unknown };
      return typeof answer === "string" ? [answer] : [];
    },
  };
};

/** Tasks with their keys, and what they are called. */
interface KeyedTasks extends Pick<EvalSource, "name" | "benchmark" | "file" | "world"> {
  readonly tasks: readonly Task<AnswerKey>[];
}

/** Tasks whose answers are compared with a key: of a benchmark, of a file, or a set of the Almanac. */
export const keyedTasks = async (
  asked: string | undefined,
  { seed, format, data }: Omit<SourceOptions, "config">,
): Promise<KeyedTasks> => {
  const set = asked === undefined ? "heldOutPages" : setNames.find((name) => name === asked);
  const name = asked ?? "";
  const benchmark = set === undefined ? findBenchmark(name) : undefined;
  if (data !== undefined && benchmark === undefined)
    throw new ConfigError(`--data is the file of a benchmark: name one of ${benchmarkNames}, before it.`);
  if (set !== undefined) {
    const environment = await openAlmanac(seed);
    const tasks = environment.evaluation("test")[set];
    return {
      name: set,
      tasks: tasks.map((task) => ({ ...task, sealed: keyOfAlmanac(task.sealed) })),
      world: { environment: environment as Environment, tasks },
    };
  }
  if (data === undefined && (await isThere(name)))
    return { name, tasks: await readTaskFile(name, { ...defined({ format }), seed }) };
  if (benchmark === undefined)
    throw new ConfigError(
      `There is no benchmark, no set and no file ${name}: accepted are ${benchmarkNames}, ${setNames.join(", ")}, or a file.`,
    );
  const file = data ?? (await fetchedBenchmark(benchmark, dataFolder()))?.path;
  if (file === undefined) throw new ConfigError(`${benchmark.title} is not on this machine. ${howToGet(benchmark)}`);
  const tasks = await readTaskFile(file, { format: format ?? benchmark.format, seed });
  return { name: benchmark.name, tasks, benchmark, file };
};

const benchmarkNames = benchmarks.map(({ name }) => name).join(", ");

/** Where `agentflow data get` keeps files. */
export const dataFolder = (): string => join(cacheFolder(process.env), "data");

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const ofKeys = ({ tasks, ...source }: KeyedTasks): EvalSource => ({
  ...source,
  tasks,
  reward: answerReward as Reward,
  f1: ({ sealed }, answer) => scoreAnswer(sealed as AnswerKey, answer).f1,
  familyOf: ({ sealed }) => (sealed as { readonly family?: string }).family ?? "all",
  expected: ({ sealed }) => expectedBy(sealed as AnswerKey),
});

/** A choice by its option, an expression by what it has to come to. */
const expectedBy = ({ kind, answers, choices = [], index, numbers = [] }: AnswerKey): readonly string[] => {
  if (kind === "expression24") return [...answers, `24 from ${numbers.join(", ")}`];
  const option = index === undefined ? undefined : choices[index];
  return option === undefined ? answers : [option];
};

/** The Almanac's answers by the rules of files: numbers, dates and names. */
const keyOfAlmanac = (sealed: object): AnswerKey & { readonly family: string } => {
  const { answer, kind, unit, family } = sealed as { answer: string; kind: string; unit?: string; family: string };
  return { kind: kind === "number" ? "number" : "text", answers: [answer], family, ...defined({ unit }) };
};
