/**
 * Makes the planner that the page `web/demo` begins with, from nothing: a vocabulary from questions and plans of the
 * archipelago, then imitation of random plans that are valid. Writes `web/demo/public/planner`; its manifest has the hashes.
 * The same command gives the same files on the same kind of processor.
 *
 *   npx tsx scripts/make-demo-planner.ts
 */
import { join } from "node:path";
import { createFlow, randomKey, renderEntry, renderHead } from "agentflow";
import { createEngine, type ModelConfig, trainTokenizer } from "agentflow/engines/onnx";
import { linearSchedule, supervised } from "agentflow/train";
import { TURNS, tasks } from "../examples/archipelago/questions.ts";
import { randomPlanner } from "../examples/archipelago/random-planner.ts";
import { tools } from "../examples/archipelago/tools.ts";
import { demonstrate, imitation } from "../src/learn/imitated-sequences.ts";
import { measure } from "../web/demo/src/learning.ts";
import { flowOf, PROMPTS } from "../web/demo/src/planner.ts";

const SEED = 5;
const PLANS = 3000;
const STEPS = 1000;
const PLANS_A_STEP = 24;
/** Turns beyond those of a question, so that imitation knows the entries that come late. */
const EXTRA_TURNS = 2;
const LARGEST_VOCABULARY = 400;

const folder = join(import.meta.dirname, "../web/demo/public/planner");

const flow = createFlow({ planner: randomPlanner, tools, budget: { turns: TURNS + EXTRA_TURNS } });
const plans = await demonstrate(flow, tasks("train", SEED, PLANS), randomKey("archipelago plans", SEED));
const texts = plans.map(
  ({ analysis, memory }) =>
    renderHead(analysis) + memory.map((entry) => `${entry.step.raw}\n${renderEntry(entry, PROMPTS)}`).join(""),
);
const tokenizer = trainTokenizer(texts, {
  vocabularySize: LARGEST_VOCABULARY,
  // The command line asks for both; the page samples the second only.
  special: ["<answer>", "<end>"],
  atMost: true,
});
const config: ModelConfig = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  head_dim: 16,
  intermediate_size: 128,
  vocab_size: Object.keys(tokenizer.model.vocab).length,
  max_position_embeddings: 96,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};
const engine = await createEngine({ name: "archipelago-planner", config, tokenizer, seed: SEED }, { threads: 2 });
const policy = engine.policy("planner");
const sequences = plans.map((plan) => imitation(engine, plan, PROMPTS)).filter(({ ids }) => ids.length <= 96);
const training = supervised({
  policy,
  steps: STEPS,
  learningRate: linearSchedule({ peak: 4e-3, steps: STEPS, warmUp: 20, finalShare: 0.05 }),
  optimiser: { beta2: 0.98, weightDecay: 0.05 },
  sequences: (step) =>
    Array.from(
      { length: PLANS_A_STEP },
      (_, i) => sequences[(step * PLANS_A_STEP + i) % sequences.length] ?? [],
    ).flat(),
});
for await (const { step, loss } of training)
  if ((step + 1) % 50 === 0) console.log(`step ${step + 1} of ${STEPS}: ${loss.toFixed(3)} nats a token`);
const { accuracy, n } = await measure({ greedy: flowOf(policy, 0), policy }, 200);
await policy.save(folder, { ...PROMPTS, command: "npx tsx scripts/make-demo-planner.ts", seed: SEED, plans: PLANS });
console.log(
  `${folder}: ${engine.description.parameters} parameters, ${(100 * accuracy).toFixed(1)} % of ${n} unseen tasks, version ${policy.version.slice(0, 12)}`,
);
await engine.dispose();
