import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Engine, Policy, SampleRequest, TrainingSequence } from "../../engine.ts";
import { ConfigError, EngineError, StoreError } from "../../errors.ts";
import { randomKey } from "../../random.ts";
import { writeManifest } from "./files/manifest.ts";
import { createEngine, openEngine, trainTokenizer } from "./index.ts";
import type { ModelConfig } from "./model-config.ts";

const config: ModelConfig = {
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
  intermediate_size: 48,
  vocab_size: 260,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};
const tokenizer = trainTokenizer([], { vocabularySize: 259, special: ["<pad>", "<end>", "<answer>"] });
const scratch = await mkdtemp(join(tmpdir(), "agentflow-engine-"));
const engines: Engine[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
  await rm(scratch, { recursive: true });
});
const kept = (engine: Engine): Engine => {
  engines.push(engine);
  return engine;
};
const fresh = async (): Promise<Engine> => kept(await createEngine({ name: "tiny", config, tokenizer, seed: 5 }));

const request = (changes: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [{ ids: [7, 8, 9, 10], sampled: false }],
  history: "a",
  randomKey: randomKey("engine test"),
  maxTokens: 12,
  stopIds: [],
  ...changes,
});
const lesson: TrainingSequence = { ids: [3, 4, 5, 6, 7], targets: [1, 2, 3, 4] };
const update = async (policy: Policy): Promise<string> => {
  await policy.backward([lesson], [new Float32Array(4).fill(1)]);
  await policy.optimStep({ learningRate: 0.05 });
  return policy.publish();
};

describe("a sample of an engine of weights", () => {
  it("has the trainer's log-probabilities, and says so unless the draw was not plain", async () => {
    const policy = (await fresh()).policy("planner");
    await update(policy);
    const plain = await policy.sample(request());
    expect(plain.exact).toBe(true);
    const sequence = { ids: [7, 8, 9, 10, ...plain.ids], targets: plain.ids.map((_, i) => 4 + i) };
    const [own] = (await policy.forward([sequence])).logProbs;
    for (const [i, value] of plain.logProbs.entries()) expect(value).toBeCloseTo(own?.[i] ?? Number.NaN, 4);
    const changes: readonly Partial<SampleRequest>[] = [
      { temperature: 0.7 },
      { temperature: 0 },
      { topK: 5 },
      { topP: 0.9 },
      { minP: 0.1 },
      { grammar: { type: "pattern", pattern: "[a-z]+" }, stopIds: [1] },
    ];
    for (const [i, change] of changes.entries())
      expect([change, (await policy.sample(request({ ...change, history: `x${i}` }))).exact]).toEqual([change, false]);
    const named = { temperature: 1, topP: 1, minP: 0, stop: ["never"] };
    expect((await policy.sample(request({ ...named, history: "named" }))).exact).toBe(true);
  });
});

