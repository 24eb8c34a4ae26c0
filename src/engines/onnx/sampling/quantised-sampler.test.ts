import { afterAll, describe, expect, it } from "vitest";
import { fixtureWeights, noise } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import type { PromptSegment, Sample, SampleRequest } from "../../../engine.ts";
import { randomKey } from "../../../random.ts";
import { floatsOf, type Runtime } from "../carriers/runtime.ts";
import { allocateLora, initialiseLora, type LoraConfig, loraConfigOf, loraNames } from "../lora.ts";
import { linearShapes, type ModelConfig } from "../model-config.ts";
import { createTrainer } from "../training/trainer.ts";
import { allocateWeights, type Weights } from "../weights.ts";
import { createQuantisedSampler, type QuantisedSamplerOptions, type QuantisedSnapshot } from "./quantised-sampler.ts";

const llama: ModelConfig = {
  hidden_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 16,
  intermediate_size: 160,
  vocab_size: 512,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
};
const architectures: readonly (readonly [string, ModelConfig])[] = [
  ["Llama", llama],
  ["Qwen 2: biases, untied head", { ...llama, model_type: "qwen2", qkv_bias: true, tie_word_embeddings: false }],
  ["all biases", { ...llama, qkv_bias: true, output_bias: true, mlp_bias: true }],
  ["Qwen 3: normed heads", { ...llama, model_type: "qwen3", qk_norm: true, head_dim: 32 }],
  [
    "Gemma 3: sliding layers",
    {
      ...llama,
      model_type: "gemma3_text",
      qk_norm: true,
      sandwich_norms: true,
      hidden_act: "gelu_pytorch_tanh",
      embedding_scale: Math.sqrt(96),
      attention_scale: 0.3,
      sliding_window: 12,
      layer_types: ["sliding_attention", "full_attention"],
      rope_local_theta: 500,
    },
  ],
];

const disposals: (() => void)[] = [];
afterAll(() => {
  for (const dispose of disposals.toReversed()) dispose();
});
const runtimeOf = (threads: number): Runtime => {
  const runtime = openTestRuntime({ threads });
  disposals.push(() => runtime.dispose());
  return runtime;
};
const shared = runtimeOf(2);

const weightsOf = (config: ModelConfig): Weights => {
  const weights = fixtureWeights(shared, config, 40);
  for (const tensor of weights.tensors.values())
    if (tensor.shape.length > 1) floatsOf(tensor).set(floatsOf(tensor).map((value) => 0.5 * value));
  return weights;
};
const sourceOf = (weights: Weights): QuantisedSamplerOptions["tensors"] => ({
  read: async (name) => {
    const tensor = weights.tensors.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return floatsOf(tensor).slice();
  },
});
const base: QuantisedSnapshot = { version: "base" };

const samplerOf = async (
  config: ModelConfig,
  options: Partial<QuantisedSamplerOptions> & { readonly runtime?: Runtime } = {},
) => {
  const { runtime = shared, ...rest } = options;
  const sampler = await createQuantisedSampler(runtime, config, {
    tensors: sourceOf(weightsOf(config)),
    quantisation: "int8",
    exclusive: (work) => work(),
    ...rest,
  });
  disposals.push(() => sampler.dispose());
  return sampler;
};

const adapterOf = (config: ModelConfig, version: string, seed: number, lora: LoraConfig): QuantisedSnapshot => {
  const weights = allocateLora(shared, config, lora);
  initialiseLora(weights, seed);
  for (const [name, tensor] of weights.tensors)
    if (name.endsWith("lora_B.weight")) floatsOf(tensor).set(noise(seed, floatsOf(tensor).length).map((x) => 0.1 * x));
  return { version, adapter: { lora, weights } };
};

const draw = (seed: number, count: number, config: ModelConfig): number[] =>
  [...noise(seed, count)].map((value) => Math.floor(((value + 1) / 2) * config.vocab_size));

const request = (name: string, given: readonly number[], over: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [{ ids: given, sampled: false }],
  history: name,
  randomKey: randomKey(name),
  maxTokens: 8,
  stopIds: [],
  ...over,
});

type Sampling = Awaited<ReturnType<typeof samplerOf>>;

