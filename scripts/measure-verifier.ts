/**
 * Planner and verifier trained from one reward, against the planner alone with the rules as its verifier, at equal sampled
 * tokens on the built-in environment. The verifier first imitates the rules' verdicts, once for all seeds. Trials whose
 * results are in the folder are not run again.
 *
 *   npx tsx scripts/measure-verifier.ts --out <folder> [--seeds 1,2 --tokens 60000 --batch 8 --tasks 300 --threads 1 --model <folder>]
 */
import { setMaxListeners } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { Environment, EnvironmentSealed } from "../src/environment.ts";
import { createFlow } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { chooseRecipe } from "../src/learn/choose-recipe.ts";
import { openReplay } from "../src/learn/demonstration-pool.ts";
import type { TrainableName } from "../src/learn/modules.ts";
import { taskSampler } from "../src/learn/task-sampler.ts";
import { coldStartVerifier } from "../src/learn/verifier-imitation.ts";
import { compare, type EvaluationReport, evaluate, flowGrpo, mean } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    seeds: { type: "string", default: "1,2" },
    tokens: { type: "string", default: "60000" },
    batch: { type: "string", default: "8" },
    tasks: { type: "string", default: "300" },
    threads: { type: "string", default: "1" },
    model: { type: "string", default: "agentflow-tiny" },
    imitation: { type: "string", default: "{}" },
  },
});
const { out } = values;
if (out === undefined) throw new TypeError("Say where the results go: --out <folder>.");
const [tokens, batch, tasks] = [Number(values.tokens), Number(values.batch), Number(values.tasks)];
const { signal: abortSignal } = new AbortController();
setMaxListeners(0, abortSignal);
await mkdir(out, { recursive: true });

const kept = async <Value>(file: string, make: () => Promise<Value>): Promise<Value> => {
  const text = await readFile(join(out, file), "utf8").catch(() => undefined);
  if (text !== undefined) return JSON.parse(text) as Value;
  const made = await make();
  await writeFile(join(out, file), JSON.stringify(made));
  return made;
};

const opened = async (train: readonly TrainableName[], seed: number) => {
  const environment: Environment = await openAlmanac(seed);
  const engine = await openEngine(values.model, { slots: 352, threads: Number(values.threads) });
  const chosen = chooseRecipe({ builtInModel: environment.builtInModel, train, isTaught: true, turnsLeft: true });
  const recipe = { ...chosen, grpo: { ...chosen.grpo, tasksPerStep: batch, klEvery: 0 } };
  const cast = castOf(engine, { seed, train, recipe });
  return {
    ...cast,
    environment,
    engine,
    flow: createFlow({ ...cast.flow, tools: environment.tools(cast.model) }),
  };
};

/** The verifier after its imitation, in base 64. */
const imitated = () =>
  kept("verifier.json", async () => {
    const { environment, engine, recipe, policies, flow } = await opened(["planner", "verifier"], 1);
    const [, policy] = policies;
    if (policy === undefined || recipe.verifier === undefined) throw new TypeError("No verifier learns.");
    const begun = process.cpuUsage();
    const agreement = await coldStartVerifier({
      ...{ environment, flow, policies, policy, abortSignal },
      recipe: { verifier: { ...recipe.verifier, ...JSON.parse(values.imitation) } },
      seed: 1,
      concurrency: recipe.concurrency,
      onStep: (step, steps, loss) => console.error(`imitation ${step}/${steps} ${loss.toFixed(4)}`),
    });
    const state = Buffer.from(await policy.exportState()).toString("base64");
    await engine.dispose();
    return { agreement, processorSeconds: secondsSince(begun), state };
  });

const secondsSince = (begun: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1e6;
};

interface Result {
  readonly steps: number;
  readonly sampled: number;
  readonly processorSeconds: number;
  readonly course: readonly number[];
  readonly pages: EvaluationReport;
  readonly families: EvaluationReport;
}

/** Steps that weights are planned for; where a trial is goes by its tokens. */
const PLANNED = 1000;

