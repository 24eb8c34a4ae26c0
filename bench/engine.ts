/**
 * How fast the embedded engine is on this machine: `npm run bench`. Everything is measured in turns within one run and
 * given as medians, so that ratios hold on a busy machine. PyTorch takes part where `python3` has it. With `--model` a
 * published model is measured instead, beside its peers (model.ts).
 */
import { spawn } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openNativeRuntime } from "../src/engines/onnx/carriers/ort-native.ts";
import { elementsOf, floatsOf } from "../src/engines/onnx/carriers/runtime.ts";
import { readModelFolder } from "../src/engines/onnx/files/checkpoint.ts";
import { onnxBuilder } from "../src/engines/onnx/graph/onnx-builder.ts";
import { parameterShapes } from "../src/engines/onnx/model-config.ts";
import { createSampler } from "../src/engines/onnx/sampling/sampler.ts";
import { createTrainer } from "../src/engines/onnx/training/trainer.ts";
import { allocateWeights } from "../src/engines/onnx/weights.ts";
import { random, randomKey } from "../src/random.ts";

if (process.argv.includes("--model")) {
  await import("./model.ts");
  process.exit();
}

/** The sizes of the built-in planner. */
const { config } = await readModelFolder(fileURLToPath(new URL("../models/agentflow-tiny", import.meta.url)));
const ROUNDS = 7;
const threads = Number(process.env.THREADS ?? Math.min(8, availableParallelism()));

const runtime = openNativeRuntime({ threads });
const weights = allocateWeights(runtime, config);
const draws = random(randomKey("bench"));
for (const [name, tensor] of weights.tensors) {
  const values = floatsOf(tensor);
  for (let i = 0; i < values.length; i += 1) values[i] = name.includes("norm") ? 1 : 0.05 * draws.normal();
}
const tokens = (count: number): number[] => Array.from({ length: count }, () => draws.below(config.vocab_size));

/** Trajectories as the planner's: 100 to 200 tokens, 24 of them sampled. */
const sequences = Array.from({ length: 24 }, (_, i) => {
  const length = 100 + ((i * 37) % 100);
  return { ids: tokens(length), targets: Array.from({ length: 24 }, (_, k) => length - 48 + 2 * k) };
});
const trained = sequences.reduce((sum, { ids }) => sum + ids.length, 0);
/** Of one step: forward 2, backward 4 a weight and token, the head on targets alone; causal attention as computed (all pairs). */
const stepFlops = (): number => {
  const embedding = config.vocab_size * config.hidden_size;
  const matrices = [...parameterShapes(config).values()]
    .filter((shape) => shape.length > 1)
    .reduce((sum, shape) => sum + elementsOf(shape), 0);
  const width = config.num_attention_heads * config.head_dim;
  const attention = sequences.reduce(
    (sum, { ids }) => sum + 12 * config.num_hidden_layers * width * ids.length ** 2,
    0,
  );
  const targets = sequences.reduce((sum, sequence) => sum + sequence.targets.length, 0);
  return 6 * (matrices - embedding) * trained + 6 * embedding * targets + attention;
};

const trainer = createTrainer(runtime, config);
const gradient = allocateWeights(runtime, config);
const coefficients = sequences.map(({ targets }) => new Float32Array(targets.length).fill(0.01));
const train = async (): Promise<number> => {
  await trainer.backward(weights, gradient, sequences, coefficients);
  return trained;
};
const score = async (): Promise<number> => {
  await trainer.forward(weights, sequences);
  return trained;
};

/** A square product in the layout of a linear layer. */
const side = 1024;
const product = (() => {
  const b = onnxBuilder("product");
  const names = ["x", "w"].map((name) => b.input(name, "float32", [side, side]));
  b.output("y", b.node("Gemm", names, { transB: 1 }), "float32", [side, side]);
  const model = b.finish();
  const session = runtime.session(model.bytes, model);
  const tensor = (fill: number) => {
    const memory = runtime.allocate("float32", side * side);
    (memory.data as Float32Array).fill(fill);
    return runtime.tensor(memory, [side, side]);
  };
  const [x, w, y] = [tensor(0.5), tensor(0.25), tensor(0)];
  return async (): Promise<number> => {
    for (let i = 0; i < 8; i += 1) await session.run({ x, w }, { y });
    return 8 * 2 * side ** 3;
  };
})();

