/**
 * A memory across tasks, on the Almanac: a planner solves training tasks and what solved them is kept; then the same planner
 * solves unseen ones with and without that memory. Accuracy, turns, and how often a plan was found.
 *
 *   npx tsx scripts/measure-experience.ts --model <run> [--kept 1200 --tasks 240 --seed 7]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import { createFlow, experiencedPlanner, type Planner, queryOf, randomKey } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { recipes } from "../src/learn/recipe.ts";
import { findPlayers } from "../src/setup/local-model.ts";
import { openExperience } from "../src/store/experience.ts";
import { evaluate } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "agentflow-tiny" },
    kept: { type: "string", default: "1200" },
    tasks: { type: "string", default: "240" },
    seed: { type: "string", default: "7" },
  },
});
const [kept, count, seed] = [values.kept, values.tasks, values.seed].map(Number) as [number, number, number];
const environment = await openAlmanac(seed);
const engine = await openEngine((await findPlayers(values.model)).model);
const { policies, model, flow: cast } = castOf(engine, { seed, recipe: recipes.flowOnly });
const tools = environment.tools(model);
const flow = createFlow({ ...cast, tools });
const folder = await mkdtemp(join(tmpdir(), "agentflow-experience-"));
const store = await openExperience(folder, { threshold: 0.8 });

const sets = environment.evaluation("validation", { heldOutPages: count, heldOutFamily: count });
const tasks = Array.from({ length: kept }, (_, i) =>
  environment.train(
    environment.families[i % environment.families.length] ?? "",
    700 + Math.floor(i / environment.families.length),
  ),
);
let solved = 0;
const jobs = tasks.map((task, i) => async () => {
  const { trajectory } = await flow.solve(queryOf(task), { id: `kept-${i}`, randomKey: randomKey(seed, "kept", i) });
  if ((await environment.reward(task, trajectory.answer)) !== 1) return;
  solved += 1;
  await store.record(trajectory, { source: "training", reward: 1 });
});
for (let at = 0; at < jobs.length; at += 48) await Promise.all(jobs.slice(at, at + 48).map((job) => job()));
console.log(`${solved} of ${kept} training tasks were solved and kept`);

let found = 0;
let asked = 0;
const counting = {
  ...store,
  retrieve: async (question: string, options?: { readonly limit?: number }) => {
    const plans = await store.retrieve(question, options);
    asked += 1;
    found += Number(plans.length > 0);
    return plans;
  },
};
const withIt = flow.with({ planner: experiencedPlanner(cast.planner as Planner), experience: { store: counting } });
for (const [name, set] of [
  ["unseen pages", sets.heldOutPages],
  ["unseen families", sets.heldOutFamily],
] as const)
  for (const [how, one] of [
    ["without", flow],
    ["with", withIt],
  ] as const) {
    [found, asked] = [0, 0];
    const report = await evaluate({ flow: one, tasks: set, reward: environment.reward, seed, policies });
    console.log(
      `${name.padEnd(16)} ${how.padEnd(8)} ${(100 * report.accuracy).toFixed(1)} % [${report.interval.map((end) => (100 * end).toFixed(1))}] of ${report.n}, ${report.averageTurns.toFixed(1)} turns${asked === 0 ? "" : `, a plan was found for ${((100 * found) / asked).toFixed(0)} %`}`,
    );
  }
await store.close();
await rm(folder, { recursive: true });
await engine.dispose();