const trial = async (train: readonly TrainableName[], seed: number): Promise<Result> => {
  const { environment, engine, recipe, policies, flow } = await opened(train, seed);
  const [, verifier] = policies;
  if (verifier !== undefined) await verifier.importState(Buffer.from((await imitated()).state, "base64"));
  const { learningRate, concurrency } = recipe;
  const sampler = taskSampler(environment, seed, recipe);
  const pool = await openReplay({ environment, engine, seed, steps: PLANNED, recipe, abortSignal });
  let sampled = 0;
  const share = (): number => Math.min(1, sampled / tokens);
  const rewards: number[] = [];
  const begun = process.cpuUsage();
  const training = flowGrpo<EnvironmentSealed>({
    ...recipe.grpo,
    ...{ flow, train: policies, reward: environment.reward, seed, concurrency },
    tasks: (_, step) => sampler.next(step),
    onTrajectory: ({ task, reward }) => sampler.record(task, reward),
    replay: pool.sources.map(({ sequences, weight }) => ({
      sequences,
      weight: (_: number, count: number) => weight(share() * PLANNED, count),
    })),
    learningRate: (step) =>
      learningRate.peak * Math.min(1, (step + 1) / learningRate.warmUp) * (1 - (1 - learningRate.finalShare) * share()),
    steps: 100_000,
  });
  for await (const { reward, responseTokens, trajectories, turns, toolErrorRate } of training) {
    sampled += responseTokens * trajectories;
    rewards.push(reward.mean);
    console.error(
      `${train.join("+")} ${seed}: step ${rewards.length}, ${(100 * share()).toFixed(0)} % of tokens, reward ${reward.mean.toFixed(3)}, turns ${turns.toFixed(1)}, errors ${toolErrorRate.toFixed(2)}`,
    );
    if (sampled >= tokens) break;
  }
  const processorSeconds = secondsSince(begun);
  const sets = environment.evaluation("validation", { heldOutPages: tasks, heldOutFamily: tasks });
  const score = (set: "heldOutPages" | "heldOutFamily") =>
    evaluate({ flow, tasks: sets[set], reward: environment.reward, seed, policies, concurrency });
  const [pages, families] = [await score("heldOutPages"), await score("heldOutFamily")];
  await engine.dispose();
  const tenth = Math.max(1, Math.ceil(rewards.length / 10));
  const course = Array.from({ length: 10 }, (_, i) => mean(rewards.slice(i * tenth, (i + 1) * tenth)));
  return { steps: rewards.length, sampled, processorSeconds, course, pages, families };
};

const percent = (share: number): string => (100 * share).toFixed(1);
const { agreement, processorSeconds } = await imitated();
console.log(
  `agreement with the rules on unseen tasks: ${percent(agreement.share)} % of ${agreement.verdicts} after ${agreement.steps} steps, ${processorSeconds.toFixed(0)} processor s`,
);
for (const seed of values.seeds.split(",").map(Number)) {
  const alone = await kept(`planner-${seed}.json`, () => trial(["planner"], seed));
  const both = await kept(`both-${seed}.json`, () => trial(["planner", "verifier"], seed));
  for (const [name, { steps, sampled, pages, families, course, ...spent }] of Object.entries({ alone, both }))
    console.log(
      `seed ${seed} ${name.padEnd(5)} ${steps} steps, ${sampled} tokens, ${spent.processorSeconds.toFixed(0)} s: pages ${percent(pages.accuracy)} [${pages.interval.map(percent).join(", ")}], families ${percent(families.accuracy)} [${families.interval.map(percent).join(", ")}] of ${pages.n} and ${families.n}; reward ${course.map((one) => one.toFixed(2)).join(" ")}`,
    );
  for (const set of ["pages", "families"] as const) {
    const { points, interval, p } = compare(alone[set], both[set]);
    console.log(
      `seed ${seed} ${set}: both − alone ${percent(points)} points [${interval.map(percent).join(", ")}], p = ${p.toPrecision(2)}`,
    );
  }
}
