/**
 * Makes the built-in planner from nothing: a vocabulary from the text of random valid plans, then supervised training on
 * such plans with this project's own engine. One command, one run:
 *
 *   npx tsx scripts/make-planner.ts            (about 10 minutes on two quiet cores)
 *
 * What it may teach: the language of questions and plans, references, and reading (which field and operation answer the
 * question once its pages are in memory). What it must not: where to look, in which order, when to stop. The manifest
 * holds the curve and, side by side, accuracy and shares of tools and tool bigrams of the scripted planner and of its
 * imitation, on the same tasks.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import type { TrainingSequence } from "../src/engine.ts";
import { createEngine, type ModelConfig, trainTokenizer } from "../src/engines/onnx/index.ts";
import { renderEntry } from "../src/flow/memory.ts";
import { END, renderHead } from "../src/flow/model/prompt-form.ts";
import { demonstrator, exerciser } from "../src/learn/demonstrations.ts";
import { ANSWER, completion, imitation, lastArguments } from "../src/learn/imitated-sequences.ts";
import { READING } from "../src/learn/planners/random-valid.ts";
import { linearSchedule, supervised, validationLoss } from "../src/train/index.ts";
import { compareWithScript } from "./checks/cold-start-comparison.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: fileURLToPath(new URL("../models/agentflow-tiny", import.meta.url)) },
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: "900" },
    peak: { type: "string", default: "0.0025" },
  },
});
const seed = Number(values.seed);
const steps = Number(values.steps);
/** Random valid plans, exercises in reading and question–answer pairs of a step. */
const BATCH = { plans: 32, exercises: 64, completions: 2 };
/** Demonstrations that only the vocabulary and the validation loss see: their indices come before those of training. */
const RESERVED = { vocabulary: 3000, validation: 400 };

const config: ModelConfig = {
  hidden_size: 192,
  num_hidden_layers: 6,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 32,
  intermediate_size: 512,
  vocab_size: 1024,
  max_position_embeddings: 384,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};

const begun = performance.now();
const elapsed = (): number => Math.round((performance.now() - begun) / 1000);
const say = (line: string): void => console.error(`${String(elapsed()).padStart(5)} s  ${line}`);
const dataHash = createHash("sha256");

const environment = await openAlmanac(`cold start ${seed}`);
const demonstrations = demonstrator(environment, seed);
const exercises = exerciser(environment, seed);

say(`vocabulary: ${RESERVED.vocabulary} random valid plans`);
const shown = await demonstrations(0, RESERVED.vocabulary);
const texts = shown.map(({ trajectory: { analysis, memory } }) => {
  const head = renderHead(analysis, (memory[0]?.turnsLeft ?? 0) + 1);
  return head + memory.map((entry) => `${entry.step.raw}\n${renderEntry(entry)}`).join("");
});
const tokenizer = trainTokenizer(texts, { vocabularySize: config.vocab_size, special: ["<pad>", END, ANSWER] });
const engine = await createEngine({ name: "agentflow-tiny", config, tokenizer, seed });
const policy = engine.policy("planner");
const held = (await demonstrations(RESERVED.vocabulary, RESERVED.validation)).map(({ trajectory }) =>
  imitation(engine, trajectory),
);

const heldExercises = (await exercises(10_000_000, RESERVED.validation)).map(({ trajectory }) =>
  lastArguments(engine, trajectory),
);

const curve: { step: number; loss: number; plans: number; reading: number }[] = [];
let tokens = 0;
let loss = 0;
/** A step's sequences; those of the next step are made while the engine works on this one. */
const prepare = async (step: number): Promise<TrainingSequence[]> => {
  const plans = await demonstrations(RESERVED.vocabulary + RESERVED.validation + step * BATCH.plans, BATCH.plans);
  const readings = await exercises(step * BATCH.exercises, BATCH.exercises);
  const answered = plans.slice(0, BATCH.completions);
  return [
    ...plans.map(({ trajectory }) => imitation(engine, trajectory)),
    ...readings.map(({ trajectory }) => lastArguments(engine, trajectory)),
    ...answered.map(({ task: { question, sealed } }) =>
      completion(engine.tokenizer, `${question}\nReply with the number, date or name alone.`, sealed.answer),
    ),
  ];
};
let next = prepare(0);
const training = supervised({
  policy,
  steps,
  learningRate: linearSchedule({ peak: Number(values.peak), steps, warmUp: 60, finalShare: 0.02 }),
  optimiser: { beta2: 0.98, weightDecay: 0.05 },
  sequences: async (step) => {
    const sequences = await next;
    if (step + 1 < steps) next = prepare(step + 1);
    for (const { ids } of sequences) dataHash.update(`${ids.join()}\n`);
    return sequences;
  },
});
for await (const step of training) {
  tokens += step.tokens;
  loss = step.step === 0 ? step.loss : 0.95 * loss + 0.05 * step.loss;
  if ((step.step + 1) % 50 !== 0 && step.step !== steps - 1) continue;
  const plans = await validationLoss(policy, held);
  const reading = await validationLoss(policy, heldExercises);
  curve.push({
    step: step.step + 1,
    loss: Number(loss.toFixed(4)),
    plans: Number(plans.toFixed(4)),
    reading: Number(reading.toFixed(4)),
  });
  say(
    `step ${step.step + 1}/${steps}  loss ${loss.toFixed(4)}  validation: plans ${plans.toFixed(4)}, reading ${reading.toFixed(4)}  ${(tokens / 1e6).toFixed(2)} M tokens`,
  );
}

say("comparing with the scripted planner");
const comparison = await compareWithScript({ environment, policy, tasks: 1080, seed });
const about = {
  model: "agentflow-tiny",
  command: `npx tsx scripts/make-planner.ts --seed ${seed} --steps ${steps} --peak ${values.peak}`,
  seed,
  steps,
  reading: READING,
  batch: BATCH,
  trainedTokens: tokens,
  seconds: elapsed(),
  environment: environment.hash,
  data: dataHash.digest("hex"),
  weights: policy.version,
  config,
  curve,
  comparison,
};
await policy.save(values.out, about);
await engine.dispose();
say(`written to ${values.out}`);
console.log(JSON.stringify(comparison, null, 2));
