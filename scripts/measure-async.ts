/**
 * Rollouts ahead of training against strictly on-policy ones: tasks a minute and the accuracy in the end, on the built-in
 * environment with tools that take a while, for several seeds, each mode at several numbers of questions at once.
 *
 *   npx tsx scripts/measure-async.ts [--steps 60 --latency 200 --concurrency 144,256 --tasks 200 --seeds 7,8]
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { Environment, EnvironmentSealed } from "../src/environment.ts";
import { type AnyTool, createFlow, type Toolset } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { openReplay } from "../src/learn/demonstration-pool.ts";
import { learningRateOf, recipes } from "../src/learn/recipe.ts";
import { taskSampler } from "../src/learn/task-sampler.ts";
import { evaluate, flowGrpo, mean } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "60" },
    latency: { type: "string", default: "200" },
    concurrency: { type: "string", default: "144,256" },
    tasks: { type: "string", default: "200" },
    seeds: { type: "string", default: "7" },
  },
});
const [steps, latency, tasks] = [values.steps, values.latency, values.tasks].map(Number) as [number, number, number];
const numbersOf = (list: string): number[] => list.split(",").map(Number);

/** Tools that answer as late as ones over a network do. */
const late = (tools: Toolset): Toolset =>
  Object.fromEntries(
    Object.entries(tools).map(([name, one]): [string, AnyTool] => [
      name,
      {
        ...one,
        execute: async (input, context) => {
          await new Promise((wake) => setTimeout(wake, latency));
          return one.execute(input, context);
        },
      },
    ]),
  );

const measure = async (seed: number, maxStaleness: number, concurrency: number) => {
  const recipe = recipes.flowOnly;
  const environment: Environment = await openAlmanac(seed);
  const engine = await openEngine("agentflow-tiny", { slots: 2 * concurrency + 64 });
  const cast = castOf(engine, { seed, recipe });
  const quick = environment.tools(cast.model);
  const sampler = taskSampler(environment, seed, recipe);
  const flow = createFlow({ ...cast.flow, tools: late(quick) });
  const abortSignal = new AbortController().signal;
  const { sources } = await openReplay({ environment, engine, seed, steps, recipe, abortSignal });
  const training = flowGrpo<EnvironmentSealed>({
    flow,
    train: cast.policies,
    tasks: (_, step) => sampler.next(step),
    reward: environment.reward,
    onTrajectory: ({ task, reward }) => sampler.record(task, reward),
    ...recipe.grpo,
    klEvery: 0,
    replay: sources,
    learningRate: learningRateOf(recipe, steps),
    steps,
    seed,
    concurrency,
    maxStaleness,
  });
  const begun = performance.now();
  let drawn = 0;
  const rewards: number[] = [];
  for await (const { index, tasksDrawn, reward } of training) {
    drawn = tasksDrawn;
    rewards.push(reward.mean);
    if ((index + 1) % EVERY === 0) console.log(`  step ${index + 1}: reward ${mean(rewards.splice(0)).toFixed(2)}`);
  }
  const minutes = (performance.now() - begun) / 60_000;
  const { accuracy, interval } = await evaluate({
    flow: createFlow({ ...cast.flow, tools: quick }),
    tasks: environment.evaluation("validation", { heldOutPages: tasks }).heldOutPages,
    reward: environment.reward,
    seed,
    policies: cast.policies,
  });
  await engine.dispose();
  return { seed, maxStaleness, concurrency, tasksPerMinute: drawn / minutes, minutes, accuracy, interval };
};

/** Steps from one line of progress to the next. */
const EVERY = 25;
const percent = (share: number): string => (100 * share).toFixed(1);
for (const seed of numbersOf(values.seeds)) {
  const best = new Map<number, Awaited<ReturnType<typeof measure>>>();
  for (const staleness of [0, 1])
    for (const concurrency of numbersOf(values.concurrency)) {
      const row = await measure(seed, staleness, concurrency);
      console.log(
        `seed ${seed}, staleness ${staleness}, ${concurrency} at once: ${row.tasksPerMinute.toFixed(0)} tasks a minute, validation ${percent(row.accuracy)} % [${row.interval.map(percent)}] after ${steps} steps in ${row.minutes.toFixed(1)} min`,
      );
      const known = best.get(staleness);
      if (known === undefined || row.tasksPerMinute > known.tasksPerMinute) best.set(staleness, row);
    }
  const [sync, ahead] = [best.get(0), best.get(1)];
  console.log(JSON.stringify({ ratio: (ahead?.tasksPerMinute ?? 0) / (sync?.tasksPerMinute ?? 1), sync, ahead }));
}
