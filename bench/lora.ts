/**
 * LoRA training of a model of SmolLM2-135M's shape (random weights): a sequence of 512 tokens, and a step on 8 rollouts
 * of one prompt. Prints tokens per second, processor time and peak memory. Run: npx tsx bench/lora.ts [--threads 2] [--only sequence|rollouts] [--runs 3]
 */
import { parseArgs } from "node:util";
import type { TrainingSequence } from "../src/engine.ts";
import { openNativeRuntime } from "../src/engines/onnx/carriers/ort-native.ts";
import { allocateLora, initialiseLora, loraConfigOf } from "../src/engines/onnx/lora.ts";
import type { ModelConfig } from "../src/engines/onnx/model-config.ts";
import { createLayerTrainer } from "../src/engines/onnx/training/layer-trainer.ts";
import { allocateWeights } from "../src/engines/onnx/weights.ts";
import { random, randomKey } from "../src/random.ts";

const { values: flags } = parseArgs({
  options: { threads: { type: "string" }, only: { type: "string" }, runs: { type: "string", default: "3" } },
});
const config: ModelConfig = {
  hidden_size: 576,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  head_dim: 64,
  intermediate_size: 1536,
  vocab_size: 49_152,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
};
const runtime = openNativeRuntime({ threads: Number(flags.threads ?? 2) });
const weights = allocateWeights(runtime, config);
for (const [name, tensor] of weights.tensors) {
  const values = (tensor.memory.data as Float32Array).subarray(tensor.offset);
  const count = tensor.shape.reduce((a, b) => a * b, 1);
  // Speed does not depend on values: a short pattern will do, where draws would take seconds.
  for (let i = 0; i < count; i += 1)
    values[i] = name.includes("norm") ? 1 : 0.04 * Math.fround(((i * 7919) % 1013) / 1013 - 0.5);
}
const draws = random(randomKey(1, "bench"));
const ids = (count: number): number[] =>
  Array.from({ length: count }, () => Math.floor(draws.next() * config.vocab_size));
const prompt = ids(300);
const workloads: Readonly<Record<string, readonly TrainingSequence[]>> = {
  sequence: [{ ids: ids(513), targets: Array.from({ length: 512 }, (_, i) => i + 1) }],
  rollouts: Array.from({ length: 8 }, () => ({
    ids: [...prompt, ...ids(40)],
    targets: Array.from({ length: 40 }, (_, i) => 300 + i),
  })),
};
const lora = loraConfigOf(config);
const adapter = allocateLora(runtime, config, lora);
initialiseLora(adapter, 1);
const gradient = allocateLora(runtime, config, lora);
const trainer = createLayerTrainer(runtime, config, { contextLength: 2048, adapter: { base: weights.tensors, lora } });
const megabytes = (): string => `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`;
console.log(`weights in memory: ${megabytes()}`);
for (const [name, sequences] of Object.entries(workloads)) {
  if (flags.only !== undefined && flags.only !== name) continue;
  const coefficients = sequences.map(({ targets }) => new Float32Array(targets.length).fill(0.01));
  const tokens = sequences.reduce((sum, sequence) => sum + sequence.ids.length - 1, 0);
  for (let run = 0; run <= Number(flags.runs); run += 1) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await trainer.backward(adapter, gradient, sequences, coefficients);
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    const busy = (used.user + used.system) / 1e6;
    console.log(
      `${name}${run === 0 ? " (first)" : ""}: ${seconds.toFixed(2)} s, ${(tokens / seconds).toFixed(0)} tokens/s, ` +
        `${busy.toFixed(2)} CPU-s, ${(tokens / busy).toFixed(0)} tokens/CPU-s, peak ${megabytes()}`,
    );
  }
}
trainer.dispose();
runtime.dispose();
