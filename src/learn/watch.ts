import { open, stat } from "node:fs/promises";
import { systemClock } from "../clock.ts";
import type { Environment, EnvironmentTask } from "../environment.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { checked, count, name, type Rules, required } from "../options.ts";
import { createRun, newRunId, type Run } from "../store/run-folder.ts";
import { queryOf, type Reward, type Task } from "../task.ts";
import { type AnswerKey, answerReward } from "../tasks/index.ts";
import { type Diagnosis, type OnlineLearner, onlineLearner } from "../train/index.ts";
import { diagnosisEvent } from "./diagnosis.ts";
import type { Emit } from "./event.ts";
import type { LearnOptions } from "./options.ts";
import { plannerSource } from "./planner-source.ts";
import { aboutPrompts } from "./recipe-prompts.ts";
import { learnRules, resumeRules } from "./rules.ts";
import { type LearnRun, runStream, secondsOf } from "./run-stream.ts";
import { settingsOf } from "./settings.ts";
import { closeAll, type Learning, openLearning } from "./start.ts";

export interface WatchOptions
  extends Pick<
    LearnOptions,
    | "environment"
    | "planner"
    | "recipe"
    | "folder"
    | "seed"
    | "learningRate"
    | "concurrency"
    | "abortSignal"
    | "stopSignal"
    | "clock"
  > {
  /** A file of tasks that grows: JSON lines of question and answer. */
  readonly file: string;
  /** New tasks that start a round. @default 32 */
  readonly every?: number | undefined;
  /** Stop after this many rounds. @default never */
  readonly rounds?: number | undefined;
}

