import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openWorld } from "../almanac/environment.ts";
import { openEngine } from "../engines/onnx/index.ts";
import { setNames, type World } from "../environment.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { castOf } from "../learn/cast.ts";
import { evaluateSets, gainOf } from "../learn/evaluation.ts";
import { imitation } from "../learn/imitated-sequences.ts";
import { aboutPrompts } from "../learn/recipe.ts";
import { random, randomKey } from "../random.ts";
import { BUILT_IN_MODEL, engineOptions, findPlayers, findRun, roomFor } from "../setup/local-model.ts";
import { readLines } from "../store/lines.ts";
import { createRun, runId } from "../store/run-folder.ts";
import { queryOf } from "../task.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import type { Trajectory } from "../trajectory.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { summary } from "./learn-words.ts";
import { openScreen, writeJson } from "./terminal.ts";

export interface SftOptions {
  readonly seed: number;
  /** A run, or a file of trajectories; the oracle's plans on training tasks when absent. */
  readonly from?: string | undefined;
  /** How many of the oracle's plans. */
  readonly demonstrations: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly model?: string | undefined;
  readonly evalTasks?: number | undefined;
  readonly validation: boolean;
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * `agentflow sft`: offline imitation, the baseline that learning in the flow is compared with. The planner imitates
 * trajectories that were solved, and is evaluated on the same sets as by `learn`. Returns the exit code.
 */
export const sft = async (options: SftOptions): Promise<number> => {
  const { seed, steps, json, quiet } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const { abortSignal } = interrupts;
  const begun = performance.now();
  const world = await openWorld(seed);
  const players = await findPlayers(options.model ?? BUILT_IN_MODEL);
  const engine = await openEngine(players.model, { ...engineOptions({ adapters: players.adapters }), ...roomFor({}) });
  try {
    const { policies, model, recipe, flow: cast } = castOf(engine, { seed, verdicts: players.verdicts });
    const [policy] = policies;
    if (policy === undefined) throw new ConfigError("There is no planner to train.");
    const tools = world.tools(model);
    const flow = createFlow({ ...world.flow, ...cast, tools });
    const sizes =
      options.evalTasks === undefined ? {} : Object.fromEntries(setNames.map((name) => [name, options.evalTasks]));
    const sets = world.evaluation(options.validation ? "validation" : "test", sizes);
    const shown =
      options.from === undefined
        ? await demonstrations(world, options.demonstrations, seed, abortSignal)
        : await trajectoriesIn(options.from);
    const run = await createRun(options.out, runId(new Date(), Math.random), {
      command: "sft",
      ...options,
      trajectories: shown.length,
    });
    const form = { tools, detail: recipe.detail, verdicts: recipe.verdicts };
    const sequences = shown.map((trajectory) => imitation(engine, trajectory, form));
    const evaluateNow = async (title: string) => {
      const evaluated = await evaluateSets({
        flow,
        sets,
        reward: world.reward,
        seed,
        concurrency: recipe.concurrency,
        policies,
        onProgress: (done, total) => screen.live(`${title}: ${done}/${total} tasks`),
        abortSignal,
      });
      screen.line(screen.bold(`${title.padEnd(8)} ${summary(evaluated.figures, world.titles)}`));
      return evaluated;
    };
    screen.line(`Imitates ${shown.length} trajectories in ${steps} steps of ${options.batch}`);
    const before = await evaluateNow("before");
    const training = supervised({
      policy,
      steps,
      learningRate: linearSchedule({ peak: options.learningRate, steps, warmUp: 4, finalShare: 0.1 }),
      sequences: (step) =>
        random(randomKey(seed, "sft", step))
          .shuffle(sequences)
          .slice(0, options.batch),
      abortSignal,
    });
    let loss = 0;
    for await (const step of training) {
      loss = step.loss;
      run.appendMetrics({ step: step.step, loss: step.loss, gradientNorm: step.gradientNorm });
      screen.live(`imitation: step ${step.step + 1}/${steps}, loss ${loss.toFixed(3)}`);
    }
    const after = await evaluateNow("after");
    await policy.save(run.path("weights"), aboutPrompts(recipe));
    const report = {
      schemaVersion: 1,
      run: run.id,
      trajectories: shown.length,
      steps,
      loss,
      seconds: (performance.now() - begun) / 1000,
      before: before.figures,
      after: after.figures,
      gain: gainOf(before, after),
    };
    await run.writeJson("report.json", report);
    await run.close();
    if (json) writeJson(report);
    screen.line(`Run      ${run.folder}`);
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
    await engine.dispose();
  }
};

/** The oracle's plans on training tasks, carried out. */
const demonstrations = async (
  world: World,
  count: number,
  seed: number,
  abortSignal: AbortSignal,
): Promise<Trajectory[]> => {
  if (world.oracle === undefined) throw new ConfigError("This world has no oracle to imitate: give --from.");
  const { families } = world;
  const tasks = Array.from({ length: count }, (_, i) => {
    const family = families[i % families.length];
    return family === undefined ? [] : [world.train(family, Math.floor(i / families.length))];
  }).flat();
  const known = new Map(tasks.map((task) => [task.id, task]));
  const silent = { id: "silent", complete: async () => ({ text: "unknown", promptTokens: 0, sampledTokens: 0 }) };
  const flow = createFlow({ ...world.flow, planner: world.oracle((id) => known.get(id)), tools: world.tools(silent) });
  const shown: Trajectory[] = [];
  for (const [i, task] of tasks.entries()) {
    abortSignal.throwIfAborted();
    const { trajectory } = await flow.solve(queryOf(task), { id: `sft-${i}`, randomKey: randomKey(seed, "sft", i) });
    if ((await world.reward(task, trajectory.answer)) === 1) shown.push(trajectory);
  }
  return shown;
};

/** Solved trajectories of a run or of a file of JSON lines: rows that are trajectories, or that hold one. */
const trajectoriesIn = async (from: string): Promise<Trajectory[]> => {
  const isFile = (await stat(from).catch(() => undefined))?.isFile() === true;
  const found = isFile ? undefined : await findRun(from);
  const path = found === undefined ? from : join(found.root, found.id, "trajectories.jsonl");
  const rows = (await readLines(path)) as (Partial<Trajectory> & {
    readonly trajectory?: Trajectory;
    readonly reward?: unknown;
  })[];
  const solved = rows.flatMap((row) => {
    const trajectory = row.trajectory ?? (Array.isArray(row.memory) ? (row as Trajectory) : undefined);
    if (trajectory === undefined || trajectory.memory.length === 0) return [];
    return row.reward === 1 || (row.reward === undefined && trajectory.status === "solved") ? [trajectory] : [];
  });
  if (solved.length === 0)
    throw new StoreError(
      `${path} holds no solved trajectories with their memory (a run of solve, or a partial file of eval).`,
    );
  return solved;
};
