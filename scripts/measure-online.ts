/**
 * Learning while serving on a stream whose mix of tasks shifts half-way: accuracy on the old and on the new mix, round by
 * round, with the gate on the old one.
 *
 *   npx tsx scripts/measure-online.ts --model <run> [--rounds 16 --seed 7]
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { Environment, EnvironmentSealed, EnvironmentTask } from "../src/environment.ts";
import { createFlow, random, randomKey } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { recipes } from "../src/learn/recipe.ts";
import { findPlayers } from "../src/setup/local-model.ts";
import { evaluate, onlineLearner } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "agentflow-tiny" },
    rounds: { type: "string", default: "16" },
    seed: { type: "string", default: "7" },
  },
});
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
const environment: Environment = await openAlmanac(seed);
const { model: folder, turnsLeft = true } = await findPlayers(values.model);
const recipe = { ...recipes.flowOnly, turnsLeft };
const engine = await openEngine(folder);
const { policies, model, flow: cast } = castOf(engine, { seed, recipe });
const flow = createFlow({ ...environment.flow, ...cast, tools: environment.tools(model) });

const sets = environment.evaluation("validation", { heldOutPages: 240 }).heldOutPages;
const score = async (tasks: readonly EnvironmentTask[]) =>
  evaluate({ flow, tasks, reward: environment.reward, seed, policies });
// The new mix: a third of the families, at random; the old one: the others.
const fresh = new Set(
  random(randomKey(seed, "mix"))
    .shuffle(environment.families)
    .slice(0, Math.ceil(environment.families.length / 3)),
);
const [oldTasks, newTasks] = [
  sets.filter(({ sealed }) => !fresh.has(sealed.family)),
  sets.filter(({ sealed }) => fresh.has(sealed.family)),
];

const learner = onlineLearner<EnvironmentSealed>({
  flow,
  train: policies,
  reward: environment.reward,
  gate: { tasks: oldTasks.slice(0, 120) },
  seed,
  groupSize: 8,
  tasksPerStep: 16,
  stepsPerRound: 5,
  learningRate: 1.5e-4,
  optimiser: recipe.grpo.optimiser,
  beta: 0,
  concurrency: recipe.concurrency,
});

const percent = (share: number): string => `${(100 * share).toFixed(1).padStart(5)} %`;
const row = async (name: string): Promise<void> => {
  const [before, after] = [await score(oldTasks), await score(newTasks)];
  console.log(
    `${name.padEnd(28)} old mix ${percent(before.accuracy)} of ${before.n}   new mix ${percent(after.accuracy)} of ${after.n}`,
  );
};
console.log(`new mix: ${[...fresh].join(", ")}`);
await row("before");
const indices = new Map<string, number>();
let published = 0;
for (let round = 0; round < rounds; round += 1) {
  const families = round < rounds / 2 ? environment.families.filter((name) => !fresh.has(name)) : [...fresh];
  for (let i = 0; i < 32; i += 1) {
    const family = families[(round * 32 + i) % families.length] ?? "";
    const index = indices.get(family) ?? 0;
    indices.set(family, index + 1);
    learner.add(environment.train(family, 500 + index));
  }
  const result = await learner.learn();
  published += Number(result.published);
  await row(
    `round ${round + 1} (${round < rounds / 2 ? "old" : "new"}) ${result.published ? "published" : "held back"}`,
  );
}
console.log(JSON.stringify({ rounds, published, versions: learner.versions }));
learner.close();
await engine.dispose();
