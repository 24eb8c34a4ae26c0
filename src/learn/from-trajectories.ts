import { systemClock } from "../clock.ts";
import type { Policy } from "../engine.ts";
import type { Environment, SetName } from "../environment.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { checked, count, listOf, name, number, objectWith, type Rules } from "../options.ts";
import { random, randomKey } from "../random.ts";
import { readLines } from "../store/lines.ts";
import { createRun, newRunId, type Run } from "../store/run-folder.ts";
import { queryOf } from "../task.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import type { Trajectory } from "../trajectory.ts";
import { type Evaluated, evaluateSets, type Gain, gainOf, type PlannerFigures } from "./evaluation.ts";
import type { Emit, EvaluationPhase } from "./event.ts";
import { imitation } from "./imitated-sequences.ts";
import type { LearnOptions } from "./options.ts";
import { plannerSource } from "./planner-source.ts";
import { aboutPrompts, promptsOf } from "./recipe-prompts.ts";
import { setsOf } from "./record.ts";
import { learnRules, openingRules } from "./rules.ts";
import { type LearnRun, runStream, secondsOf } from "./run-stream.ts";
import { settingsOf } from "./settings.ts";
import { silentModel } from "./silent-model.ts";
import { closeAll, type Learning, openLearning } from "./start.ts";

export interface FromTrajectoriesOptions
  extends Pick<
    LearnOptions,
    "environment" | "planner" | "recipe" | "folder" | "seed" | "evalTasks" | "validation" | "abortSignal" | "clock"
  > {
  /**
   * Trajectories to imitate; of those whose reward is known, only the ones that earned the whole of it.
   *
   * @default the oracle's plans on training tasks
   */
  readonly trajectories?: readonly (Trajectory & { readonly reward?: number | undefined })[] | undefined;
  /** How many of the oracle's plans. @default 2000 */
  readonly demonstrations?: number | undefined;
  /** @default 300 */
  readonly steps?: number | undefined;
  /** Trajectories of a step. @default 32 */
  readonly batch?: number | undefined;
  /** Peak. @default 1e-3 */
  readonly learningRate?: number | undefined;
}

/** `report.json` of supervised training. */
export interface SupervisedReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly trajectories: number;
  readonly steps: number;
  /** Of the last step. */
  readonly loss: number;
  readonly seconds: number;
  readonly before: PlannerFigures;
  readonly after: PlannerFigures;
  readonly gain: Readonly<Record<SetName, Gain>>;
}

/**
 * Supervised training from trajectories: offline imitation, the baseline that learning in the flow is compared with. The
 * planner is evaluated before and after on the same sets as by `learn`. Throws `ConfigError` where there is nothing to
 * imitate.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learnFromTrajectories } from "agentflow/learn";
 *
 * const { report } = learnFromTrajectories({ environment: almanac(), demonstrations: 200, steps: 50, evalTasks: 8 });
 * console.log((await report).gain.heldOutPages.points);
 * ```
 */
export const learnFromTrajectories = (options: FromTrajectoriesOptions): LearnRun<SupervisedReport> =>
  runStream(
    checked("learnFromTrajectories", options, optionRules),
    (emit, abortSignal) => imitate(options, emit, abortSignal),
    () => false,
  );

const optionRules: Rules<FromTrajectoriesOptions> = {
  ...openingRules,
  recipe: learnRules.recipe,
  folder: name,
  seed: learnRules.seed,
  evalTasks: learnRules.evalTasks,
  validation: learnRules.validation,
  trajectories: listOf(objectWith("a trajectory")),
  demonstrations: count,
  steps: count,
  batch: count,
  learningRate: number(),
};

const imitate = async (
  options: FromTrajectoriesOptions,
  emit: Emit,
  abortSignal: AbortSignal,
): Promise<SupervisedReport> => {
  const { demonstrations = 2000, clock = systemClock } = options;
  const now = secondsOf(clock);
  const begun = now();
  const settings = settingsOf({ seed: options.seed, evalTasks: options.evalTasks, validation: options.validation });
  const { seed } = settings;
  const environment = await options.environment.open({ seed, abortSignal });
  const planner = plannerSource(options.planner, environment);
  const { recipe } = options;
  const learning = await openLearning({ settings, environment, planner, recipe, emit, now, abortSignal });
  let run: Run | undefined;
  try {
    const [policy] = learning.policies;
    if (policy === undefined) throw new ConfigError("There is no planner to train.");
    const shown =
      options.trajectories?.filter(unlessWrong) ?? (await oraclePlans(environment, demonstrations, seed, abortSignal));
    const { environment: _, planner: __, clock: ___, abortSignal: ____, trajectories: _____, ...asked } = options;
    run = await createRun(options.folder ?? "runs", newRunId(), {
      command: "sft",
      ...asked,
      model: learning.planner.name,
      trajectories: shown.length,
    });
    const sets = setsOf(environment, settings);
    const evaluateNow = async (phase: EvaluationPhase): Promise<Evaluated> => {
      const from = now();
      const evaluated = await evaluateSets({
        flow: phase === "before" ? learning.flowBefore : learning.flow,
        sets,
        environment,
        seed,
        concurrency: learning.concurrency,
        policies: learning.policies,
        onProgress: (done, total) => emit({ type: "evaluation-progress", phase, done, total }),
        abortSignal,
      });
      emit({ type: "evaluation-end", phase, figures: evaluated.figures, seconds: now() - from });
      return evaluated;
    };
    const before = await evaluateNow("before");
    const { steps, loss } = await trainOn(shown, policy, learning, run, { ...options, seed }, emit, abortSignal);
    const after = await evaluateNow("after");
    await policy.save(run.path("weights"), aboutPrompts(learning.recipe));
    const report: SupervisedReport = {
      schemaVersion: 1,
      run: run.id,
      trajectories: shown.length,
      steps,
      loss,
      seconds: now() - begun,
      before: before.figures,
      after: after.figures,
      gain: gainOf(before, after),
    };
    await run.writeJson("report.json", report);
    return report;
  } finally {
    await closeAll(run, learning);
  }
};

