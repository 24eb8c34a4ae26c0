/**
 * Processor seconds and sampled tokens until the planner answers 80 and 90 % of unseen validation pages: the recipe of `learn`
 * beside an earlier one, which is pinned here as data, step by step in turn in one process.
 *
 *   npx tsx bench/time-to-learn.ts [--seeds 7,8,9 --tasks 216 --every 10 --steps 400 --threads 2 --whole]
 *
 * Random calls that look for routes and their imitation are counted, validation is not. With `--whole` both continue to their last
 * step, and what they took is compared as well. The last line is one JSON object; its ratios are new to old, the median over seeds.
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { Environment, EnvironmentSealed } from "../src/environment.ts";
import { createFlow } from "../src/flow/flow.ts";
import { castOf } from "../src/learn/cast.ts";
import { openReplay } from "../src/learn/demonstration-pool.ts";
import { findRoutes } from "../src/learn/found-routes.ts";
import { coldStartPlanner } from "../src/learn/imitation.ts";
import { learningRateOf, type Recipe, recipes } from "../src/learn/recipe.ts";
import { taskSampler } from "../src/learn/task-sampler.ts";
import { evaluate, flowGrpo } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "7,8,9" },
    tasks: { type: "string", default: "216" },
    every: { type: "string", default: "10" },
    steps: { type: "string", default: "400" },
    threads: { type: "string" },
    whole: { type: "boolean", default: false },
  },
});
const [tasks, every, most] = [Number(values.tasks), Number(values.every), Number(values.steps)];
const GOALS = [0.8, 0.9];

/** The recipe of 400 steps that agentflow-tiny was trained by until 2026-11-29; engine and task sampler are today's. */
const earlier: Recipe = {
  ...recipes.flowOnly,
  steps: 400,
  grpo: { ...recipes.flowOnly.grpo, tasksPerStep: 32, minimumMixedGroups: 3, fullStepGroups: 6, klEvery: 1 },
  learningRate: { peak: 3e-4, warmUp: 8, finalShare: 0.3 },
  replay: {
    from: 0.04,
    to: 0.002,
    over: 0.7,
    episodes: 12,
    states: 16,
    pool: 600,
    reading: 0.9,
  },
  exercises: { from: 0, to: 0, over: 1, sequences: 0, pool: 0 },
  successes: { from: 0, to: 0, over: 1, sequences: 0 },
};

/** What it took to come to a goal. */
interface Reached {
  readonly steps: number;
  readonly processorSeconds: number;
  readonly sampledTokens: number;
}