describe("versions of a policy", () => {
  it("stay as they were as long as somebody holds them, and are gone afterwards", async () => {
    const policy = (await fresh()).policy("planner");
    const first = await update(policy);
    const letGo = policy.hold(first);
    const sampled = await policy.sample(request());
    expect(sampled.version).toBe(first);

    const second = await update(policy);
    expect([first === second, policy.version === second]).toEqual([false, true]);
    expect(await policy.sample(request({ history: "b", version: first }))).toEqual(sampled);
    expect((await policy.sample(request({ history: "c" }))).version).toBe(second);

    letGo();
    letGo();
    await expect(policy.sample(request({ version: first }))).rejects.toThrow(ConfigError);
    expect(() => policy.hold(first)).toThrow(/not held any more/);
  });

  it("can be gone back to: the same weights, and a fresh optimiser", async () => {
    const policy = (await fresh()).policy("planner");
    const first = await update(policy);
    const sampled = await policy.sample(request());
    const letGo = policy.hold(first);
    await update(policy);
    await policy.backward([lesson], [new Float32Array(4).fill(1)]);
    await policy.restore(first);
    expect(policy.version).toBe(first);
    expect(await policy.sample(request({ history: "again" }))).toEqual(sampled);
    // No gradient and no moments are left: the next step is that of a policy which never went further.
    const next = await update(policy);
    await policy.restore(first);
    expect(await update(policy)).toBe(next);
    letGo();
    await expect(policy.restore(first)).rejects.toThrow(ConfigError);
  });

  it("go on from an exported state to the same bits, in another engine, and refuse another model's", async () => {
    const policy = (await fresh()).policy("planner");
    await update(policy);
    const state = await policy.exportState();
    const next = await update(policy);
    const other = (await fresh()).policy("planner");
    await other.importState(state);
    expect(await update(other)).toBe(next);
    await expect(other.importState(state.subarray(0, 40))).rejects.toThrow(EngineError);
    await expect(other.importState(new Uint8Array(64))).rejects.toThrow(/not the training state/);
  });

  it("go part of the way back to an exported state, and keep their moments", async () => {
    const policy = (await fresh()).policy("planner");
    const first = await update(policy);
    const state = await policy.exportState();
    const second = await update(policy);
    const weightsOf = (bytes: Uint8Array): Float32Array => {
      const floats = new Float32Array(bytes.slice(16).buffer);
      return floats.subarray(0, floats.length / 3);
    };
    const [begun, last] = [weightsOf(state), weightsOf(await policy.exportState())];
    await policy.average?.(state, 1);
    expect(policy.version).toBe(second);
    await policy.average?.(state, 0.25);
    const between = weightsOf(await policy.exportState());
    expect(between).toEqual(begun.map((one, i) => 0.25 * (last[i] ?? 0) + 0.75 * one));
    expect([first, second]).not.toContain(policy.version);
    await policy.average?.(state, 0);
    expect(policy.version).toBe(first);
    await expect(policy.average?.(new Uint8Array(64), 0.5)).rejects.toThrow(/not the training state/);
    expect(policy.version).toBe(first);
  });

  it("outlive a publish in the middle of a sample, and weights that did not change are the same version", async () => {
    const policy = (await fresh()).policy("planner");
    const first = await update(policy);
    const expected = await policy.sample(request({ history: "before", maxTokens: 60 }));
    const sampling = policy.sample(request({ history: "during", maxTokens: 60 }));
    await update(policy);
    // The rows of the first version are free for the next one only after its last sample.
    await update(policy);
    expect(await sampling).toEqual({ ...expected, version: first });
    expect(await policy.publish()).toBe(policy.version);
  });

  it("are sampled while the policy is trained, and neither changes the other's bits", async () => {
    const lessons = Array.from({ length: 40 }, (_, i): TrainingSequence => {
      const ids = Array.from({ length: 60 }, (_, t) => (7 * i + 3 * t) % 250);
      return { ids, targets: ids.slice(1).map((_, t) => t + 1) };
    });
    const train = async (policy: Policy) => {
      const coefficients = lessons.map(({ targets }) => new Float32Array(targets.length).fill(0.1));
      const { logProbs } = await policy.backward(lessons, coefficients);
      const { gradientNorm } = await policy.optimStep({ learningRate: 0.01 });
      return { logProbs, gradientNorm, version: await policy.publish() };
    };
    const sample = (policy: Policy, version: string) =>
      Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          policy.sample(request({ history: `${i}`, randomKey: randomKey("beside", i), maxTokens: 60, version })),
        ),
      );
    const [alone, beside] = [(await fresh()).policy("planner"), (await fresh()).policy("planner")];
    const first = alone.version;
    const letGo = [alone, beside].map((policy) => policy.hold(first));
    const sampled = await sample(alone, first);
    const trained = await train(alone);
    const [sampledBeside, trainedBeside] = await Promise.all([sample(beside, first), train(beside)]);
    expect(sampledBeside).toEqual(sampled);
    expect(trainedBeside).toEqual(trained);
    for (const release of letGo) release();
  });

  it("belong to one policy: another one on the engine keeps the base", async () => {
    const engine = await fresh();
    const [planner, other] = [engine.policy("planner"), engine.policy("other")];
    const base = other.version;
    expect(await update(planner)).not.toBe(base);
    expect(other.version).toBe(base);
    expect(await other.forward([lesson])).toEqual(await planner.forward([lesson], { reference: true }));
  });
});

describe("a model folder", () => {
  it("gives back what was saved, replaces itself, and leaves no draft", async () => {
    const policy = (await fresh()).policy("planner");
    const folder = join(scratch, "saved");
    await policy.save(folder);
    const version = await update(policy);
    await policy.save(folder, { note: "trained" });
    const reopened = kept(await openEngine(folder)).policy("planner");
    expect(reopened.version).toBe(version);
    expect(await reopened.sample(request())).toEqual(await policy.sample(request()));
    expect(await readdir(scratch)).toEqual(["saved"]);
  });

  it("is not written over what is something else", async () => {
    const folder = join(scratch, "notes");
    const policy = (await fresh()).policy("planner");
    await policy.save(folder);
    await writeFile(join(folder, "config.json"), "mine");
    await expect(policy.save(folder)).rejects.toThrow(StoreError);
    expect((await readdir(scratch)).filter((name) => name.includes("tmp"))).toEqual([]);
  });

  it("says which file is missing or cannot be, also where the manifest agrees with it", async () => {
    const folder = join(scratch, "lacking");
    await (await fresh()).policy("planner").save(folder);
    await writeFile(join(folder, "config.json"), '{"model_type":"gpt2"}');
    await writeManifest(folder);
    await expect(openEngine(folder)).rejects.toThrow(/config\.json: model_type is "gpt2"/);
    await (await fresh()).policy("planner").save(join(scratch, "headless"));
    await rm(join(scratch, "headless", "model.safetensors"));
    await writeManifest(join(scratch, "headless"));
    await expect(openEngine(join(scratch, "headless"))).rejects.toThrow(StoreError);
  });
});

describe("dispose", () => {
  it("waits for native calls under way, rejects what is unfinished, and may come twice", async () => {
    const engine = await fresh();
    const policy = engine.policy("planner");
    // Long prompts of many histories: several calls in a row take them in.
    const samples = Array.from({ length: 60 }, (_, i) =>
      policy.sample(
        request({
          prompt: [{ ids: Array.from({ length: 100 }, (_, t) => (i + t) % 250), sampled: false }],
          history: `h${i}`,
        }),
      ),
    );
    const ended = Promise.allSettled(samples);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await Promise.all([engine.dispose(), engine.dispose()]);
    for (const result of await ended)
      expect(result).toMatchObject({ status: "rejected", reason: expect.any(EngineError) });
    policy.release("h0");
    await expect(policy.sample(request())).rejects.toThrow("closed");
    await expect(policy.forward([lesson])).rejects.toThrow("closed");
    await engine.dispose();
  });
});
