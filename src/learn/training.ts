import type { Interrupts } from "../cli/interrupt.ts";
import { trainingProgress } from "../cli/progress.ts";
import type { Screen } from "../cli/screen.ts";
import type { Policy } from "../engine.ts";
import type { World, WorldSealed, WorldTask } from "../environment.ts";
import type { Flow } from "../flow/flow.ts";
import type { ReplyJournal } from "../store/reply-journal.ts";
import type { Run } from "../store/run-folder.ts";
import type { Toolset } from "../tool.ts";
import { evaluate, type FlowGrpoOptions, flowGrpo } from "../train/index.ts";
import type { TrainingState } from "./checkpoint-state.ts";
import { openReplay } from "./demonstration-pool.ts";
import { journalOf } from "./journal.ts";
import { keepBest } from "./keep-best.ts";
import type { LearnOptions } from "./options.ts";
import { learningRateOf, type Recipe, replayWeightOf } from "./recipe.ts";
import { taskSampler } from "./task-sampler.ts";

export interface TrainingParts {
  readonly options: LearnOptions;
  readonly recipe: Recipe;
  readonly steps: number;
  readonly concurrency: number;
  readonly world: World;
  readonly tools: Toolset;
  readonly flow: Flow;
  /** Those that learn; the first is the planner. */
  readonly policies: readonly Policy[];
  readonly run: TrainingRun;
  /** Told which part of the run begins. */
  readonly replies: Pick<ReplyJournal, "enter">;
  readonly screen: Screen;
  readonly interrupts: Interrupts;
  /** What the evaluation after training will take, for the forecast. */
  readonly secondsAfter: number;
  /** Where to go on; the policies hold their state of then. @default at the first step */
  readonly from?: TrainingState | undefined;
  /** A run that is done again, as it went. */
  readonly again?: DoneBefore | undefined;
  /** Called when everything until now can be gone on from. */
  readonly onCheckpoint?: (state: TrainingState) => Promise<void>;
}

/** How a run went that is done again: what is decided by a clock or a person and not by options. */
export interface DoneBefore {
  /** Its last step. */
  readonly until: number;
  /** Whether it was ended after that, as a run ends; one that died was not. */
  readonly finished: boolean;
  /** Whether it was its time that was up. */
  readonly outOfTime: boolean;
  /** Steps after which it was told to end, and was gone on with later. */
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
  readonly rollOut: number;
  readonly train: number;
  readonly validate: number;
}

