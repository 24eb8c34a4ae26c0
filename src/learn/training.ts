import type { EnvironmentSealed, EnvironmentTask } from "../environment.ts";
import { defined } from "../options.ts";
import type { ReplyJournal } from "../store/reply-journal.ts";
import type { Run } from "../store/run-folder.ts";
import {
  type DiagnosedStep,
  type Diagnosis,
  evaluate,
  type FlowGrpoOptions,
  flowGrpo,
  type Rollout,
} from "../train/index.ts";
import type { Trajectory } from "../trajectory.ts";
import { goBackTowards, startOf } from "./averaged.ts";
import { noBeginnings, openBeginnings } from "./beginnings.ts";
import type { TrainingState } from "./checkpoint-state.ts";
import { openReplay, poolOf, type Replay } from "./demonstration-pool.ts";
import { runDiagnostics } from "./diagnosis.ts";
import type { Emit } from "./event.ts";
import { journalOf } from "./journal.ts";
import { keepBest } from "./keep-best.ts";
import { madeBy } from "./made-by.ts";
import type { RunSignals } from "./options.ts";
import { learningRateOf } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";
import type { Learning } from "./start.ts";
import { taskSampler } from "./task-sampler.ts";

export interface TrainingParts {
  readonly settings: LearnSettings;
  readonly learning: Learning;
  readonly run: TrainingRun;
  /** Told which part of the run begins. */
  readonly replies: Pick<ReplyJournal, "enter">;
  readonly emit: Emit;
  readonly signals: RunSignals;
  /** Seconds on a clock. */
  readonly now: () => number;
  /** Where to resume; the policies hold their state at that point. @default at the first step */
  readonly from?: TrainingState | undefined;
  /** The metrics of the steps before. @default [] */
  readonly before?: readonly DiagnosedStep[] | undefined;
  /** A run that is done again, as it went. */
  readonly again?: DoneBefore | undefined;
  /** Called when the run can be resumed from here. */
  readonly onCheckpoint?: (state: TrainingState) => Promise<void>;
}

/** How a run went that is done again: what is decided by a clock or a person and not by options. */
export interface DoneBefore {
  /** Its last step. */
  readonly until: number;
  /** Whether it was ended after that, as a run ends; a killed run was not. */
  readonly finished: boolean;
  /** Whether it was its time that was up. */
  readonly outOfTime: boolean;
  /** Steps after which it was stopped and later resumed. */
  readonly stops: ReadonlySet<number>;
}

/** Where the rows of training go. */
export type TrainingRun = Pick<
  Run,
  "appendMetrics" | "appendTimings" | "appendTrajectory" | "appendJournal" | "appendDigest" | "turnJournal"
>;

/** How many steps were trained, and the seconds that went into their parts. */
export interface Trained {
  readonly steps: number;
  /** Whether it was to end before all steps: the time that was given was up, or the patience. */
  readonly endedAsTold: boolean;
  /** The step whose weights were gone back to at the end, if they were. */
  readonly keptStep: number | undefined;
  /** What kept it from learning, at the end or for a while. */
  readonly diagnosis: readonly Diagnosis[];
  readonly rollOut: number;
  readonly train: number;
  readonly validate: number;
}

/** Trains the planner by the recipe, with every step in the run's files. */
export const train = async (parts: TrainingParts): Promise<Trained> => {
  const { settings, learning, run, replies, emit, signals, now, from, before = [], again } = parts;
  const { policies, recipe, steps } = learning;
  const until = again?.until ?? steps - 1;
  const validation = validationTasks(parts);
  const best = keepBest(policies, validation.length, from?.kept);
  const start = from?.start ?? (await startOf(policies, learning.recipe, settings));
  const journal = journalOf(run);
  const found = runDiagnostics(before, emit);
  const every = settings.checkpointEvery ?? recipe.checkpointEvery;
  const spent = spentBefore(from, found.all);
  await run.turnJournal(spent.steps, Math.max(0, spent.steps - 2 * every));
  await replies.enter("replay");
  const [replay, { sampler, begun }] = [await replayOf(parts), await drawnFrom(parts)];
  const made: Trajectory[] = [];
  const training = flowGrpo<EnvironmentSealed>({
    ...grpoOptions(parts, replay),
    begun,
    after: from?.after,
    tasks: (_, step) => sampler.next(step),
    onTrajectory: (rollout) => {
      sampler.record(rollout.task, rollout.reward);
      journal.record(rollout);
      run.appendTrajectory(rowOf(rollout));
      made.push(rollout.trajectory);
    },
  });

  const started = now();
  const enterStep = (index: number): Promise<void> => replies.enter(`step-${String(index + 1).padStart(7, "0")}`);
  await enterStep(spent.steps);
  for await (const { timings, ...metrics } of training) {
    const { index } = metrics;
    spent.steps += 1;
    spent.rollOut += timings.rollOut;
    spent.train += timings.train + timings.publish;
    emit({ type: "step-end", step: index + 1, steps, metrics, timings });
    spent.diagnosis = found.next(metrics);
    const outOfTime =
      again === undefined
        ? settings.minutes !== undefined && now() - started > 60 * settings.minutes
        : again.outOfTime && index === until;
    const ended = again?.finished === true && index === until;
    const ending = ended || signals.stopSignal.aborted || outOfTime || index === steps - 1;
    const stopped = ending || again?.stops.has(index) === true;
    // At the end only what the best one is compared with.
    const due = stopped ? best.best !== undefined && settings.guard : (index + 1) % recipe.validation.every === 0;
    const accuracy = due ? await validate(parts, validation, spent) : undefined;
    if (accuracy !== undefined) await best.offer(index, accuracy);
    const impatient = settings.patience !== undefined && best.since >= settings.patience;
    spent.endedAsTold = outOfTime || impatient;
    const last = ending || impatient;
    run.appendMetrics({ ...metrics, ...defined({ validation: accuracy }) });
    run.appendTimings({ step: index, ...timings, ...madeBy(made.splice(0)) });
    journal.stepDone(index);
    if (accuracy !== undefined) emit({ type: "validation-end", step: index + 1, accuracy });
    if (stopped || last || (index + 1) % every === 0) {
      const { tasksDrawn, guard } = metrics;
      await parts.onCheckpoint?.({
        after: guard === undefined ? { index, tasksDrawn } : { index, tasksDrawn, guard },
        sampler: sampler.state(),
        successes: replay?.state(),
        kept: { best: best.best, since: best.since, last: best.last },
        start,
        spent: { rollOut: spent.rollOut, train: spent.train, validate: spent.validate },
      });
      // The two newest checkpoints are kept, and the journal from the older of them on.
      await run.turnJournal(index + 1, Math.max(0, index + 1 - every));
      journal.turned();
    }
    if (last || index >= until) break;
    await enterStep(index + 1);
  }
  if (again?.finished === false) return spent;
  if (settings.guard) spent.keptStep = await best.settle();
  await goBackTowards(start, policies, recipe);
  const { steps: trained, keptStep } = spent;
  emit({ type: "training-end", steps: trained, ...(keptStep !== undefined && { keptStep: keptStep + 1 }) });
  return spent;
};

