import { rm } from "node:fs/promises";
import type { Engine, Policy } from "../engine.ts";
import { replyJournal } from "../store/reply-journal.ts";
import { createRun, type Run, reopenRun, runId } from "../store/run-folder.ts";
import { coldStartAdapter } from "./adapter-cold-start.ts";
import { measureBaselines } from "./baselines.ts";
import type { ModuleName } from "./cast.ts";
import { type Evaluated, evaluateSets, gainOf } from "./evaluation.ts";
import { INTERRUPTED, Interruption, listenToInterrupts } from "./interrupt.ts";
import type { LearnOptions } from "./learn-options.ts";
import type { LearnReport } from "./learn-report.ts";
import { evaluatedAgain, lengthsOf, type Phases, type Resumed, resumable } from "./learn-resume.ts";
import { openLearning, openWorldOf, showFindings } from "./learn-start.ts";
import { baselineLines, conclude, introduction, summary } from "./learn-words.ts";
import { BUILT_IN_MODEL } from "./model.ts";
import { MICRO_PLANNER } from "./project/micro-planner.ts";
import { aboutPrompts, type Recipe } from "./recipe.ts";
import type { Screen } from "./screen.ts";
import { beforeAndAfter } from "./showcase.ts";
import { taskSampler } from "./task-sampler.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { train } from "./training.ts";
import { loadState, type StoredState, saveState, type TrainingState } from "./training-state.ts";
import { type SetName, setNames, type World, type WorldSets } from "./world.ts";

/**
 * `agentflow learn`: evaluate, train in the flow, evaluate again on the same tasks, compare. Everything that can be
 * wrong with the model, the data or the folder is found before anything is evaluated or written. Returns the exit code.
 */
export const learn = async ({
  resume,
  ...asked
}: LearnOptions & { readonly resume?: string | undefined }): Promise<number> => {
  const resumed = resume === undefined ? undefined : await resumable(resume);
  const { json, quiet } = asked;
  const options: LearnOptions = resumed === undefined ? asked : { ...resumed.options, json, quiet };
  const { seed } = options;
  const screen = openScreen({ json, quiet });
  const started = performance.now();
  const seconds: { -readonly [Part in keyof LearnReport["seconds"]]: number } = {
    total: 0,
    evaluate: 0,
    rollOut: 0,
    train: 0,
  };
  const interrupts = listenToInterrupts(() =>
    screen.line("Ending early: what is under way is finished, evaluated and saved. Ctrl-C again stops at once."),
  );
  let engine: Engine | undefined;
  let run: Run | undefined;
  const replies = replyJournal(resumed?.folder);
  try {
    const { world, findings } = await openWorldOf(options, screen, interrupts, replies);
    if (options.check === true) return showFindings(findings, screen, json);
    const opened = await openLearning(options, world, screen, interrupts);
    engine = opened.engine;
    if (opened.seconds !== undefined) seconds.coldStart = opened.seconds;
    const { policies, recipe, modules, steps, concurrency, tools, flow, adapters } = opened;
    const split = options.validation ? "validation" : "test";
    const sets = world.evaluation(split, sizesOf(options.evalTasks));
    const config = configOf({ ...options, concurrency }, recipe, steps, engine, {
      policies,
      modules,
      world: world.hash,
      split,
    });
    const names = policies.map(({ name }) => name);
    const tell = (damage: string): void => screen.line(`A checkpoint is passed over: ${damage}.`);
    const stored = resumed === undefined ? undefined : await loadState(resumed.folder, names, tell);
    run = resumed === undefined ? await begin(options, config) : await goOn(resumed, stored, engine, screen);
    await replies.attach(run.folder);
    for (const [i, policy] of policies.entries()) {
      const state = stored?.policies[i];
      if (state !== undefined) await policy.importState(state);
    }
    let phases: Phases = resumed?.phases ?? {};
    const keep = async (more: Phases): Promise<void> => {
      phases = { ...phases, ...more, seconds: { ...seconds } };
      if (run !== undefined) await run.writeJson("phases.json", { ...phases, lengths: await run.lengths() });
    };
    Object.assign(seconds, phases.seconds);
    const questions = setNames.reduce((sum, name) => sum + sets[name].length, 0);
    for (const line of introduction(options, recipe, steps, engine, questions, run)) screen.line(line);
    screen.line();

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
      if (run !== undefined) store(run, title, sets, evaluated);
      run?.appendTimings({ evaluation: title, seconds: spent });
      screen.line(screen.bold(`${title.padEnd(8)} ${summary(evaluated.figures, world.titles)}`));
      return evaluated;
    };

    /** What was evaluated before the run was resumed is read, and not evaluated again. */
    const phase = async (title: "before" | "coldStart"): Promise<Evaluated> => {
      const known = phases[title];
      if (known !== undefined && run !== undefined) return evaluatedAgain(run, title, known);
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
      if (stored === undefined)
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
      if (stored === undefined) {
        seconds.coldStart = (performance.now() - from) / 1000;
        run.appendTimings({ coldStart: seconds.coldStart });
        await saveState(run, policies, beforeTraining(world, seed, recipe));
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
      onCheckpoint: async (state) => {
        if (run !== undefined) await saveState(run, policies, state);
      },
    });
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
    screen.line();
    for (const line of beforeAndAfter(sets, before, after, screen.width)) screen.line(line);
    screen.line();
    const report: LearnReport = {
      schemaVersion: 1,
      run: run.id,
      seconds: { ...seconds, total: (performance.now() - started) / 1000 },
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
    await run.writeJson("report.json", report);
    if (json) writeJson(report);
    // Quiet means without progress: the result is what was asked for.
    conclude(quiet && !json ? openScreen() : screen, report, run, world, options.config);
    return report.interrupted ? INTERRUPTED : 0;
  } catch (error) {
    if (error instanceof Interruption && run !== undefined)
      screen.line(`Stopped at once; ${run.folder} keeps what was written until now.`);
    throw error;
  } finally {
    interrupts.close();
    screen.clear();
    try {
      await replies.close();
    } finally {
      await run?.close();
      await engine?.dispose();
    }
  }
};