const sampler = createSampler(runtime, config, { slots: 144, exclusive: (work) => work() });
const snapshot = { version: "bench", weights };
let histories = 0;
const newHistory = (): string => {
  histories += 1;
  return `history-${histories}`;
};
/** `rows` histories at once, one prompt of 16 and 32 sampled tokens each: decoding, for the most part. */
const decode = (rows: number) => async (): Promise<number> => {
  const names = Array.from({ length: rows }, newHistory);
  const samples = await Promise.all(
    names.map((history) =>
      sampler.sample(
        {
          prompt: [{ ids: tokens(16), sampled: false }],
          history,
          randomKey: randomKey(history),
          maxTokens: 32,
          stopIds: [],
        },
        snapshot,
      ),
    ),
  );
  for (const name of names) sampler.release(name);
  return samples.reduce((sum, { ids }) => sum + ids.length, 0);
};
/** 144 trajectories as in learning: three turns of about 25 given and 4 sampled tokens. Counts both. */
const flow = async (): Promise<number> => {
  let count = 0;
  await Promise.all(
    Array.from({ length: 144 }, async (_, row) => {
      const history = newHistory();
      const prompt: { ids: readonly number[]; sampled: boolean }[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        prompt.push({ ids: tokens(turn === 0 ? 40 : 12 + ((row * 7 + turn) % 28)), sampled: false });
        const key = randomKey(history, turn);
        const sample = await sampler.sample(
          { prompt: [...prompt], history, randomKey: key, maxTokens: 4, stopIds: [] },
          snapshot,
        );
        prompt.push({ ids: sample.ids, sampled: true });
      }
      count += prompt.reduce((sum, { ids }) => sum + ids.length, 0);
      sampler.release(history);
    }),
  );
  return count;
};

/** The same step and product in PyTorch, answered line by line; undefined where python3 has no torch. */
const startTorch = async () => {
  const child = spawn(
    process.env.AGENTFLOW_PYTHON ?? "python3",
    [fileURLToPath(new URL("torch_step.py", import.meta.url)), String(threads)],
    {
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<string | undefined> => {
    child.stdin.write(`${line}\n`);
    const answer = await answers.next();
    return answer.done === true ? undefined : answer.value;
  };
  const version = await ask(JSON.stringify({ config, sequences }));
  return version === undefined ? undefined : { version, ask, stop: () => child.stdin.end() };
};
const torch = await startTorch();

/** Work that says how much it did. */
const arms: Readonly<Record<string, () => Promise<number>>> = {
  product,
  train,
  score,
  "sample 1": decode(1),
  "sample 8": decode(8),
  "sample 32": decode(32),
  "sample 128": decode(128),
  flow,
  ...(torch && {
    "torch train": () => torch.ask("train").then(() => trained),
    "torch product": () => torch.ask("product").then(() => 8 * 2 * side ** 3),
  }),
};
const rates = new Map(Object.keys(arms).map((name) => [name, [] as number[]]));
for (let round = -1; round < ROUNDS; round += 1) {
  for (const [name, work] of Object.entries(arms)) {
    const start = performance.now();
    const amount = await work();
    if (round >= 0) rates.get(name)?.push(amount / ((performance.now() - start) / 1000));
  }
}
const median = (name: string): number => {
  const sorted = [...(rates.get(name) ?? [])].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};
torch?.stop();
trainer.dispose();
sampler.dispose();
runtime.dispose();

const whole = (value: number): string => Math.round(value).toLocaleString("en").padStart(8);
const percent = (value: number): string => `${Math.round(100 * value)} %`;
const peak = median("product") / 1e9;
const achieved = (stepFlops() / trained) * (median("train") / 1e9);
const parameters = [...parameterShapes(config).values()].reduce((sum, shape) => sum + elementsOf(shape), 0);
const lines = [
  `${(parameters / 1e6).toFixed(2)} M parameters, ${threads} threads, ${cpus()[0]?.model ?? "unknown processor"}; medians of ${ROUNDS} rounds`,
  `matmul peak          ${whole(peak)} GFLOPS`,
  `train                ${whole(median("train"))} tokens/s   ${percent(achieved / peak)} of the peak`,
  `forward only         ${whole(median("score"))} tokens/s`,
  ...[1, 8, 32, 128].map((rows) => {
    const rate = median(`sample ${rows}`);
    return `sample, batch ${String(rows).padEnd(6)} ${whole(rate)} tokens/s   ${(rate / median("sample 1")).toFixed(1)} x batch 1`;
  }),
  `144 trajectories     ${whole(median("flow"))} tokens/s given and sampled`,
];
if (torch) {
  const ratio = median("train") / median("torch train");
  lines.push(
    `PyTorch ${torch.version.padEnd(12)} ${whole(median("torch train"))} tokens/s   train here is ${ratio.toFixed(2)} x that; its matmul: ${Math.round(median("torch product") / 1e9)} GFLOPS`,
  );
} else lines.push("PyTorch              not compared: python3 with torch is not here");
console.log(lines.join("\n"));