const spentBefore = (
  from: TrainingState | undefined,
  diagnosis: readonly Diagnosis[],
): { -readonly [Name in keyof Trained]: Trained[Name] } => ({
  steps: from === undefined ? 0 : from.after.index + 1,
  endedAsTold: false,
  keptStep: undefined,
  diagnosis,
  rollOut: 0,
  train: 0,
  validate: 0,
  ...from?.spent,
});

/** What was sampled, without prompts and probabilities, which the journal has. */
const rowOf = ({
  step,
  task,
  trajectory: { memory, answer, stopReason },
  reward,
}: Rollout & { readonly step: number; readonly task: EnvironmentTask }) => ({
  phase: "train",
  step,
  task: task.id,
  family: task.sealed.family,
  ...defined({ begun: task.sealed.begun }),
  reward,
  actions: memory.map(({ step: { raw } }) => raw),
  answer,
  stopReason,
});

/** The recipe and the options as options of Flow-GRPO. */
const grpoOptions = (
  parts: TrainingParts,
  replay: Replay | undefined,
): Omit<FlowGrpoOptions<EnvironmentSealed>, "tasks" | "onTrajectory"> => {
  const { settings, learning, signals } = parts;
  const { recipe, steps, concurrency, policies } = learning;
  const { environment, flow } = learning.practice;
  return {
    ...recipe.grpo,
    flow,
    train: policies,
    reward: environment.reward,
    familyOf: ({ sealed }) => sealed.family,
    steps,
    seed: settings.seed,
    concurrency,
    learningRate: learningRateOf(recipe, steps),
    maxStaleness: settings.maxStaleness,
    ...(!settings.guard && { guard: false }),
    replay: replay?.sources,
    permuteRewards: settings.permuteRewards,
    // The run itself knows the steps before it was resumed.
    onDiagnosis: () => undefined,
    abortSignal: signals.abortSignal,
  };
};

const validationTasks = ({ settings: { evalTasks }, learning }: TrainingParts): readonly EnvironmentTask[] => {
  const { tasks } = learning.recipe.validation;
  const sizes = { heldOutPages: Math.min(evalTasks ?? tasks, tasks) };
  return learning.practice.environment.evaluation("validation", sizes).heldOutPages;
};

const validate = async (
  { settings: { seed }, learning, signals: { abortSignal }, now }: TrainingParts,
  tasks: readonly EnvironmentTask[],
  spent: { validate: number },
): Promise<number> => {
  const { policies, concurrency } = learning;
  const { environment, flow } = learning.practice;
  const begun = now();
  const { accuracy } = await evaluate({
    flow,
    tasks,
    reward: environment.reward,
    seed,
    concurrency,
    policies,
    abortSignal,
  });
  spent.validate += now() - begun;
  return accuracy;
};

/** Where tasks come from, and where their rollouts begin. */
const drawnFrom = async ({ settings: { seed, permuteRewards: permuted }, learning, signals, from }: TrainingParts) => {
  const { environment, practice, tools, recipe } = learning;
  const { abortSignal } = signals;
  const opened = recipe.families.begun
    ? await openBeginnings({ environment, tools, seed, permuted, abortSignal })
    : noBeginnings;
  return { sampler: taskSampler(practice.environment, seed, recipe, from?.sampler, opened), begun: opened.begun };
};

const replayOf = async ({
  settings: { replay, seed, permuteRewards: permuted },
  learning: { practice, policies, recipe, steps, walked },
  emit,
  from,
  signals: { abortSignal },
}: TrainingParts): Promise<Replay | undefined> => {
  const [planner] = policies;
  if (!replay || planner?.name !== "planner") return undefined;
  emit({ type: "stage", stage: `drawing ${poolOf(recipe, steps)} random plans to imitate beside the reward` });
  const { engine } = planner;
  return openReplay({
    environment: practice.environment,
    walked: recipe.routes.sequences === 0 ? undefined : await walked(),
    engine,
    seed,
    steps,
    recipe,
    permuted,
    from: from?.successes,
    abortSignal,
  });
};