/** A new run, with the options that a later call goes on by. */
const begin = async (options: LearnOptions, config: object): Promise<Run> => {
  const run = await createRun(options.out, runId(new Date(), Math.random), config);
  await run.writeJson("options.json", { options });
  return run;
};

/** An interrupted run, cut to where it can be gone on from. */
const goOn = async (
  { root, id, phases, machine }: Resumed,
  stored: StoredState | undefined,
  engine: Engine,
  screen: Screen,
): Promise<Run> => {
  if (JSON.stringify(machine) !== JSON.stringify(engine.description))
    screen.line(
      "This machine or its runtime is another one than the run began on: it goes on, but not to the same bits.",
    );
  const run = await reopenRun(root, id, lengthsOf(phases, stored));
  await rm(run.path("report.json"), { force: true });
  screen.line(
    `Resumed  ${run.folder}, after ${stored === undefined ? "no step" : `step ${stored.state.after.index + 1}`}`,
  );
  return run;
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

const sizesOf = (tasks: number | undefined): Partial<Readonly<Record<SetName, number>>> =>
  tasks === undefined ? {} : Object.fromEntries(setNames.map((name) => [name, tasks]));

/** Everything that decides about the result, and what it ran on. */
const configOf = (
  {
    seed,
    config,
    model = config === undefined ? BUILT_IN_MODEL : MICRO_PLANNER,
    concurrency,
    evalTasks,
    replay,
    permuteRewards,
    minutes,
    rank = 16,
    maxStaleness,
    guard,
    patience,
  }: LearnOptions,
  { secondsPerStep: _, secondsAround: __, ...used }: Recipe,
  steps: number,
  engine: Engine,
  {
    policies,
    modules,
    world,
    split,
  }: {
    readonly policies: readonly Policy[];
    readonly modules: readonly ModuleName[];
    readonly world: string;
    readonly split: string;
  },
): Readonly<Record<string, unknown>> => {
  return {
    ...used,
    seed,
    steps,
    model,
    weights: policies[0]?.version,
    modules,
    train: policies.map(({ name }) => name),
    ...(minutes === undefined ? {} : { minutes }),
    ...(engine.learns === "adapters" ? { rank } : {}),
    ...(config === undefined ? { almanac: world } : { project: config, tasks: world }),
    split,
    ...(evalTasks === undefined ? {} : { evalTasks }),
    ...(replay ? {} : { replay: false }),
    ...(guard ? {} : { guard: false }),
    ...(maxStaleness === undefined ? {} : { maxStaleness }),
    ...(patience === undefined ? {} : { patience }),
    permuteRewards,
    concurrency,
    machine: engine.description,
  };
};