/** Three turns, each of which extends the one before. */
const play = async (
  sampler: Sampling,
  snapshot: QuantisedSnapshot,
  index: number,
  config: ModelConfig,
  { head = index, between }: { readonly head?: number; readonly between?: () => unknown } = {},
): Promise<Sample[]> => {
  const prompt: PromptSegment[] = [];
  const out: Sample[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const seed = 100 * (turn === 0 ? head : index) + turn;
    prompt.push({ ids: draw(seed, 3 + ((seed * 13) % 37), config), sampled: false });
    const sample = await sampler.sample(
      {
        prompt: [...prompt],
        history: `story-${index}`,
        randomKey: randomKey(index, turn),
        maxTokens: 1 + ((index + 2 * turn) % 6),
        stopIds: [3],
      },
      snapshot,
    );
    out.push(sample);
    prompt.push({ ids: sample.ids, sampled: true });
    await between?.();
  }
  return out;
};

/** The log-probabilities of samples according to the trainer. */
const scored = async (config: ModelConfig, weights: Weights, prompt: readonly number[], { ids }: Sample) => {
  const trainer = createTrainer(shared, config);
  disposals.push(() => trainer.dispose());
  const { logProbs } = await trainer.forward(weights, [
    { ids: [...prompt, ...ids], targets: ids.map((_, i) => prompt.length + i) },
  ]);
  return logProbs[0] as Float32Array;
};
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);

