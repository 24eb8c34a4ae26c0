import { setMaxListeners } from "node:events";
import { rm } from "node:fs/promises";
import type { Policy } from "../engine.ts";
import { setNames, type TaskSets } from "../environment.ts";
import type { Flow } from "../flow/flow.ts";
import { defined } from "../options.ts";
import { readLines } from "../store/lines.ts";
import type { ReplyJournal } from "../store/reply-journal.ts";
import type { Run } from "../store/run-folder.ts";
import { startOf } from "./averaged.ts";
import { type Baselines, measureBaselines } from "./baselines.ts";
import { type StoredState, saveState, type TrainingState } from "./checkpoint-state.ts";
import { teach, untaught } from "./cold-start.ts";
import { stepRows } from "./diagnosis.ts";
import { type Evaluated, evaluateSets, type FailureFigures, gainOf, underFailures } from "./evaluation.ts";
import type { Emit, EvaluationPhase } from "./event.ts";
import { FAMILIARITY_FILE, familiarQuestions } from "./familiar-questions.ts";
import { madeBy, withoutWorker } from "./made-by.ts";
import type { RunSignals } from "./options.ts";
import { type AboutPrompts, aboutPrompts } from "./recipe-prompts.ts";
import { setsOf } from "./record.ts";
import type { LearnReport } from "./report.ts";
import { evaluatedAgain, type Phases, writePhases } from "./resume.ts";
import type { LearnSettings } from "./settings.ts";
import type { Learning } from "./start.ts";
import { taskSampler } from "./task-sampler.ts";
import { type DoneBefore, train } from "./training.ts";

/** What a run of learning is made of. */
export interface LearnRunParts {
  readonly settings: LearnSettings;
  readonly learning: Learning;
  /** What decides about the result, as `config.json` has it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly run: Run;
  readonly replies: Pick<ReplyJournal, "enter">;
  readonly emit: Emit;
  readonly signals: RunSignals;
  /** Parts that are done, and the state to resume from; the policies hold it. */
  readonly phases: Phases;
  readonly stored: StoredState | undefined;
  /** Seconds on a clock, and when the run began on it. */
  readonly now: () => number;
  readonly started: number;
  /** A run that is done again, as it went. */
  readonly again?: DoneBefore | undefined;
  /** Told when a checkpoint is written, after how many steps. */
  readonly onSaved?: ((step: number) => Promise<void>) | undefined;
}

type Seconds = { -readonly [Part in keyof LearnReport["seconds"]]: number };

/** What the parts took together: of a run that was resumed, more than has passed since. */
const sumOf = ({ coldStart = 0, evaluate, rollOut, train }: Seconds): number => coldStart + evaluate + rollOut + train;

const secondsSoFar = ({ seconds: coldStart }: Learning, { seconds }: Phases): Seconds => ({
  total: 0,
  evaluate: 0,
  rollOut: 0,
  train: 0,
  ...defined({ coldStart }),
  ...seconds,
});

/**
 * A run of learning from its first evaluation to its report, all of it in the run's folder. Nothing of what it writes is a
 * function of anything but settings and environment, save for seconds; so it is also what `runs verify` does again. Undefined
 * for a run that is done again and was never finished: then it ends with the last step that it did.
 */