const trainOn = async (
  shown: readonly Trajectory[],
  policy: Policy,
  { engine, tools, recipe }: Learning,
  run: Run,
  { steps = 300, batch = 32, learningRate = 1e-3, seed }: FromTrajectoriesOptions & { readonly seed: number },
  emit: Emit,
  abortSignal: AbortSignal,
): Promise<{ readonly steps: number; readonly loss: number }> => {
  const form = { tools, ...promptsOf(recipe) };
  const sequences = shown.map((trajectory) => imitation(engine, trajectory, form));
  const training = supervised({
    policy,
    steps,
    learningRate: linearSchedule({ peak: learningRate, steps, warmUp: 4, finalShare: 0.1 }),
    sequences: (step) =>
      random(randomKey(seed, "sft", step))
        .shuffle(sequences)
        .slice(0, batch),
    abortSignal,
  });
  let last = 0;
  for await (const { step, loss, gradientNorm } of training) {
    last = loss;
    run.appendMetrics({ step, loss, gradientNorm });
    emit({ type: "imitation-step", step: step + 1, steps, loss });
  }
  return { steps, loss: last };
};

/** The oracle's plans on training tasks, carried out. */
const oraclePlans = async (
  environment: Environment,
  count: number,
  seed: number,
  abortSignal: AbortSignal,
): Promise<Trajectory[]> => {
  if (environment.oracle === undefined)
    throw new ConfigError(`${environment.name} has no oracle to imitate: give trajectories (sft --from).`);
  const { families } = environment;
  const tasks = Array.from({ length: count }, (_, i) => {
    const family = families[i % families.length];
    return family === undefined ? [] : [environment.train(family, Math.floor(i / families.length))];
  }).flat();
  const known = new Map(tasks.map((task) => [task.id, task]));
  const planner = environment.oracle((id) => known.get(id));
  const flow = createFlow({ ...environment.flow, planner, tools: environment.tools(silentModel) });
  const shown: Trajectory[] = [];
  for (const [i, task] of tasks.entries()) {
    abortSignal.throwIfAborted();
    const { trajectory } = await flow.solve(queryOf(task), {
      id: `sft-${i}`,
      randomKey: randomKey(seed, "sft", i),
      abortSignal,
    });
    if ((await environment.reward(task, trajectory.answer)) === 1) shown.push(trajectory);
  }
  return shown;
};

/**
 * The solved trajectories in a file of JSON lines: rows that are trajectories, or that hold one. Throws `StoreError` where
 * there are none.
 *
 * @example
 * ```ts
 * import { readSolved } from "agentflow/learn";
 *
 * const solved = await readSolved("runs/2026-11-29-1412-7f3a");
 * console.log(solved.length);
 * ```
 */
export const readSolved = async (path: string): Promise<Trajectory[]> => {
  const solved = (await readLines(path)).flatMap((value) => {
    const row = (value ?? {}) as { readonly trajectory?: unknown; readonly reward?: unknown };
    const trajectory = [row.trajectory, row].find(isTrajectory);
    if (trajectory === undefined || trajectory.memory.length === 0) return [];
    return isSolved({ reward: row.reward, status: trajectory.status }) ? [trajectory] : [];
  });
  if (solved.length === 0)
    throw new StoreError(
      `${path} holds no solved trajectories with their memory (a run of solve, or a partial file of eval).`,
    );
  return solved;
};

/** Whether a trajectory solved its task: by its reward, and by how it ended where none is known. */
export const isSolved = ({ reward, status }: { readonly reward?: unknown; readonly status: string }): boolean =>
  reward === undefined ? status === "solved" : reward === 1;

/** What a caller chose is imitated, except what is known to be wrong. */
const unlessWrong = ({ reward = 1 }: { readonly reward?: number | undefined }): boolean => reward === 1;

/** What tells a trajectory from the rows of training, which have no memory. */
const isTrajectory = (value: unknown): value is Trajectory =>
  typeof value === "object" && value !== null && "memory" in value && Array.isArray(value.memory);
