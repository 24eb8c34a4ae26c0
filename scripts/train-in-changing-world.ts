/**
 * Trains a planner as `agentflow learn` does, on the Almanac with a `web_search` that fails now and then. With
 * `--cold-start` it first imitates random valid plans for n steps, as the built-in planner did: from them it learns
 * what the marks of a prompt with verdicts look like.
 *
 *   npx tsx scripts/train-in-changing-environment.ts --out <folder> [--model <run> --verdicts --cold-start 100 --rate 0.1 --steps 200 --seed 7]
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { Environment } from "../src/environment.ts";
import { createFlow, ruleExecutor } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { coldStartAdapter } from "../src/learn/imitation.ts";
import { chooseRecipe } from "../src/learn/recipe.ts";
import { settingsOf } from "../src/learn/settings.ts";
import { train } from "../src/learn/training.ts";
import { findModel } from "../src/setup/local-model.ts";
import { failingExecutor } from "../src/testing/index.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    model: { type: "string", default: "agentflow-tiny" },
    verdicts: { type: "boolean", default: false },
    "cold-start": { type: "string", default: "0" },
    rate: { type: "string", default: "0.1" },
    steps: { type: "string", default: "200" },
    seed: { type: "string", default: "7" },
  },
});
const { out, verdicts } = values;
if (out === undefined) throw new TypeError("Say where the weights go: --out <folder>.");
const [rate, steps, seed] = [Number(values.rate), Number(values.steps), Number(values.seed)];
const executor = failingExecutor(ruleExecutor(), "web_search", rate);
// Random valid plans meet the failures, too, and continue: what is imitated shows what a plan looks like after one.
const environment: Environment = { ...(await openAlmanac(seed)), flow: { executor } };
const engine = await openEngine(await findModel(values.model));
const {
  policies,
  model,
  modules,
  flow: cast,
  recipe,
} = castOf(engine, {
  seed,
  recipe: chooseRecipe({ builtInModel: environment.builtInModel, verdicts }),
});
const tools = environment.tools(model);
const nothing = (): void => undefined;
const { signal: abortSignal } = new AbortController();
const [policy] = policies;
if (policy === undefined) throw new TypeError("The cast has no planner that learns.");
const imitated = { steps: Number(values["cold-start"]), plans: 32, exercises: 64, learningRate: 5e-4 };
if (imitated.steps > 0)
  await coldStartAdapter({
    environment,
    tools,
    policy,
    recipe: { ...recipe, coldStart: imitated },
    seed,
    onStep: (step, all, loss) => console.error(`cold start: step ${step}/${all}, loss ${loss.toFixed(3)}`),
    abortSignal,
  });
const trained = await train({
  settings: settingsOf({ seed, steps, validation: true }),
  learning: {
    environment,
    planner: { name: "agentflow-tiny", open: async () => ({ engine }) },
    engine,
    policies,
    modules,
    recipe,
    steps,
    concurrency: recipe.concurrency,
    tools,
    flow: createFlow({ ...cast, executor, tools }),
    dispose: () => engine.dispose(),
  },
  run: {
    appendMetrics: nothing,
    appendTimings: nothing,
    appendTrajectory: nothing,
    appendJournal: nothing,
    appendDigest: nothing,
    turnJournal: async () => undefined,
  },
  replies: { enter: async () => undefined },
  emit: (event) => {
    if (event.type === "step-end")
      console.error(`step ${event.step}/${event.steps}, reward ${event.metrics.reward.mean}`);
  },
  signals: { abortSignal, stopSignal: abortSignal },
  now: () => performance.now() / 1000,
});
await policy.save(out, { ...values, environment: environment.hash });
console.log(JSON.stringify({ out, rate, seed, verdicts, ...trained, weights: policy.version }));
await engine.dispose();