export const learnInRun = async (parts: LearnRunParts): Promise<LearnReport | undefined> => {
  const { settings, learning, config, run, replies, emit, signals, stored, again, onSaved, now } = parts;
  const { environment, policies, recipe, steps, concurrency, tools, flow } = learning;
  const { seed } = settings;
  const { abortSignal } = signals;
  // Until the first step there is nothing to save.
  const early = AbortSignal.any([abortSignal, signals.stopSignal]);
  setMaxListeners(0, early);
  const sets = setsOf(environment, settings);
  await run.writeJson(FAMILIARITY_FILE, { templates: await familiarQuestions(environment, abortSignal) });
  const plain = { flow, sets };
  const seconds = secondsSoFar(learning, parts.phases);
  let phases = parts.phases;
  const keep = async (more: Phases): Promise<void> => {
    phases = { ...phases, ...more, seconds: { ...seconds } };
    await writePhases(run, phases);
  };
  const save = async (state: TrainingState): Promise<void> => {
    await saveState(run, policies, state);
    await onSaved?.(state.after.index + 1);
    emit({ type: "checkpoint-end", step: state.after.index + 1 });
  };

  const evaluatePlanner = async (title: EvaluationPhase, { flow, sets } = plain): Promise<Evaluated> => {
    const begun = now();
    emit({ type: "evaluation-start", phase: title, total: countIn(sets) });
    await replies.enter(title);
    const evaluated = await evaluateSets({
      flow,
      sets,
      environment,
      seed,
      concurrency,
      policies,
      onProgress: (done, all) => emit({ type: "evaluation-progress", phase: title, done, total: all }),
      abortSignal: title === "before" || title === "coldStart" ? early : abortSignal,
    });
    const spent = now() - begun;
    seconds.evaluate += spent;
    store(run, title, sets, evaluated);
    run.appendTimings({ evaluation: title, seconds: spent, ...madeBy(evaluated.trajectories.values()) });
    emit({ type: "evaluation-end", phase: title, figures: evaluated.figures, seconds: spent });
    return evaluated;
  };

  /** What was evaluated before the run was resumed is read, and not evaluated again. */
  const phase = async (title: "before" | "coldStart"): Promise<Evaluated> => {
    const known = phases[title];
    if (known !== undefined) {
      emit({ type: "evaluation-end", phase: title, figures: known.figures });
      return evaluatedAgain(run, title, known);
    }
    const evaluated = await evaluatePlanner(title, title === "before" ? { flow: learning.flowBefore, sets } : plain);
    const { figures, outcomes } = evaluated;
    await keep({ [title]: { figures, outcomes } });
    return evaluated;
  };

  const baselinesPhase = async (): Promise<Baselines> => {
    const begun = now();
    await replies.enter("baselines");
    const baselines =
      phases.baselines ??
      (await measureBaselines({
        environment,
        sets,
        tools,
        seed,
        concurrency,
        searchTasks: Math.min(recipe.fixedOrderTasks, settings.evalTasks ?? Number.POSITIVE_INFINITY),
        onStage: (stage) => emit({ type: "stage", stage: `baselines: ${stage}` }),
        abortSignal: early,
      }));
    seconds.evaluate += now() - begun;
    if (phases.baselines === undefined) await keep({ baselines });
    emit({ type: "baselines-end", baselines });
    return baselines;
  };

  /** What has to be shown something first is shown it, and all is evaluated again. */
  const imitationPhase = async (): Promise<Evaluated | undefined> => {
    const modules = untaught(learning);
    if (modules.length === 0) return undefined;
    const begun = now();
    await replies.enter("imitation");
    if (stored === undefined) {
      const agreement = await teach(modules, { learning, settings, emit, abortSignal: early });
      seconds.coldStart = now() - begun;
      run.appendTimings({ coldStart: seconds.coldStart });
      if (agreement !== undefined) await keep({ agreement });
      await save(await beforeTraining(learning, settings));
    }
    return phase("coldStart");
  };

  const before = await phase("before");
  const baselines = await baselinesPhase();
  const coldStart = await imitationPhase();
  early.throwIfAborted();
  emit({ type: "training-start", steps });
  const trained = await train({
    settings,
    learning,
    run,
    replies,
    emit,
    signals,
    now,
    from: stored?.state,
    before: stepRows(await readLines(run.path("metrics.jsonl"))),
    again,
    onCheckpoint: save,
  });
  if (again?.finished === false) return undefined;
  seconds.rollOut = trained.rollOut;
  seconds.train = trained.train;
  seconds.evaluate += trained.validate;
  // A folder that a crash left half-way is written anew.
  await rm(run.path("weights"), { recursive: true, force: true });
  await savePolicies(policies, run, {
    tools: Object.keys(tools),
    tasks: environment.hash,
    ...aboutPrompts(recipe),
  });
  await run.flush();

  const after = await evaluatePlanner("after");
  const failing = await whereCallsFail(parts, sets, evaluatePlanner);
  const report: LearnReport = {
    schemaVersion: 1,
    run: run.id,
    seconds: { ...seconds, total: Math.max(now() - parts.started, sumOf(seconds)) },
    config,
    stepsDone: trained.steps,
    interrupted: trained.steps < steps && !trained.endedAsTold,
    ...(trained.keptStep !== undefined && { keptStep: trained.keptStep + 1 }),
    before: before.figures,
    ...(coldStart === undefined ? {} : { coldStart: coldStart.figures, gainOfFlow: gainOf(coldStart, after) }),
    after: after.figures,
    gain: gainOf(before, after),
    ...defined({ failing, agreement: phases.agreement }),
    baselines,
    diagnosis: trained.diagnosis,
  };
  await run.end("report.json", report);
  return report;
};

/** The state of a run whose first step is still to come. */
const beforeTraining = async (
  { environment, policies, recipe }: Learning,
  settings: LearnSettings,
): Promise<TrainingState> => ({
  after: { index: -1, tasksDrawn: 0 },
  sampler: taskSampler(environment, settings.seed, recipe).state(),
  kept: { best: undefined, since: 0, last: undefined },
  start: await startOf(policies, recipe, settings),
  spent: { rollOut: 0, train: 0, validate: 0 },
});

const countIn = (sets: TaskSets): number => setNames.reduce((sum, name) => sum + sets[name].length, 0);

/** The first set once more where calls fail, if they did in training. */
const whereCallsFail = async (
  { settings, learning }: LearnRunParts,
  { heldOutPages }: TaskSets,
  evaluatePlanner: (title: "failing", what: { readonly flow: Flow; readonly sets: TaskSets }) => Promise<Evaluated>,
): Promise<FailureFigures | undefined> => {
  if (settings.toolFailures === undefined) return undefined;
  const sets = { heldOutPages, heldOutFamily: [], heldOutParaphrase: [], deep: [] };
  return underFailures(await evaluatePlanner("failing", { flow: learning.practice.flow, sets }));
};

/** Every evaluated trajectory, in the order of the tasks. */
const store = (run: Run, phase: string, sets: TaskSets, { outcomes, trajectories }: Evaluated): void => {
  for (const set of setNames)
    for (const { id, sealed } of sets[set]) {
      const made = trajectories.get(id);
      run.appendTrajectory({
        phase,
        set,
        task: id,
        family: sealed.family,
        expected: sealed.answer,
        reward: outcomes[set][id],
        trajectory: made && withoutWorker(made),
      });
    }
};

/** One policy's weights are the run's; several lie in folders by their names. */
const savePolicies = async (
  policies: readonly Policy[],
  run: Run,
  about: AboutPrompts & { readonly tools: readonly string[]; readonly tasks: string },
): Promise<void> => {
  const [only] = policies;
  if (only !== undefined && policies.length === 1) return only.save(run.path("weights"), about);
  for (const policy of policies) await policy.save(run.path(`weights/${policy.name}`), about);
};
