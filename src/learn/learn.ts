import { setMaxListeners } from "node:events";
import { rm } from "node:fs/promises";
import { systemClock } from "../clock.ts";
import { setNames } from "../environment.ts";
import { StoreError } from "../errors.ts";
import { checked, defined } from "../options.ts";
import { replyJournal } from "../store/reply-journal.ts";
import { createRun, newRunId, type Run, reopenRun } from "../store/run-folder.ts";
import { loadState, type StoredState } from "./checkpoint-state.ts";
import { coldStartOf } from "./cold-start.ts";
import type { Emit, LearnHappening } from "./event.ts";
import { type Offered, offerRollouts } from "./offer.ts";
import type { LearnOptions, LearnSignals } from "./options.ts";
import { learnInRun } from "./phases.ts";
import { plannerSource } from "./planner-source.ts";
import { requireSound } from "./project/project.ts";
import { recordOf, setsOf, splitOf } from "./record.ts";
import type { LearnReport } from "./report.ts";
import { extentsOf, type Resumed, resumable } from "./resume.ts";
import { learnRules, resumeRules } from "./rules.ts";
import { type LearnRun, runStream, secondsOf } from "./run-stream.ts";
import { type LearnSettings, settingsOf } from "./settings.ts";
import { closeAll, type Learning, openLearning } from "./start.ts";
import { keyThatDiffers, OPTIONS_VERSION } from "./stored-options.ts";

/** What has to be named again to resume a run: nothing is opened or run because a run's folder names it. */
export interface ResumeOptions
  extends Pick<LearnOptions, "environment" | "planner" | "queue" | "clock">,
    LearnSignals {}

/**
 * A run of learning: evaluates the planner, measures baselines, trains it in the flow by Flow-GRPO, evaluates it again on
 * the same tasks and reports. It starts at once and keeps everything in a folder of its own, from which it can be resumed
 * and verified. What can be wrong with model, data or folder is found before anything is evaluated or written. A reader who
 * leaves early aborts it. Throws `ConfigError` at once for options that cannot work; `ConfigError`, `TaskError`,
 * `EngineError` and `StoreError` otherwise come through the report.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learn, recipes } from "agentflow/learn";
 *
 * const run = learn({ environment: almanac(), recipe: recipes.tiny, folder: "runs", seed: 7, steps: 2, evalTasks: 4 });
 * for await (const event of run) if (event.type === "step-end") console.log(event.step, event.metrics.reward.mean);
 * const report = await run.report;
 * console.log(report.after.heldOutPages.accuracy);
 * ```
 */
export const learn = (options: LearnOptions): LearnRun =>
  runStream(
    checked("learn", options, learnRules),
    (emit, abortSignal) => newRun(options, emit, abortSignal),
    wasInterrupted,
  );

/**
 * Resumes an interrupted run from its folder: the same settings, to the same bits as if it had never stopped. Environment
 * and planner are named again, and compared with what the run began with. Throws as `learn` does, and `ConfigError` for a
 * run that is finished.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { resume } from "agentflow/learn";
 *
 * const { report } = resume("runs/2026-11-29-1412-7f3a", { environment: almanac() });
 * report.then(({ gain }) => console.log(gain.heldOutPages.points), console.error);
 * ```
 */
export const resume = (folder: string, options: ResumeOptions): LearnRun =>
  runStream(
    checked("resume", options, resumeRules),
    async (emit, abortSignal) => {
      const resumed = await resumable(folder);
      try {
        return await resumedRun(resumed, options, emit, abortSignal);
      } finally {
        await resumed.lock.release();
      }
    },
    wasInterrupted,
  );

const wasInterrupted = ({ interrupted }: LearnReport): boolean => interrupted;

const never = new AbortController().signal;

/** What a new run and a resumed one have in common. */
interface Session {
  readonly options: ResumeOptions & Pick<LearnOptions, "recipe">;
  readonly settings: LearnSettings;
  readonly resumed: Resumed | undefined;
  readonly emit: Emit;
  readonly abortSignal: AbortSignal;
  /** Makes the run's folder, or opens it again, once everything else is known to be sound. */
  begin(learning: Learning, stored: StoredState | undefined): Promise<Run>;
}

const newRun = (options: LearnOptions, emit: Emit, abortSignal: AbortSignal): Promise<LearnReport> => {
  const settings = settingsOf(options);
  return runSession({
    options,
    settings,
    resumed: undefined,
    emit,
    abortSignal,
    begin: async (learning) => {
      const config = recordOf(settings, learning);
      const run = await createRun(options.folder ?? "runs", newRunId(), config);
      const named = options.planner === undefined ? {} : { model: learning.planner.name, ...learning.planner.record };
      const stored = {
        ...settings,
        environment: options.environment.name,
        ...named,
        ...defined({ recipe: options.recipe }),
      };
      try {
        await run.writeJson("options.json", { schemaVersion: OPTIONS_VERSION, options: stored });
      } catch (error) {
        // Nobody else holds the run yet: its lock goes with it.
        await run.close();
        throw error;
      }
      return run;
    },
  });
};

