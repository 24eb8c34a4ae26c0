/**
 * The engine as an arm of bench/model.ts, through its front door, asked line by line (lines.py says how).
 * Arguments: model, threads, mode: int8, int4, int8+LoRA (sampling), train, unshared (nothing shared between rollouts).
 */
import { createInterface } from "node:readline";
import type { Policy, TrainingSequence } from "../../src/engine.ts";
import { openEngine } from "../../src/engines/onnx/index.ts";
import { random, randomKey } from "../../src/random.ts";

const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const peakMb = (): number => process.resourceUsage().maxRSS / 1024;
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

const [model = "", threads = "2", mode = "int8"] = process.argv.slice(2);
const before = peakMb();
const engine = await openEngine(model, {
  threads: Number(threads),
  learns: "adapters",
  quantisation: mode === "int4" ? "int4" : "int8",
  contextLength: 640,
  slots: 32,
});
const adapter = mode !== "int8" && mode !== "int4";
const policy: Policy = engine.policy("bench", adapter ? { lora: { rank: 16, alpha: 32 } } : {});
const draws = random(randomKey("bench"));
const tokens = (count: number): number[] =>
  Array.from({ length: count }, () => draws.below(engine.tokenizer.vocabularySize));
let histories = 0;
const newHistory = (): string => {
  histories += 1;
  return `history-${histories}`;
};

type Sizes = Readonly<Record<string, number>>;

/**
 * `new` decoding steps of `batch` rows behind a prompt each. The prompts are sampled once before the clock starts: asked
 * again, the engine has them in its cache and draws the first token at once, so that what is timed is decoding.
 */
const sample = async ({ batch = 1, context_tokens: context = 128, new: count = 32 }: Sizes): Promise<unknown> => {
  const rows = Array.from({ length: batch }, () => ({ history: newHistory(), ids: tokens(context) }));
  const all = (maxTokens: number): Promise<unknown> =>
    Promise.all(
      rows.map(({ history, ids }) =>
        policy.sample({
          prompt: [{ ids, sampled: false }],
          history,
          randomKey: randomKey(history),
          maxTokens,
          stopIds: [],
        }),
      ),
    );
  await all(1);
  const time = await seconds(() => all(count + 1));
  for (const { history } of rows) policy.release(history);
  return { seconds: time, tokens: batch * count };
};

const prefill = async ({ tokens: count = 512 }: Sizes): Promise<unknown> => {
  const history = newHistory();
  const prompt = [{ ids: tokens(count), sampled: false }];
  const time = await seconds(() =>
    policy.sample({ prompt, history, randomKey: randomKey(history), maxTokens: 1, stopIds: [] }),
  );
  policy.release(history);
  return { seconds: time, tokens: count };
};

/** Forward, backward and AdamW. */
const step = async (sequences: readonly TrainingSequence[]): Promise<void> => {
  const scale = 1 / sequences.reduce((sum, { targets }) => sum + targets.length, 0);
  const coefficients = sequences.map(({ targets }) => Float32Array.from(targets, () => scale * draws.normal()));
  await policy.backward(sequences, coefficients);
  await policy.optimStep({ learningRate: 1e-5 });
};

const train = async ({ length = 512 }: Sizes): Promise<unknown> => {
  const sequence = { ids: tokens(length), targets: Array.from({ length: length - 1 }, (_, i) => i + 1) };
  return { seconds: await seconds(() => step([sequence])), tokens: length };
};

const rollout = (prompt: readonly number[], answer: readonly number[]): TrainingSequence => ({
  ids: [...prompt, ...answer],
  targets: answer.map((_, i) => prompt.length + i),
});

const rl = async ({ rollouts = 8, prompt = 300, answer = 40 }: Sizes): Promise<unknown> => {
  const shared = tokens(prompt);
  const sequences = Array.from({ length: rollouts }, () => rollout(shared, tokens(answer)));
  return { seconds: await seconds(() => step(sequences)), tokens: rollouts * (prompt + answer) };
};

const grpo = async ({ group = 8, prompt = 96, new: count = 64 }: Sizes): Promise<unknown> => {
  const shared = tokens(prompt);
  const prompts = Array.from({ length: group }, () => (mode === "unshared" ? tokens(prompt) : shared));
  const time = await seconds(async () => {
    const sequences = await Promise.all(
      prompts.map(async (ids) => {
        const history = newHistory();
        const drawn = await policy.sample({
          prompt: [{ ids, sampled: false }],
          history,
          randomKey: randomKey(history),
          maxTokens: count,
          stopIds: [],
        });
        policy.release(history);
        return rollout(ids, drawn.ids);
      }),
    );
    await step(sequences);
    await policy.publish();
  });
  return { seconds: time, tokens: group * count };
};

const answers: Readonly<Record<string, (sizes: Sizes) => Promise<unknown>>> = {
  sample,
  prefill,
  train,
  rl,
  grpo,
  peak: async () => ({ mb: peakMb() }),
};
say({ ready: { version: `AgentFlow, ${engine.description.runtime} ${engine.description.version}`, before } });
for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...sizes } = JSON.parse(line) as { readonly do: string };
  const failed = (failure: unknown): unknown => ({ error: String(failure) });
  say(await (answers[name]?.(sizes) ?? Promise.reject(new Error(`no ${name} here`))).catch(failed));
}
await engine.dispose();
