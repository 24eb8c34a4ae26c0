/**
 * Trains a planner as `agentflow learn` does, on the Almanac with a `web_search` that fails now and then. With
 * `--cold-start` it first imitates random valid plans for so many steps, as the built-in planner did: from them it learns
 * what the marks of a prompt with verdicts look like.
 *
 *   npx tsx scripts/train-in-changing-world.ts --out <folder> [--model <run> --verdicts --cold-start 100 --rate 0.1 --steps 200 --seed 7]
 */
import { parseArgs } from "node:util";
import { openWorld } from "../src/almanac/environment.ts";
import { listenToInterrupts } from "../src/cli/interrupt.ts";
import { screenOn } from "../src/cli/screen.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { World } from "../src/environment.ts";
import { createFlow, ruleExecutor } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { coldStartAdapter } from "../src/learn/imitation.ts";
import { recipe as ownRecipe, withVerdicts } from "../src/learn/recipe.ts";
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
// Random valid plans meet the failures, too, and go on: what is imitated shows what a plan looks like after one.
const world: World = { ...(await openWorld(seed)), flow: { executor } };
const engine = await openEngine(await findModel(values.model));
const { policies, model, flow: cast, recipe } = castOf(engine, { seed, recipe: withVerdicts(ownRecipe, verdicts) });
const tools = world.tools(model);
const nothing = (): void => undefined;
const interrupts = listenToInterrupts(nothing);
const [policy] = policies;
if (policy === undefined) throw new TypeError("The cast has no planner that learns.");
const screen = screenOn({ stream: process.stderr, environment: process.env });
const imitated = { steps: Number(values["cold-start"]), plans: 32, exercises: 64, learningRate: 5e-4 };
if (imitated.steps > 0)
  await coldStartAdapter({
    world,
    tools,
    policy,
    recipe: { ...recipe, coldStart: imitated },
    seed,
    onStep: (step, loss) => screen.line(`cold start: step ${step + 1}/${imitated.steps}, loss ${loss.toFixed(3)}`),
    abortSignal: interrupts.abortSignal,
  });
const trained = await train({
  options: {
    seed,
    steps,
    out,
    json: false,
    quiet: false,
    validation: true,
    replay: true,
    guard: true,
    permuteRewards: false,
  },
  recipe,
  steps,
  concurrency: recipe.concurrency,
  world,
  tools,
  flow: createFlow({ ...cast, executor, tools }),
  policies,
  run: {
    appendMetrics: nothing,
    appendTimings: nothing,
    appendTrajectory: nothing,
    appendJournal: nothing,
    appendDigest: nothing,
    turnJournal: async () => undefined,
  },
  replies: { enter: async () => undefined },
  screen,
  interrupts,
  secondsAfter: 0,
});
await policy.save(out, { ...values, world: world.hash });
console.log(JSON.stringify({ out, rate, seed, verdicts, ...trained, weights: policy.version }));
await engine.dispose();
interrupts.close();
