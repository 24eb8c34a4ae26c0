import { afterAll, describe, expect, it } from "vitest";
import { fixtureWeights, llamaFixture, noise } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import type { PromptSegment, Sample, SampleRequest } from "../../../engine.ts";
import { random, randomKey } from "../../../random.ts";
import type { ModelConfig } from "../model-config.ts";
import { createTrainer } from "../training/trainer.ts";
import { createSampler, type Sampler, type Snapshot } from "./sampler.ts";

/** Two layers of the built-in model: which kernels run depends on the sizes. */
const wide: ModelConfig = {
  hidden_size: 192,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 32,
  intermediate_size: 512,
  vocab_size: 1024,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
};
/** As many key heads as query heads. */
const ungrouped: ModelConfig = { ...llamaFixture.config, num_attention_heads: 2, num_key_value_heads: 2, head_dim: 16 };

const disposals: (() => void)[] = [];
afterAll(() => {
  for (const dispose of disposals.toReversed()) dispose();
});
const open = (threads: number, config: ModelConfig) => {
  const runtime = openTestRuntime({ threads });
  disposals.push(() => runtime.dispose());
  const weights = fixtureWeights(runtime, config, 40);
  for (const [name, { offset, shape }] of weights.tensors) {
    // Wide layers with the fixture's scale would make distributions of one token.
    const scale = shape.length === 1 ? 1 : Math.sqrt(32 / config.hidden_size) * (name.includes("embed") ? 0.6 : 1);
    for (let i = offset; i < offset + shape.reduce((a, b) => a * b, 1); i += 1)
      weights.floats[i] = (weights.floats[i] as number) * scale;
  }
  const snapshot: Snapshot = { version: "v1", weights };
  const sampler = (options: { slots?: number } = {}): Sampler => {
    const made = createSampler(runtime, config, { slots: 70, exclusive: (work) => work(), ...options });
    disposals.push(() => made.dispose());
    return made;
  };
  return { runtime, weights, snapshot, sampler, config };
};
type Opened = ReturnType<typeof open>;
const two = open(2, wide);
const shared = two.sampler();

interface Story {
  readonly name: string;
  readonly turns: readonly { readonly given: readonly number[]; readonly maxTokens: number }[];
  readonly temperature?: number;
}
/** A trajectory of `index`: three turns of uneven lengths. Stories with the same `head` begin with the same prompt. */
const story = (index: number, { config }: Pick<Opened, "config">, head = index): Story => {
  const draw = (seed: number, count: number): number[] =>
    [...noise(seed, count)].map((value) => Math.floor(((value + 1) / 2) * config.vocab_size));
  const scale = config.max_position_embeddings / 256;
  const lengths = [
    Math.floor((8 + ((head * 37) % 90)) * scale),
    1 + ((index * 5) % 7),
    Math.floor((6 + ((index * 29) % 40)) * scale),
  ];
  return {
    name: `story-${index}`,
    turns: lengths.map((length, turn) => ({
      given: draw(7000 + 10 * (turn === 0 ? head : index + 1000) + turn, length),
      maxTokens: 1 + ((index + 2 * turn) % 6),
    })),
  };
};

/** Plays all turns of a story; what it returns is compared bit for bit. */
const play = async (
  sampler: Sampler,
  snapshot: Snapshot,
  { name, turns, temperature }: Story,
  between?: (turn: number) => unknown,
): Promise<Sample[]> => {
  const prompt: PromptSegment[] = [];
  const out: Sample[] = [];
  for (const [turn, { given, maxTokens }] of turns.entries()) {
    prompt.push({ ids: given, sampled: false });
    const request: SampleRequest = {
      prompt: [...prompt],
      history: name,
      randomKey: randomKey(name, turn),
      maxTokens,
      stopIds: [3],
      ...(temperature !== undefined && { temperature }),
    };
    const sample = await sampler.sample(request, snapshot);
    out.push(sample);
    prompt.push({ ids: sample.ids, sampled: true });
    await between?.(turn);
  }
  return out;
};

