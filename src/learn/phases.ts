import { rm } from "node:fs/promises";
import type { Interrupts } from "../cli/interrupt.ts";
import { baselineLines, summary } from "../cli/learn-words.ts";
import type { Screen } from "../cli/screen.ts";
import type { Policy } from "../engine.ts";
import { setNames, type World, type WorldSets } from "../environment.ts";
import type { ReplyJournal } from "../store/reply-journal.ts";
import type { Run } from "../store/run-folder.ts";
import { measureBaselines } from "./baselines.ts";
import { type StoredState, saveState, type TrainingState } from "./checkpoint-state.ts";
import { type Evaluated, evaluateSets, gainOf } from "./evaluation.ts";
import { coldStartAdapter } from "./imitation.ts";
import type { LearnOptions } from "./options.ts";
import { aboutPrompts, type Recipe } from "./recipe.ts";
import { setsOf } from "./record.ts";
import type { LearnReport } from "./report.ts";
import { evaluatedAgain, type Phases, writePhases } from "./resume.ts";
import type { Learning } from "./start.ts";
import { taskSampler } from "./task-sampler.ts";
import { type DoneBefore, train } from "./training.ts";

/** What a run of learning is made of. */
export interface LearnRunParts {
  readonly options: LearnOptions;
  readonly learning: Learning;
  readonly world: World;
  /** What decides about the result, as `config.json` has it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly run: Run;
  readonly replies: Pick<ReplyJournal, "enter">;
  readonly screen: Screen;
  readonly interrupts: Interrupts;
  /** Parts that are done, and the state to go on from; the policies hold it. */
  readonly phases: Phases;
  readonly stored: StoredState | undefined;
  /** When it began, on the clock of `performance`. */
  readonly started: number;
  /** A run that is done again, as it went. */
  readonly again?: DoneBefore | undefined;
  /** Told when a checkpoint is written, after how many steps. */
  readonly onSaved?: ((step: number) => Promise<void>) | undefined;
}

/** What came of it, with what a person is shown of before and after. */
export interface LearnRunResult {
  readonly report: LearnReport;
  readonly sets: WorldSets;
  readonly before: Evaluated;
  readonly after: Evaluated;
}

/**
 * A run of learning from its first evaluation to its report, all of it in the run's folder. Nothing of what it writes is a
 * function of anything but options and world, save for seconds; so it is also what `runs verify` does again. Undefined
 * for a run that is done again and was never finished: then it ends with the last step that it did.
 */