const resumedRun = (
  resumed: Resumed,
  options: ResumeOptions,
  emit: Emit,
  abortSignal: AbortSignal,
): Promise<LearnReport> => {
  const { folder, settings, recipe, phases, lock, config: recorded } = resumed;
  return runSession({
    options: { ...options, recipe },
    settings,
    resumed,
    emit,
    abortSignal,
    begin: async (learning, stored) => {
      const config = recordOf(settings, learning);
      const differs = keyThatDiffers(recorded, config);
      if (differs !== undefined)
        throw new StoreError(
          `The run ${folder} began with ${differs} ${JSON.stringify(recorded[differs])} by its config.json, and its options.json with what is named here comes to ${JSON.stringify(config[differs])}. Name the same model and configuration; if they are the same, one of these files was changed.`,
        );
      if (JSON.stringify(recorded.machine) !== JSON.stringify(config.machine))
        emit({
          type: "diagnosis",
          message:
            "This machine or its runtime is not the one that the run began on: it will not come to the same bits.",
        });
      const run = await reopenRun(folder, extentsOf(phases, stored), lock);
      for (const name of ["seal.json", "report.json"]) await rm(run.path(name), { force: true });
      return run;
    },
  });
};

/** A run from opening its environment to its report. */
const runSession = async (session: Session): Promise<LearnReport> => {
  const { options, settings, resumed, emit, abortSignal } = session;
  const { clock = systemClock, stopSignal = never } = options;
  const now = secondsOf(clock);
  const started = now();
  const early = AbortSignal.any([abortSignal, stopSignal]);
  setMaxListeners(0, early);
  const replies = replyJournal(resumed?.folder);
  let learning: Learning | undefined;
  let run: Run | undefined;
  let offered: Offered | undefined;
  // With rollouts ahead of training no run repeats, whatever its tools answer.
  const keptReplies = (settings.maxStaleness ?? 0) > 0 ? undefined : replies;
  const { queue } = options;
  try {
    await queue?.reach?.();
    await replies.enter("opening");
    const environment = await options.environment.open({
      seed: settings.seed,
      replies: keptReplies,
      onStage: (stage) => emit({ type: "stage", stage: `${options.environment.name}: ${stage}` }),
      abortSignal: early,
    });
    emit({ type: "check-end", findings: environment.findings });
    requireSound(environment.findings);
    const planner = plannerSource(options.planner, environment);
    const { recipe } = options;
    learning = await openLearning({ settings, environment, planner, recipe, emit, now, abortSignal: early });
    const { policies } = learning;
    // Of the weights that the run begins with, also when it continues with others.
    const config = recordOf(settings, learning);
    const names = policies.map(({ name }) => name);
    const onDamage = (damage: string): void =>
      emit({ type: "diagnosis", message: `A checkpoint is skipped: ${damage}.` });
    const stored = resumed === undefined ? undefined : await loadState(resumed.folder, names, onDamage);
    run = await session.begin(learning, stored);
    if (run.ownedBy === "create")
      emit({
        type: "diagnosis",
        message: `${run.folder} is on a file system without hard links: should a process die just as it takes the run, the next one waits for some seconds.`,
      });
    await replies.attach(run.folder);
    for (const [i, policy] of policies.entries()) {
      const state = stored?.policies[i];
      if (state !== undefined) await policy.importState(state);
    }
    emit(runStart(run, settings, learning, resumed === undefined ? undefined : (stored?.state.after.index ?? -1) + 1));
    if (queue !== undefined)
      offered = await offerRollouts({ queue, run, settings, recipe, learning, replies: keptReplies, emit, clock });
    const report = await learnInRun({
      settings,
      learning: offered?.learning ?? learning,
      config,
      run,
      replies,
      emit,
      signals: { abortSignal, stopSignal },
      phases: resumed?.phases ?? {},
      stored,
      now,
      started,
    });
    if (report === undefined) throw new StoreError(`The run ${run.folder} ended without a report.`);
    return report;
  } finally {
    try {
      await offered?.close();
      await replies.close();
    } finally {
      await closeAll(run, learning);
    }
  }
};

const runStart = (
  run: Run,
  settings: LearnSettings,
  learning: Learning,
  resumedAfter: number | undefined,
): LearnHappening => {
  const { environment, engine, recipe, steps } = learning;
  const sets = setsOf(environment, settings);
  return {
    type: "run-start",
    run: run.id,
    folder: run.folder,
    model: engine.model,
    machine: engine.description,
    split: splitOf(settings.validation),
    titles: environment.titles,
    question: environment.question,
    tasks: setNames.reduce((sum, name) => sum + sets[name].length, 0),
    steps,
    tasksPerStep: recipe.grpo.tasksPerStep,
    groupSize: recipe.grpo.groupSize,
    ...defined({ coldStart: coldStartOf(learning), minutes: settings.minutes, resumedAfter }),
  };
};