const alone = async (opened: Opened, stories: readonly Story[]): Promise<Sample[][]> => {
  const sampler = opened.sampler({ slots: 2 });
  const out: Sample[][] = [];
  for (const each of stories) {
    out.push(await play(sampler, opened.snapshot, each));
    sampler.release(each.name);
  }
  return out;
};

describe.each([
  ["the built-in shape", two],
  ["one key head for each query head", open(2, ungrouped)],
])("a sample's bits, %s", (_, opened) => {
  const { snapshot } = opened;
  const stories = Array.from({ length: 64 }, (_, i) => story(i, opened));
  const reference = alone(opened, stories);

  it.each([2, 3, 5, 17, 64])("do not depend on what shares the batch: %i rows", async (rows) => {
    const sampler = opened.sampler();
    const some = stories.slice(0, rows);
    expect(await Promise.all(some.map((each) => play(sampler, snapshot, each)))).toEqual(
      (await reference).slice(0, rows),
    );
  });

  it("do not depend on arrival", async () => {
    const sampler = opened.sampler();
    const wait = random(randomKey("arrival"));
    const order = wait.shuffle(stories.map((_, i) => i));
    const out: Sample[][] = [];
    await Promise.all(
      order.map(async (i) => {
        const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, wait.below(60)));
        await pause();
        out[i] = await play(sampler, snapshot, stories[i] as Story, pause);
      }),
    );
    expect(out).toEqual(await reference);
  });

  it("do not depend on the number of slots: many more histories than slots, evicted and replayed", async () => {
    const sampler = opened.sampler({ slots: 5 });
    expect(await Promise.all(stories.slice(0, 32).map((each) => play(sampler, snapshot, each)))).toEqual(
      (await reference).slice(0, 32),
    );
  });

  it("do not depend on a cache that was dropped between turns", async () => {
    const sampler = opened.sampler();
    const out = await Promise.all(
      stories.slice(0, 20).map((each) => play(sampler, snapshot, each, () => sampler.release(each.name))),
    );
    expect(out).toEqual((await reference).slice(0, 20));
  });

  it("do not depend on a prompt that was shared with a group", async () => {
    const group = [1, 2, 3].flatMap((head) =>
      Array.from({ length: 8 }, (_, i) => story(100 + 8 * head + i, opened, head)),
    );
    const sampler = opened.sampler();
    const out = await Promise.all(group.map((each) => play(sampler, snapshot, each)));
    expect(out).toEqual(await alone(opened, group));
    expect(new Set(out.map((samples) => samples[0]?.ids.join())).size).toBeGreaterThan(3);
  });

  it("do not depend on a history that others share, nor on others that are given the same after another one", async () => {
    // Three stories six times each: within a head all is the same, greedy replies too; between heads only what is given later.
    const ids = (seed: number, count: number): number[] =>
      [...noise(seed, count)].map((value) => 5 + Math.floor(9 * value ** 2));
    const group = [0, 1, 2].flatMap((head) =>
      Array.from({ length: 6 }, (_, i) => ({
        name: `twin-${head}-${i}`,
        temperature: i < 4 ? 0 : 1,
        turns: [ids(head, 20), ids(8, 14), ids(9, 30)].map((given, turn) => ({ given, maxTokens: turn + 1 })),
      })),
    );
    const sampler = opened.sampler();
    const out = await Promise.all(group.map((each) => play(sampler, snapshot, each)));
    expect(out).toEqual(await alone(opened, group));
    expect(out[1]).toEqual(out[0]);
    expect(new Set(out.map((samples) => JSON.stringify(samples.at(-1)?.logProbs))).size).toBeGreaterThan(2);
  });

  it.each([1, 2, 3, 4, 8])("do not depend on the number of threads: %i", async (threads) => {
    const other = open(threads, opened.config);
    const sampler = other.sampler();
    const together = await Promise.all(stories.map((each) => play(sampler, other.snapshot, each)));
    expect(together).toEqual(await reference);
    expect(await alone(other, stories.slice(0, 6))).toEqual((await reference).slice(0, 6));
  });

  it("are the trainer's to rounding", async () => {
    const trainer = createTrainer(opened.runtime, opened.config);
    disposals.push(() => trainer.dispose());
    const samples = await reference;
    const sequences = samples.map((turns, i) => {
      const ids: number[] = [];
      const targets: number[] = [];
      for (const [turn, { given }] of (stories[i] as Story).turns.entries()) {
        ids.push(...given);
        for (const id of turns[turn]?.ids ?? []) {
          targets.push(ids.length);
          ids.push(id);
        }
      }
      return { ids, targets };
    });
    const { logProbs } = await trainer.forward(opened.weights, sequences);
    samples.forEach((turns, i) => {
      turns
        .flatMap((turn) => turn.logProbs)
        .forEach((value, k) => {
          expect(Math.abs(value - (logProbs[i]?.[k] ?? Number.NaN))).toBeLessThan(1e-4);
        });
    });
  });
});