const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** One recipe under way. */
const openArm = async (name: string, recipe: Recipe, seed: number) => {
  const environment: Environment = await openAlmanac(seed);
  const threads = values.threads === undefined ? {} : { threads: Number(values.threads) };
  const engine = await openEngine("agentflow-tiny", { slots: 352, ...threads });
  const { flow: modules, model, policies } = castOf(engine, { seed, recipe });
  const flow = createFlow({ ...modules, tools: environment.tools(model) });
  const sampler = taskSampler(environment, seed, recipe);
  const abortSignal = new AbortController().signal;
  const tools = environment.tools(model);
  const begun = processorSeconds();
  const isShown = recipe.coldStart.routes > 0 || recipe.routes.sequences > 0;
  const walked = isShown
    ? { ...environment, routes: await findRoutes({ environment, tools, seed, abortSignal }) }
    : environment;
  const spent = { steps: 0, processorSeconds: processorSeconds() - begun, sampledTokens: 0 };
  const { sources } = await openReplay({ environment, walked, engine, seed, steps: recipe.steps, recipe, abortSignal });
  const training = flowGrpo<EnvironmentSealed>({
    ...recipe.grpo,
    flow,
    train: policies,
    tasks: (_, step) => sampler.next(step),
    reward: environment.reward,
    onTrajectory: ({ task, reward }) => sampler.record(task, reward),
    replay: sources,
    learningRate: learningRateOf(recipe, recipe.steps),
    steps: recipe.steps,
    seed,
    concurrency: recipe.concurrency,
  });
  let isTaught = recipe.coldStart.steps === 0;
  const teach = async (): Promise<void> => {
    isTaught = true;
    const [policy] = policies;
    if (policy === undefined) return;
    const onStep = (): void => undefined;
    await coldStartPlanner({ environment, walked, tools, policy, recipe, seed, onStep, abortSignal });
  };
  const validation = environment.evaluation("validation", { heldOutPages: tasks }).heldOutPages;
  const reached = new Map<number, Reached>();
  return {
    name,
    reached,
    spent,
    done: () =>
      spent.steps >= Math.min(most, recipe.steps) || (!values.whole && GOALS.every((goal) => reached.has(goal))),
    step: async (): Promise<void> => {
      const begun = processorSeconds();
      if (isTaught) {
        const { value, done } = await training.next();
        spent.processorSeconds += processorSeconds() - begun;
        if (done === true || value === undefined) return;
        spent.steps += 1;
        spent.sampledTokens += value.responseTokens * value.trajectories;
        if (spent.steps % every !== 0) return;
      } else {
        await teach();
        spent.processorSeconds += processorSeconds() - begun;
      }
      const { accuracy } = await evaluate({
        flow,
        tasks: validation,
        reward: environment.reward,
        seed,
        policies,
        concurrency: recipe.concurrency,
      });
      for (const goal of GOALS) if (accuracy >= goal && !reached.has(goal)) reached.set(goal, { ...spent });
      console.log(
        `${name.padEnd(8)} seed ${seed} step ${spent.steps}: ${(100 * accuracy).toFixed(1)} % of ${tasks} unseen pages, ${spent.processorSeconds.toFixed(0)} processor seconds, ${(spent.sampledTokens / 1e6).toFixed(2)} M tokens`,
      );
    },
    dispose: () => engine.dispose(),
  };
};

const median = (list: readonly number[]): number | null =>
  list.length === 0 ? null : ([...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? null);

type Arm = Awaited<ReturnType<typeof openArm>>;
const within = (
  name: "before" | "now",
  arm: Arm | undefined,
  goal: number,
): { readonly [_ in typeof name]?: Reached } => {
  const found = arm?.reached.get(goal);
  return found === undefined ? {} : { [name]: found };
};

const wholes: { readonly seed: number; readonly before: Reached; readonly now: Reached }[] = [];
const rows: { readonly seed: number; readonly goal: number; readonly before?: Reached; readonly now?: Reached }[] = [];
for (const seed of values.seeds.split(",").map(Number)) {
  const arms = [await openArm("earlier", earlier, seed), await openArm("now", recipes.tiny, seed)];
  const [before, now] = arms;
  while (arms.some((arm) => !arm.done())) for (const arm of arms) if (!arm.done()) await arm.step();
  if (values.whole && before && now) wholes.push({ seed, before: before.spent, now: now.spent });
  for (const goal of GOALS) rows.push({ seed, goal, ...within("before", before, goal), ...within("now", now, goal) });
  for (const arm of arms) await arm.dispose();
}

const ratios = GOALS.map((goal) => {
  const both = rows
    .filter((row) => row.goal === goal)
    .flatMap(({ before, now }) => (before && now ? [{ before, now }] : []));
  return {
    goal,
    n: both.length,
    processorSeconds: median(both.map(({ before, now }) => now.processorSeconds / before.processorSeconds)),
    sampledTokens: median(both.map(({ before, now }) => now.sampledTokens / before.sampledTokens)),
  };
});
const whole = median(wholes.map(({ before, now }) => now.processorSeconds / before.processorSeconds));
console.log(JSON.stringify({ bench: "time-to-learn", rows, ratios, ...(values.whole && { wholes, whole }) }));