export interface WatchReport {
  readonly schemaVersion: 1;
  readonly run: string;
  /** Content hash of each policy that was published last. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A task of the file, or a question of the gate. */
type Watched =
  | { readonly of: "file"; readonly key: AnswerKey }
  | { readonly of: "gate"; readonly task: EnvironmentTask };

/** Questions that a new version must still solve. */
const GATE = 96;
const POLL_MILLISECONDS = 500;

/**
 * Learns from a file of tasks while it grows. Each round rolls tasks out in groups, trains, and saves the new weights only
 * if they pass the gate: validation questions of the environment that the planner could answer before. Ends with
 * `stopSignal`, after the round under way, or after `rounds`.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { watch } from "agentflow/learn";
 *
 * const run = watch({ environment: almanac(), file: "tasks.jsonl", every: 32, rounds: 1 });
 * for await (const event of run) if (event.type === "round-end") console.log(event.round, event.published);
 * ```
 */
export const watch = (options: WatchOptions): LearnRun<WatchReport> =>
  runStream(
    checked("watch", options, watchRules),
    (emit, abortSignal) => watchFile(options, emit, abortSignal),
    () => options.stopSignal?.aborted === true,
  );

const watchRules: Rules<WatchOptions> = {
  ...resumeRules,
  recipe: learnRules.recipe,
  folder: name,
  seed: learnRules.seed,
  learningRate: learnRules.learningRate,
  concurrency: learnRules.concurrency,
  file: required(name),
  every: count,
  rounds: count,
};

const watchFile = async (options: WatchOptions, emit: Emit, abortSignal: AbortSignal): Promise<WatchReport> => {
  const { clock = systemClock } = options;
  const settings = settingsOf({ seed: options.seed });
  const environment = await options.environment.open({ seed: settings.seed, abortSignal });
  const planner = plannerSource(options.planner, environment);
  const { recipe } = options;
  const now = secondsOf(clock);
  const learning = await openLearning({
    settings,
    environment,
    planner,
    recipe,
    isShown: false,
    emit,
    now,
    abortSignal,
  });
  let run: Run | undefined;
  let learner: OnlineLearner<Watched> | undefined;
  try {
    const { environment: _, planner: __, clock: ___, abortSignal: ____, stopSignal: _____, ...asked } = options;
    run = await createRun(options.folder ?? "runs", newRunId(), { command: "watch", ...asked });
    learner = learnerOf(environment, learning, options, settings.seed, (found) => emit(diagnosisEvent(found)));
    emit({ type: "stage", stage: `watching ${options.file}; run: ${run.folder}` });
    await rounds(learner, learning, run, options, emit, abortSignal);
    return { schemaVersion: 1, run: run.id, versions: learner.versions };
  } finally {
    learner?.close();
    await closeAll(run, learning);
  }
};

const learnerOf = (
  environment: Environment,
  { flow, policies, recipe }: Learning,
  options: WatchOptions,
  seed: number,
  onDiagnosis: (diagnosis: Diagnosis) => void,
): OnlineLearner<Watched> => {
  const gate = environment
    .evaluation("validation", { heldOutPages: GATE })
    .heldOutPages.map((task): Task<Watched> => ({ ...queryOf(task), sealed: { of: "gate", task } }));
  const reward: Reward<Watched> = ({ sealed, ...query }, answer, cost) =>
    sealed.of === "file"
      ? answerReward({ ...query, sealed: sealed.key }, answer)
      : environment.reward(sealed.task, answer, cost);
  return onlineLearner<Watched>({
    flow,
    train: policies,
    reward,
    gate: { tasks: gate },
    seed,
    groupSize: recipe.grpo.groupSize,
    tasksPerStep: 16,
    stepsPerRound: 5,
    learningRate: options.learningRate ?? recipe.learningRate.peak / 2,
    optimiser: recipe.grpo.optimiser,
    beta: recipe.grpo.beta,
    concurrency: options.concurrency ?? recipe.concurrency,
    onDiagnosis,
  });
};

const rounds = async (
  learner: OnlineLearner<Watched>,
  { policies, recipe }: Learning,
  run: Run,
  { file, every = 32, rounds: most = Number.POSITIVE_INFINITY, stopSignal, clock = systemClock }: WatchOptions,
  emit: Emit,
  abortSignal: AbortSignal,
): Promise<void> => {
  const newTasks = tailOf(file, (message) => emit({ type: "diagnosis", message }));
  for (let round = 0; round < most && stopSignal?.aborted !== true; ) {
    abortSignal.throwIfAborted();
    for (const { sealed, ...query } of await newTasks()) learner.add({ ...query, sealed: { of: "file", key: sealed } });
    if (learner.waiting < every) {
      await new Promise<void>((wake) => void clock.after(POLL_MILLISECONDS, wake));
      continue;
    }
    const { published, gate, steps } = await learner.learn({ abortSignal });
    round += 1;
    for (const { timings: _, ...metrics } of steps) run.appendMetrics({ ...metrics, round });
    const versions = Object.fromEntries(policies.map(({ name, version }) => [name, version]));
    run.appendTimings({ round, published, gate, versions });
    if (published)
      for (const policy of policies)
        await policy.save(run.path(`weights${policies.length === 1 ? "" : `/${policy.name}`}`), aboutPrompts(recipe));
    await run.flush();
    const reward = steps.at(-1)?.reward.mean ?? 0;
    emit({ type: "round-end", round, reward, gate: gate.accuracy, floor: gate.floor, published });
  }
};

/** The tasks that came since the last call: whole lines that were added to a file. */
const tailOf = (path: string, onBad: (message: string) => void): (() => Promise<Task<AnswerKey>[]>) => {
  let read = 0;
  let line = 0;
  let isMissed = false;
  return async () => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) {
      if (!isMissed) onBad(`${path} is not there yet: waiting for it.`);
      isMissed = true;
      return [];
    }
    if (!found.isFile()) throw new ConfigError(`${path} is not a file: a file of tasks is watched, one in each line.`);
    if (found.size < read) throw new ConfigError(`${path} became shorter: a file that is watched may only grow.`);
    const handle = await open(path, "r");
    let text: string;
    try {
      const { buffer } = await handle.read(Buffer.alloc(found.size - read), 0, found.size - read, read);
      const end = buffer.lastIndexOf(10) + 1;
      text = buffer.subarray(0, end).toString("utf8");
      read += end;
    } finally {
      await handle.close();
    }
    return text
      .split("\n")
      .slice(0, -1)
      .flatMap((row) => {
        line += 1;
        try {
          return [taskOf(JSON.parse(row), `${path}#${line}`)];
        } catch (error) {
          // One wrong line does not end what runs for days.
          onBad(`${path}, line ${line} is skipped: ${messageOf(error)}`);
          return [];
        }
      });
  };
};

const taskOf = (row: unknown, id: string): Task<AnswerKey> => {
  const { question, answer, answers, kind, unit } = (row ?? {}) as Readonly<Record<string, unknown>>;
  const right = (Array.isArray(answers) ? answers : [answer])
    .filter((one) => typeof one === "string" || typeof one === "number")
    .map(String);
  if (typeof question !== "string" || question.trim() === "" || right.length === 0)
    throw new ConfigError("it needs a question and an answer.");
  const isNumber = kind === "number" || (kind === undefined && right.every((one) => /^-?[\d.,]+$/.test(one)));
  return {
    id,
    question,
    sealed: { kind: isNumber ? "number" : "text", answers: right, ...(typeof unit === "string" ? { unit } : {}) },
  };
};