describe.each(architectures)("%s", (_, config) => {
  const weights = weightsOf(config);
  const prompt = draw(5, 40, config);

  it("samples what the trainer computes, in float32 exactly and quantised nearly", async () => {
    for (const [quantisation, tolerance] of [
      ["none", 1e-4],
      ["int8", 0.3],
      ["int4", 1.5],
    ] as const) {
      const sampler = await samplerOf(config, { quantisation });
      const sample = await sampler.sample(request("s", prompt, { maxTokens: 30 }), base);
      const [first, second] = [prompt.slice(0, 10), prompt.slice(10)];
      const split = await sampler.sample(
        request("t", [], {
          maxTokens: 30,
          prompt: [
            { ids: first, sampled: false },
            { ids: second, sampled: false },
          ],
        }),
        base,
      );
      for (const each of [sample, split])
        expect(distance(each.logProbs, await scored(config, weights, prompt, each))).toBeLessThan(tolerance);
    }
  });

  it("samples with an adapter as with weights that it is merged into", async () => {
    const lora = loraConfigOf(config, { rank: 4, targets: ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"] });
    const snapshot = adapterOf(config, "a", 7, lora);
    const sampler = await samplerOf(config, { quantisation: "none" });
    const sample = await sampler.sample(request("s", prompt, { maxTokens: 20 }), snapshot);
    const merged = allocateWeights(shared, config);
    merged.floats.set(weights.floats);
    for (let i = 0; i < config.num_hidden_layers; i += 1)
      for (const linear of lora.targets) {
        const [out, into] = linearShapes(config).get(linear) ?? [0, 0];
        const layer = `model.layers.${i}`;
        const names = loraNames(layer, linear);
        const tensors = snapshot.adapter?.weights.tensors;
        const [a, b, w] = [
          tensors?.get(names.a),
          tensors?.get(names.b),
          merged.tensors.get(`${layer}.${linear}.weight`),
        ];
        if (!a || !b || !w) throw new Error("missing");
        const [down, up, weight] = [floatsOf(a), floatsOf(b), floatsOf(w)];
        for (let o = 0; o < out; o += 1)
          for (let k = 0; k < into; k += 1)
            for (let r = 0; r < lora.rank; r += 1)
              weight[o * into + k] =
                (weight[o * into + k] as number) +
                (lora.alpha / lora.rank) * (up[o * lora.rank + r] as number) * (down[r * into + k] as number);
      }
    expect(distance(sample.logProbs, await scored(config, merged, prompt, sample))).toBeLessThan(1e-4);
    expect(distance(sample.logProbs, await scored(config, weights, prompt, sample))).toBeGreaterThan(0.05);
  });
});

describe.each(["int8", "int4", "none"] as const)("a sample's bits, %s", (quantisation) => {
  const config = llama;
  const kinds = [
    base,
    adapterOf(config, "a", 7, loraConfigOf(config, { rank: 4 })),
    adapterOf(config, "b", 8, loraConfigOf(config, { rank: 4 })),
    adapterOf(config, "c", 9, loraConfigOf(config, { rank: 6, targets: ["k_proj", "gate_proj"] })),
  ];
  const snapshotOf = (index: number): QuantisedSnapshot => kinds[index % kinds.length] as QuantisedSnapshot;
  const stories = Array.from({ length: 24 }, (_, i) => i);
  const reference = (async () => {
    const out: Sample[][] = [];
    for (const index of stories) {
      const sampler = await samplerOf(config, { quantisation, slots: 1 });
      out.push(await play(sampler, snapshotOf(index), index, config));
    }
    return out;
  })();

  it.each([2, 5, 24])("do not depend on what shares the batch, nor on other adapters: %i rows", async (rows) => {
    const sampler = await samplerOf(config, { quantisation });
    const some = stories.slice(0, rows);
    expect(await Promise.all(some.map((i) => play(sampler, snapshotOf(i), i, config)))).toEqual(
      (await reference).slice(0, rows),
    );
  });

  it("do not depend on slots that are few, of rows and of adapters", async () => {
    const sampler = await samplerOf(config, { quantisation, slots: 3, adapterSlots: 1, cacheBytes: 0 });
    const out = await Promise.all(stories.map((i) => play(sampler, snapshotOf(i), i, config)));
    expect(out).toEqual(await reference);
  });

  it("do not depend on a history that was released between turns", async () => {
    const sampler = await samplerOf(config, { quantisation, slots: 2 });
    const out: Sample[][] = [];
    for (const i of stories.slice(0, 8))
      out.push(
        await play(sampler, snapshotOf(i), i, config, {
          between: async () => {
            sampler.release(`story-${i}`);
            // Others take its row.
            await Promise.all([play(sampler, base, 90, config), play(sampler, base, 91, config)]);
          },
        }),
      );
    expect(out).toEqual((await reference).slice(0, 8));
  });

  it("do not depend on a prompt that others had", async () => {
    const group = Array.from({ length: 12 }, (_, i) => ({ index: 200 + i, head: 200 + (i % 2) }));
    const together = await samplerOf(config, { quantisation });
    const out = await Promise.all(group.map(({ index, head }) => play(together, base, index, config, { head })));
    const alone = await samplerOf(config, { quantisation, slots: 1 });
    for (const [i, { index, head }] of group.entries()) {
      expect(await play(alone, base, index, config, { head })).toEqual(out[i]);
      await play(alone, base, 300, config);
    }
    expect(new Set(out.map((samples) => samples[0]?.ids.join())).size).toBeGreaterThan(2);
  });

  it.each([1, 3, 4])("do not depend on the number of threads: %i", async (threads) => {
    const sampler = await samplerOf(config, { quantisation, runtime: runtimeOf(threads) });
    const out = await Promise.all(stories.map((i) => play(sampler, snapshotOf(i), i, config)));
    expect(out).toEqual(await reference);
  });
});

describe("sample", () => {
  const words = { decode: (ids: readonly number[]): string => ids.map((id) => `<${id}>`).join("") };
  const prompt = draw(1, 12, llama);

  it("stops where a text appears, also across tokens", async () => {
    const sampler = await samplerOf(llama, { tokenizer: words });
    const free = await sampler.sample(request("free", prompt), base);
    expect(free).toMatchObject({ stopReason: "length", version: "base" });
    const stop = `${free.ids[2]}><${free.ids[3]}`;
    const stopped = await sampler.sample(request("free", prompt, { stop: [stop, "never"] }), base);
    expect(stopped.ids).toEqual(free.ids.slice(0, 4));
    expect(stopped.stopReason).toBe("stop");
    const plain = await samplerOf(llama);
    await expect(plain.sample(request("x", prompt, { stop: ["a"] }), base)).rejects.toThrow("tokenizer");
  });

  it("keeps to a grammar, with the log-probability of what was left to draw from", async () => {
    const only = (id: number): Uint32Array => {
      const mask = new Uint32Array(llama.vocab_size / 32);
      mask[id >> 5] = 1 << (id & 31);
      return mask;
    };
    const state = (at: number): ReturnType<ReturnType<NonNullable<typeof text.compile>>["start"]> => ({
      finished: at === 3,
      allowed: () => only(at === 3 ? 9 : 40 + at),
      accept: () => state(Math.min(3, at + 1)),
    });
    const text: NonNullable<QuantisedSamplerOptions["tokenizer"]> = {
      ...words,
      compile: () => ({ start: () => state(0) }),
    };
    const sampler = await samplerOf(llama, { tokenizer: text });
    const grammar = { type: "pattern", pattern: "abc" } as const;
    for (const temperature of [0, 1]) {
      const sample = await sampler.sample(request("g", prompt, { grammar, stopIds: [9], temperature }), base);
      expect(sample).toMatchObject({ ids: [40, 41, 42, 9], logProbs: [0, 0, 0, 0], stopReason: "stop" });
    }
  });

  it("draws tokens as often as their probability says, and of the likeliest only when told", async () => {
    const sampler = await samplerOf(llama);
    const many = async (over: Partial<SampleRequest>): Promise<Sample[]> =>
      Promise.all(
        Array.from({ length: 400 }, (_, i) =>
          sampler.sample(request(`${i}`, prompt, { maxTokens: 1, randomKey: randomKey("often", i), ...over }), base),
        ),
      );
    const samples = await many({ temperature: 0.5 });
    const likeliest = samples.reduce((a, b) => ((a.logProbs[0] as number) > (b.logProbs[0] as number) ? a : b));
    const p = Math.exp(likeliest.logProbs[0] as number);
    const share = samples.filter(({ ids }) => ids[0] === likeliest.ids[0]).length / samples.length;
    expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / samples.length) + 1e-3);
    const three = await many({ temperature: 0.5, topK: 3 });
    const kept = new Map(three.map(({ ids, logProbs }) => [ids[0], Math.exp(logProbs[0] as number)]));
    expect(kept.size).toBe(3);
    expect([...kept.values()].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    const greedy = await many({ temperature: 0 });
    expect(new Set(greedy.map(({ ids }) => ids[0]))).toEqual(new Set([likeliest.ids[0]]));
  });

  it("grows its cache up to the context's end", async () => {
    const sampler = await samplerOf(llama);
    const long = draw(2, 200, llama);
    const [short, sample] = await Promise.all([
      sampler.sample(request("short", prompt, { maxTokens: 40 }), base),
      sampler.sample(request("long", long, { maxTokens: 99 }), base),
    ]);
    expect(sample).toMatchObject({ stopReason: "length" });
    expect(sample.ids).toHaveLength(56);
    const other = await samplerOf(llama);
    expect(await other.sample(request("short", prompt, { maxTokens: 40 }), base)).toEqual(short);
    await expect(sampler.sample(request("x", [...long, ...long]), base)).rejects.toThrow("400 tokens");
  });

  it("drops what is aborted, waiting or not, and goes on", async () => {
    const sampler = await samplerOf(llama, { slots: 1 });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const results = Promise.allSettled([
      sampler.sample(request("running", prompt, { maxTokens: 200, abortSignal: running.signal }), base),
      sampler.sample(request("waiting", prompt, { abortSignal: waiting.signal }), base),
    ]);
    const next = sampler.sample(request("next", prompt), base);
    setTimeout(() => {
      waiting.abort(new Error("not wanted"));
      running.abort(new Error("enough"));
    }, 10);
    expect(await results).toMatchObject([
      { status: "rejected", reason: { message: "enough" } },
      { status: "rejected", reason: { message: "not wanted" } },
    ]);
    expect((await next).ids).toHaveLength(8);
    const unfinished = expect(sampler.sample(request("u", prompt, { maxTokens: 200 }), base)).rejects.toThrow("closed");
    await new Promise((resolve) => setTimeout(resolve, 5));
    sampler.dispose();
    await unfinished;
    await expect(sampler.sample(request("u", prompt), base)).rejects.toThrow("closed");
  });

  it("says so when an adapter is not finite, and goes on with others", async () => {
    const sampler = await samplerOf(llama);
    const broken = adapterOf(llama, "broken", 3, loraConfigOf(llama, { rank: 4 }));
    broken.adapter?.weights.floats.fill(Number.NaN);
    for (const temperature of [1, 0])
      await expect(sampler.sample(request("broken", prompt, { temperature }), broken)).rejects.toThrow("not finite");
    expect((await sampler.sample(request("after", prompt), base)).ids).toHaveLength(8);
  });

  it("fails requests whose adapter's graph cannot be made, and goes on with others", async () => {
    let damaged = false;
    const source = sourceOf(weightsOf(llama));
    const sampler = await samplerOf(llama, {
      tensors: { read: (name) => (damaged ? Promise.reject(new Error("disk gone")) : source.read(name)) },
    });
    const adapter = adapterOf(llama, "a", 7, loraConfigOf(llama, { rank: 4 }));
    damaged = true;
    await expect(sampler.sample(request("a", prompt), adapter)).rejects.toThrow("disk gone");
    damaged = false;
    expect((await sampler.sample(request("b", prompt), base)).ids).toHaveLength(8);
    expect((await sampler.sample(request("a", prompt), adapter)).ids).toHaveLength(8);
  });
});
