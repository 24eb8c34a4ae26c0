import type { Policy } from "../engine.ts";
import type { Flow } from "../flow/flow.ts";
import type { Run } from "../store/run-folder.ts";
import type { Toolset } from "../tool.ts";
import { evaluate, type FlowGrpoOptions, flowGrpo } from "../train/index.ts";
import type { Interrupts } from "./interrupt.ts";
import { keepBest } from "./keep-best.ts";
import type { LearnOptions } from "./learn-options.ts";
import { trainingProgress } from "./progress.ts";
import { learningRateOf, type Recipe, replayWeightOf } from "./recipe.ts";
import { openReplay } from "./replay.ts";
import type { Screen } from "./screen.ts";
import { taskSampler } from "./task-sampler.ts";
import type { World, WorldSealed, WorldTask } from "./world.ts";

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
  readonly run: Run;
  readonly screen: Screen;
  readonly interrupts: Interrupts;
  /** What the evaluation after training will take, for the forecast. */
  readonly secondsAfter: number;
}

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
  const { options, recipe, steps, concurrency, world, flow, policies, run, screen, interrupts, secondsAfter } = parts;
  const { seed } = options;
  const validation = world.evaluation("validation", { heldOutPages: validationSize(parts) }).heldOutPages;
  const sampler = taskSampler(world, seed, recipe);
  const progress = trainingProgress(screen, steps, secondsAfter);
  const spent: { -readonly [Name in keyof Trained]: Trained[Name] } = {
    steps: 0,
    endedAsTold: false,
    keptStep: undefined,
    rollOut: 0,
    train: 0,
    validate: 0,
  };
  const best = keepBest(policies, validation.length);

  const { groupSize, tasksPerStep, optimiser, beta, klEvery, oldLogProbs } = recipe;
  const { minimumMixedGroups, maxRefills, fullStepGroups } = recipe;
  const training = flowGrpo<WorldSealed>({
    groupSize,
    tasksPerStep,
    optimiser,
    beta,
    klEvery,
    oldLogProbs,
    minimumMixedGroups,
    maxRefills,
    fullStepGroups,
    flow,
    train: policies,
    tasks: (_, step) => sampler.next(step),
    reward: world.reward,
    steps,
    seed,
    concurrency,
    learningRate: learningRateOf(recipe, steps),
    ...(options.maxStaleness === undefined ? {} : { maxStaleness: options.maxStaleness }),
    ...(options.guard ? {} : { guard: false }),
    ...(await replayOf(parts)),
    permuteRewards: options.permuteRewards,
    onTrajectory: ({ step, task, trajectory, reward }) => {
      sampler.record(task, reward);
      // What was sampled, without prompts and probabilities, which the seed gives again.
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
    abortSignal: interrupts.abortSignal,
  });

  const begun = performance.now();
  for await (const { timings, ...metrics } of training) {
    const { rollOut, train: learn, publish } = timings;
    spent.steps += 1;
    spent.rollOut += rollOut;
    spent.train += learn + publish;
    progress.step({ ...metrics, timings }, rollOut + learn + publish);
    const outOfTime = options.minutes !== undefined && performance.now() - begun > 60_000 * options.minutes;
    const impatient = options.patience !== undefined && best.since >= options.patience;
    spent.endedAsTold = outOfTime || impatient;
    const last = interrupts.asked || spent.endedAsTold || metrics.index === steps - 1;
    // At the end only what the best one is compared with.
    const due = last ? best.offered && options.guard : (metrics.index + 1) % recipe.validation.every === 0;
    const accuracy = due ? await validate(parts, validation, spent) : undefined;
    if (accuracy !== undefined) best.offer(metrics.index, accuracy);
    run.appendMetrics({ ...metrics, ...(accuracy === undefined ? {} : { validation: accuracy }) });
    run.appendTimings({ step: metrics.index, ...timings });
    if (accuracy !== undefined) progress.validated(accuracy);
    if (last) break;
  }
  progress.end();
  if (options.guard) spent.keptStep = await best.settle();
  if (spent.keptStep !== undefined)
    screen.line(`Validation was clearly better after step ${spent.keptStep + 1}: those weights are kept.`);
  return spent;
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