const request = (over: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [{ ids: [5, 6, 7, 8], sampled: false }],
  history: "h",
  randomKey: randomKey("request"),
  maxTokens: 8,
  stopIds: [],
  ...over,
});

describe("sample", () => {
  it("takes the likeliest token at temperature 0, whatever the key", async () => {
    const greedy = async (key: number): Promise<Sample> =>
      shared.sample(request({ history: `greedy-${key}`, temperature: 0, randomKey: randomKey(key) }), two.snapshot);
    const first = await greedy(1);
    expect(await greedy(2)).toEqual(first);
    const trainer = createTrainer(two.runtime, wide);
    disposals.push(() => trainer.dispose());
    const { logProbs } = await trainer.forward(
      two.weights,
      Array.from({ length: 200 }, (_, other) => ({ ids: [5, 6, 7, 8, other], targets: [4] })),
    );
    for (const [values] of logProbs.map((row) => [...row]))
      expect(values).toBeLessThanOrEqual((first.logProbs[0] as number) + 1e-4);
  });

  it("keeps the log-probability of the distribution that it drew from", async () => {
    const trainer = createTrainer(two.runtime, wide);
    disposals.push(() => trainer.dispose());
    for (const temperature of [0.5, 2]) {
      const sample = await shared.sample(
        request({ history: `t-${temperature}`, maxTokens: 1, temperature }),
        two.snapshot,
      );
      const { logProbs } = await trainer.forward(
        two.weights,
        Array.from({ length: wide.vocab_size }, (_, other) => ({ ids: [5, 6, 7, 8, other], targets: [4] })),
      );
      const scaled = logProbs.map(([value]) => (value as number) / temperature);
      const total = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
      expect(
        Math.abs((scaled[sample.ids[0] as number] as number) - total - (sample.logProbs[0] as number)),
      ).toBeLessThan(1e-4);
    }
  });

  it("draws tokens as often as their probability says", async () => {
    const samples = await Promise.all(
      Array.from({ length: 600 }, (_, i) =>
        shared.sample(
          request({ history: `often-${i}`, maxTokens: 1, randomKey: randomKey("often", i), temperature: 0.3 }),
          two.snapshot,
        ),
      ),
    );
    const likeliest = samples.reduce((a, b) => ((a.logProbs[0] as number) > (b.logProbs[0] as number) ? a : b));
    const p = Math.exp(likeliest.logProbs[0] as number);
    const share = samples.filter(({ ids }) => ids[0] === likeliest.ids[0]).length / samples.length;
    expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / samples.length) + 1e-3);
  });

  it("ends with a stop id, which is part of the sample, or at the limit", async () => {
    const free = await shared.sample(request({ history: "free" }), two.snapshot);
    expect(free).toMatchObject({ stopReason: "length", version: "v1" });
    expect(free.ids).toHaveLength(8);
    const stop = free.ids[3] as number;
    const stopped = await shared.sample(request({ history: "stopped", stopIds: [stop] }), two.snapshot);
    expect(stopped.ids).toEqual(free.ids.slice(0, free.ids.indexOf(stop) + 1));
    expect(stopped.stopReason).toBe("stop");
    expect(stopped.logProbs).toEqual(free.logProbs.slice(0, stopped.ids.length));
  });

  it("never passes the context's end", async () => {
    const ids = Array<number>(250).fill(9);
    const sample = await shared.sample(
      request({ history: "long", prompt: [{ ids, sampled: false }], maxTokens: 99 }),
      two.snapshot,
    );
    expect(sample).toMatchObject({ stopReason: "length" });
    expect(sample.ids).toHaveLength(6);
    await expect(
      shared.sample(request({ prompt: [{ ids: [...ids, ...ids], sampled: false }] }), two.snapshot),
    ).rejects.toThrow("500 tokens");
    await expect(
      shared.sample(request({ prompt: [{ ids: ids.concat([1, 2, 3, 4, 5, 6]), sampled: false }] }), two.snapshot),
    ).rejects.toThrow("no room");
  });

  it("refuses prompts and options that cannot work", async () => {
    await expect(shared.sample(request({ prompt: [] }), two.snapshot)).rejects.toThrow("must end with");
    await expect(shared.sample(request({ prompt: [{ ids: [], sampled: false }] }), two.snapshot)).rejects.toThrow(
      "must end with",
    );
    await expect(shared.sample(request({ temperature: -1 }), two.snapshot)).rejects.toThrow("temperature");
    await expect(shared.sample(request({ temperature: Number.NaN }), two.snapshot)).rejects.toThrow("temperature");
    await expect(shared.sample(request({ prompt: [{ ids: [1024], sampled: false }] }), two.snapshot)).rejects.toThrow(
      "Token id 1024",
    );
    await expect(shared.sample(request({ prompt: [{ ids: [-1], sampled: false }] }), two.snapshot)).rejects.toThrow(
      "Token id -1",
    );
  });

  it("says so when weights are not finite, and goes on with others", async () => {
    const weights = fixtureWeights(two.runtime, wide);
    weights.floats.fill(Number.NaN, 0, 4096);
    for (const temperature of [1, 0])
      await expect(
        shared.sample(request({ history: "broken", temperature }), { version: "v2", weights }),
      ).rejects.toThrow("not finite");
    expect((await shared.sample(request({ history: "after" }), two.snapshot)).ids).toHaveLength(8);
  });

  it("samples from two versions at once, each as if alone", async () => {
    const other: Snapshot = { version: "v3", weights: fixtureWeights(two.runtime, wide, 90) };
    const by = async (snapshot: Snapshot, name: string): Promise<Sample> =>
      shared.sample(request({ history: name }), snapshot);
    const separate = [await by(two.snapshot, "a"), await by(other, "b")];
    expect(await Promise.all([by(two.snapshot, "a2"), by(other, "b2")])).toEqual(separate);
    expect(separate[0]?.ids).not.toEqual(separate[1]?.ids);
  });

  it("frees the row of an aborted request in the middle, and drops a waiting one", async () => {
    const sampler = two.sampler({ slots: 1 });
    const controller = new AbortController();
    const running = sampler.sample(
      request({ history: "running", maxTokens: 200, abortSignal: controller.signal }),
      two.snapshot,
    );
    const waiting = new AbortController();
    const dropped = sampler.sample(request({ history: "dropped", abortSignal: waiting.signal }), two.snapshot);
    const next = sampler.sample(request({ history: "next" }), two.snapshot);
    const results = Promise.allSettled([running, dropped]);
    setTimeout(() => {
      waiting.abort(new Error("not wanted"));
      controller.abort(new Error("enough"));
    }, 10);
    expect(await results).toMatchObject([
      { status: "rejected", reason: { message: "enough" } },
      { status: "rejected", reason: { message: "not wanted" } },
    ]);
    expect(await next).toEqual(await shared.sample(request({ history: "next" }), two.snapshot));
    await expect(
      sampler.sample(request({ abortSignal: AbortSignal.abort(new Error("before")) }), two.snapshot),
    ).rejects.toThrow("before");
  });

  it("rejects what is unfinished when it is closed", async () => {
    const sampler = two.sampler();
    const unfinished = sampler.sample(request({ maxTokens: 200 }), two.snapshot);
    const result = expect(unfinished).rejects.toThrow("closed");
    await new Promise((resolve) => setTimeout(resolve, 5));
    sampler.dispose();
    await result;
    await expect(sampler.sample(request(), two.snapshot)).rejects.toThrow("closed");
  });
});