/** Trains the planner by the recipe, with progress on the screen and every step in the run's files. */
export const train = async (parts: TrainingParts): Promise<Trained> => {
  const { options, recipe, steps, world, policies, run, replies, screen, interrupts, from, again } = parts;
  const until = again?.until ?? steps - 1;
  const validation = world.evaluation("validation", { heldOutPages: validationSize(parts) }).heldOutPages;
  const sampler = taskSampler(world, options.seed, recipe, from?.sampler);
  const progress = trainingProgress(screen, steps, parts.secondsAfter);
  const best = keepBest(policies, validation.length, from?.kept);
  const journal = journalOf(run);
  const every = options.checkpointEvery ?? recipe.checkpointEvery;
  const spent: { -readonly [Name in keyof Trained]: Trained[Name] } = {
    steps: from === undefined ? 0 : from.after.index + 1,
    endedAsTold: false,
    keptStep: undefined,
    rollOut: 0,
    train: 0,
    validate: 0,
    ...from?.spent,
  };
  await run.turnJournal(spent.steps, Math.max(0, spent.steps - 2 * every));
  await replies.enter("replay");
  const grpo = await grpoOptions(parts);
  const training = flowGrpo<WorldSealed>({
    ...grpo,
    after: from?.after,
    tasks: (_, step) => sampler.next(step),
    onTrajectory: ({ step, task, trajectory, reward }) => {
      sampler.record(task, reward);
      journal.record({ trajectory, reward });
      // What was sampled, without prompts and probabilities, which the journal has.
      const { memory, answer, stopReason } = trajectory;
      const actions = memory.map(({ step: { raw } }) => raw);
      run.appendTrajectory({
        phase: "train",
        step,
        task: task.id,
        family: task.sealed.family,
        reward,
        actions,
        answer,
        stopReason,
      });
    },
  });

  const begun = performance.now();
  const enterStep = (index: number): Promise<void> => replies.enter(`step-${String(index + 1).padStart(7, "0")}`);
  await enterStep(spent.steps);
  for await (const { timings, ...metrics } of training) {
    const { rollOut, train: learn, publish } = timings;
    const { index } = metrics;
    spent.steps += 1;
    spent.rollOut += rollOut;
    spent.train += learn + publish;
    progress.step({ ...metrics, timings }, rollOut + learn + publish);
    const outOfTime =
      again === undefined
        ? options.minutes !== undefined && performance.now() - begun > 60_000 * options.minutes
        : again.outOfTime && index === until;
    const impatient = options.patience !== undefined && best.since >= options.patience;
    spent.endedAsTold = outOfTime || impatient;
    const ended = again?.finished === true && index === until;
    const last = ended || interrupts.asked || spent.endedAsTold || index === steps - 1;
    const stopped = last || again?.stops.has(index) === true;
    // At the end only what the best one is compared with.
    const due = stopped ? best.best !== undefined && options.guard : (index + 1) % recipe.validation.every === 0;
    const accuracy = due ? await validate(parts, validation, spent) : undefined;
    if (accuracy !== undefined) await best.offer(index, accuracy);
    run.appendMetrics({ ...metrics, ...(accuracy === undefined ? {} : { validation: accuracy }) });
    run.appendTimings({ step: index, ...timings });
    journal.stepDone(index);
    if (accuracy !== undefined) progress.validated(accuracy);
    if (stopped || (index + 1) % every === 0) {
      const { tasksDrawn, guard } = metrics;
      await parts.onCheckpoint?.({
        after: guard === undefined ? { index, tasksDrawn } : { index, tasksDrawn, guard },
        sampler: sampler.state(),
        kept: { best: best.best, since: best.since, last: best.last },
        spent: { rollOut: spent.rollOut, train: spent.train, validate: spent.validate },
      });
      // The two newest checkpoints are kept, and the journal from the older of them on.
      await run.turnJournal(index + 1, Math.max(0, index + 1 - every));
      journal.turned();
    }
    if (last || index >= until) break;
    await enterStep(index + 1);
  }
  progress.end();
  if (again?.finished === false) return spent;
  if (options.guard) spent.keptStep = await best.settle();
  if (spent.keptStep !== undefined)
    screen.line(`Validation was clearly better after step ${spent.keptStep + 1}: those weights are kept.`);
  return spent;
};

/** The recipe and the options as options of Flow-GRPO. */
const grpoOptions = async (
  parts: TrainingParts,
): Promise<Omit<FlowGrpoOptions<WorldSealed>, "tasks" | "onTrajectory">> => {
  const { options, recipe, steps, concurrency, world, flow, policies, interrupts } = parts;
  return {
    ...recipe.grpo,
    flow,
    train: policies,
    reward: world.reward,
    steps,
    seed: options.seed,
    concurrency,
    learningRate: learningRateOf(recipe, steps),
    maxStaleness: options.maxStaleness,
    ...(options.guard ? {} : { guard: false }),
    ...(await replayOf(parts)),
    permuteRewards: options.permuteRewards,
    abortSignal: interrupts.abortSignal,
  };
};

const validationSize = ({ options, recipe: { validation } }: TrainingParts): number =>
  Math.min(options.evalTasks ?? validation.tasks, validation.tasks);

const validate = async (
  { world, flow, policies, concurrency, options: { seed }, interrupts: { abortSignal } }: TrainingParts,
  tasks: readonly WorldTask[],
  spent: { validate: number },
): Promise<number> => {
  const begun = performance.now();
  const { accuracy } = await evaluate({
    flow,
    tasks,
    reward: world.reward,
    seed,
    concurrency,
    policies,
    abortSignal,
  });
  spent.validate += (performance.now() - begun) / 1000;
  return accuracy;
};

const replayOf = async ({
  options: { replay, seed },
  recipe,
  steps,
  world,
  policies: [planner],
  screen,
  interrupts: { abortSignal },
}: TrainingParts): Promise<Pick<FlowGrpoOptions<WorldSealed>, "replay">> => {
  if (!replay || planner?.name !== "planner") return {};
  // A short run needs no more plans than it takes.
  const pool = Math.min(recipe.replay.pool, recipe.replay.episodes * Math.max(1, steps));
  screen.live(`drawing ${pool} random plans to imitate beside the reward`);
  const sequences = await openReplay({ world, engine: planner.engine, seed, pool, recipe, abortSignal });
  return { replay: { sequences, weight: replayWeightOf(recipe, steps) } };
};