export const learnInRun = async (parts: LearnRunParts): Promise<LearnRunResult | undefined> => {
  const { options, learning, world, config, run, replies, screen, interrupts, stored, again, onSaved } = parts;
  const { engine, policies, recipe, steps, concurrency, tools, flow, adapters } = learning;
  const { seed } = options;
  const sets = setsOf(world, options);
  const seconds: { -readonly [Part in keyof LearnReport["seconds"]]: number } = {
    total: 0,
    evaluate: 0,
    rollOut: 0,
    train: 0,
    ...(learning.seconds !== undefined && { coldStart: learning.seconds }),
    ...parts.phases.seconds,
  };
  let phases = parts.phases;
  const keep = async (more: Phases): Promise<void> => {
    phases = { ...phases, ...more, seconds: { ...seconds } };
    await writePhases(run, phases);
  };
  const save = async (state: TrainingState): Promise<void> => {
    await saveState(run, policies, state);
    await onSaved?.(state.after.index + 1);
  };

  const evaluatePlanner = async (title: "before" | "coldStart" | "after"): Promise<Evaluated> => {
    const begun = performance.now();
    await replies.enter(title);
    const evaluated = await evaluateSets({
      flow,
      sets,
      reward: world.reward,
      seed,
      concurrency,
      policies,
      onProgress: (done, total) => screen.live(`${title}: ${done}/${total} tasks`),
      abortSignal: interrupts.abortSignal,
    });
    const spent = (performance.now() - begun) / 1000;
    seconds.evaluate += spent;
    store(run, title, sets, evaluated);
    run.appendTimings({ evaluation: title, seconds: spent });
    screen.line(screen.bold(`${title.padEnd(8)} ${summary(evaluated.figures, world.titles)}`));
    return evaluated;
  };

  /** What was evaluated before the run was resumed is read, and not evaluated again. */
  const phase = async (title: "before" | "coldStart"): Promise<Evaluated> => {
    const known = phases[title];
    if (known !== undefined) return evaluatedAgain(run, title, known);
    const evaluated = await evaluatePlanner(title);
    const { figures, outcomes } = evaluated;
    await keep({ [title]: { figures, outcomes } });
    return evaluated;
  };

  const before = await phase("before");
  const secondsAfter = seconds.evaluate;
  const begun = performance.now();
  await replies.enter("baselines");
  const baselines =
    phases.baselines ??
    (await measureBaselines({
      world,
      sets,
      tools,
      seed,
      concurrency,
      searchTasks: Math.min(recipe.fixedOrderTasks, options.evalTasks ?? Number.POSITIVE_INFINITY),
      onStage: (stage) => screen.live(`baselines: ${stage}`),
      abortSignal: interrupts.abortSignal,
    }));
  seconds.evaluate += (performance.now() - begun) / 1000;
  if (phases.baselines === undefined) await keep({ baselines });
  for (const line of baselineLines(baselines, world.titles)) screen.line(line);
  screen.line();

  let coldStart: Evaluated | undefined;
  const [learner] = policies;
  if (
    recipe.coldStart.steps > 0 &&
    learner?.name === "planner" &&
    engine.learns === "adapters" &&
    adapters?.planner === undefined
  ) {
    const from = performance.now();
    await replies.enter("imitation");
    if (stored === undefined) {
      await coldStartAdapter({
        world,
        tools,
        policy: learner,
        recipe,
        seed,
        onStep: (step, loss) => {
          const text = `cold start: step ${step + 1}/${recipe.coldStart.steps}, loss ${loss.toFixed(2)}`;
          if (screen.interactive) screen.live(text);
          else if ((step + 1) % 10 === 0) screen.line(text);
        },
        abortSignal: interrupts.abortSignal,
      });
      seconds.coldStart = (performance.now() - from) / 1000;
      run.appendTimings({ coldStart: seconds.coldStart });
      await save(beforeTraining(world, seed, recipe));
    }
    coldStart = await phase("coldStart");
    screen.line();
  }

  interrupts.stopAtOnce = false;
  const trained = await train({
    options,
    recipe,
    steps,
    concurrency,
    world,
    tools,
    flow,
    policies,
    run,
    replies,
    screen,
    interrupts,
    secondsAfter,
    from: stored?.state,
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
    tasks: world.hash,
    ...aboutPrompts(recipe),
  });
  await run.flush();

  const after = await evaluatePlanner("after");
  const report: LearnReport = {
    schemaVersion: 1,
    run: run.id,
    seconds: { ...seconds, total: (performance.now() - parts.started) / 1000 },
    config,
    stepsDone: trained.steps,
    interrupted: trained.steps < steps && !trained.endedAsTold,
    ...(trained.keptStep === undefined ? {} : { keptStep: trained.keptStep }),
    before: before.figures,
    ...(coldStart === undefined ? {} : { coldStart: coldStart.figures, gainOfFlow: gainOf(coldStart, after) }),
    after: after.figures,
    gain: gainOf(before, after),
    baselines,
  };
  await run.end("report.json", report);
  return { report, sets, before, after };
};

/** The state of a run whose first step is still to come. */
const beforeTraining = (world: World, seed: number, recipe: Recipe): TrainingState => ({
  after: { index: -1, tasksDrawn: 0 },
  sampler: taskSampler(world, seed, recipe).state(),
  kept: { best: undefined, since: 0, last: undefined },
  spent: { rollOut: 0, train: 0, validate: 0 },
});

/** Every evaluated trajectory, in the order of the tasks. */
const store = (run: Run, phase: string, sets: WorldSets, { outcomes, trajectories }: Evaluated): void => {
  for (const set of setNames)
    for (const { id, sealed } of sets[set])
      run.appendTrajectory({
        phase,
        set,
        task: id,
        family: sealed.family,
        expected: sealed.answer,
        reward: outcomes[set][id],
        trajectory: trajectories.get(id),
      });
};

/** One policy's weights are the run's; several lie in folders by their names. */
const savePolicies = async (
  policies: readonly Policy[],
  run: Run,
  about: { readonly tools: readonly string[]; readonly tasks: string; readonly verdicts?: true },
): Promise<void> => {
  const [only] = policies;
  if (only !== undefined && policies.length === 1) return only.save(run.path("weights"), about);
  for (const policy of policies) await policy.save(run.path(`weights/${policy.name}`), about);
};
