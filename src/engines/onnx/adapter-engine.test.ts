import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, Policy, SampleRequest, TrainingSequence } from "../../engine.ts";
import { ConfigError, EngineError, StoreError } from "../../errors.ts";
import { randomKey } from "../../random.ts";
import { readAdapter } from "./files/adapter-files.ts";
import { exportAdapter } from "./files/export.ts";
import { openModelFiles } from "./files/open-model.ts";
import { createEngine, openEngine, trainTokenizer } from "./index.ts";
import type { ModelConfig } from "./model-config.ts";

const config: ModelConfig = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  intermediate_size: 96,
  vocab_size: 260,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};
const END = 1;
const chatTemplate =
  "{% for message in messages %}[{{ message.role }}] {{ message.content }}<end>\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";

const scratch = await mkdtemp(join(tmpdir(), "agentflow-adapters-"));
const base = join(scratch, "base");
const engines: Engine[] = [];
const open = async (model: string, options: Parameters<typeof openEngine>[1] = {}): Promise<Engine> => {
  const engine = await openEngine(model, { learns: "adapters", quantisation: "none", ...options });
  engines.push(engine);
  return engine;
};

beforeAll(async () => {
  const tokenizer = trainTokenizer([], { vocabularySize: 259, special: ["<pad>", "<end>", "<answer>"] });
  const engine = await createEngine({ name: "tiny", config, tokenizer, seed: 5, chatTemplate, endIds: [END] });
  await engine.policy("base").save(base);
  await engine.dispose();
});
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
  await rm(scratch, { recursive: true });
});

const request = (changes: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [{ ids: [7, 8, 9, 10], sampled: false }],
  history: "a",
  randomKey: randomKey("adapters"),
  maxTokens: 12,
  stopIds: [],
  ...changes,
});
const lesson: TrainingSequence = { ids: [3, 4, 5, 6, 7], targets: [1, 2, 3, 4] };
const teach = async (policy: Policy, steps = 4): Promise<string> => {
  for (let step = 0; step < steps; step += 1) {
    await policy.backward([lesson], [new Float32Array(4).fill(1)]);
    await policy.optimStep({ learningRate: 0.05 });
  }
  return policy.publish();
};
const sum = (values: Iterable<number> | undefined): number => [...(values ?? [])].reduce((a, b) => a + b, 0);

describe("an engine over a frozen base", () => {
  it("knows the model's chat, and what it learns", async () => {
    const engine = await open(base);
    expect(engine.learns).toBe("adapters");
    expect(engine.endIds).toEqual([END]);
    expect(await engine.chat?.render([{ role: "user", content: "Hi" }], { addGenerationPrompt: true })).toBe(
      "[user] Hi<end>\n[assistant] ",
    );
  });

  it("trains adapters apart from each other and from the base, which stays as it was", async () => {
    const engine = await open(base);
    const [frozen, planner, verifier] = [
      engine.policy("base"),
      engine.policy("planner", { lora: { rank: 4 } }),
      engine.policy("verifier", { lora: { rank: 4, seed: 1 } }),
    ];
    const before = await frozen.sample(request({ history: "b" }));
    // A fresh adapter changes nothing.
    expect((await planner.sample(request())).ids).toEqual(before.ids);
    const version = await teach(planner);
    const [taught] = (await planner.forward([lesson])).logProbs;
    const [reference] = (await planner.forward([lesson], { reference: true })).logProbs;
    const [untouched] = (await verifier.forward([lesson])).logProbs;
    expect(sum(taught)).toBeGreaterThan(sum(reference) + 1);
    for (const [i, value] of (untouched ?? []).entries()) expect(value).toBeCloseTo(reference?.[i] ?? 0, 5);
    const [all, alone] = [
      await Promise.all([frozen, planner, verifier].map((policy, i) => policy.sample(request({ history: `c${i}` })))),
      await planner.sample(request({ history: "alone" })),
    ];
    expect(all[0]).toEqual(before);
    // The same bits, whatever shares its batch.
    expect(all[1]).toEqual(alone);
    expect(alone.version).toBe(version);
    // In float32 the sampler and the trainer say nearly the same, by different graphs.
    expect(all.map(({ exact }) => exact)).toEqual([false, false, false]);
    const sequence = { ids: [7, 8, 9, 10, ...alone.ids], targets: alone.ids.map((_, i) => 4 + i) };
    const [logProbs] = (await planner.forward([sequence])).logProbs;
    for (const [i, value] of alone.logProbs.entries()) expect(value).toBeCloseTo(logProbs?.[i] ?? 0, 4);
  });

  it("keeps old versions as long as somebody holds them", async () => {
    const planner = (await open(base)).policy("planner", { lora: { rank: 2 } });
    const first = await teach(planner, 1);
    const letGo = planner.hold(first);
    const sampled = await planner.sample(request());
    await teach(planner);
    expect(await planner.sample(request({ version: first, history: "again" }))).toEqual(sampled);
    await planner.restore(first);
    expect(planner.version).toBe(first);
    expect(await planner.sample(request({ history: "restored" }))).toEqual(sampled);
    await teach(planner);
    letGo();
    await expect(planner.sample(request({ version: first }))).rejects.toThrow(ConfigError);
  });

  it("begins an adapter again as a fresh one of another seed", async () => {
    const engine = await open(base);
    const fresh = engine.policy("fresh", { lora: { rank: 4, seed: 9 } });
    const used = engine.policy("used", { lora: { rank: 4, seed: 1 } });
    await teach(used);
    await used.backward([lesson], [Float32Array.of(1, 1, 1, 1)]);
    await used.reset?.(9);
    expect(used.version).toBe(fresh.version);
    expect(await used.exportState()).toEqual(await fresh.exportState());
    expect(await used.optimStep({ learningRate: 0 })).toEqual({ gradientNorm: 0 });
  });

  it("never trains the base, and an engine of weights no adapter", async () => {
    const frozen = (await open(base)).policy("base");
    await expect(frozen.backward([lesson], [new Float32Array(4)])).rejects.toThrow(/lora/);
    const whole = await open(base, { learns: "weights" });
    expect(() => whole.policy("planner", { lora: {} })).toThrow(ConfigError);
  });

  it("holds a sample to a grammar and to stop texts", async () => {
    const engine = await open(base);
    const policy = engine.policy("base");
    const held = await policy.sample(
      request({ grammar: { type: "pattern", pattern: "(yes|no) [0-9]{2}" }, stopIds: [END] }),
    );
    expect(engine.tokenizer.decode(held.ids.slice(0, -1))).toMatch(/^(yes|no) [0-9]{2}$/);
    expect([held.stopReason, held.ids.at(-1)]).toEqual(["stop", END]);
    const stopped = await policy.sample(
      request({
        history: "s",
        maxTokens: 60,
        grammar: { type: "pattern", pattern: "[ab]{60}" },
        stopIds: [END],
        stop: ["b"],
      }),
    );
    expect(engine.tokenizer.decode(stopped.ids)).toMatch(/^a*b$/);
  });

  it("samples in 8 and 4 bits, near what float32 says", async () => {
    const [exact] = (await (await open(base)).policy("base").forward([lesson])).logProbs;
    for (const quantisation of ["int8", "int4"] as const) {
      const policy = (await open(base, { quantisation })).policy("base");
      const { ids, logProbs } = await policy.sample(
        request({ prompt: [{ ids: [3, 4, 5], sampled: false }], maxTokens: 1 }),
      );
      const [own] = (await policy.forward([{ ids: [3, 4, 5, ...ids], targets: [3] }])).logProbs;
      expect(Math.abs((logProbs[0] ?? 0) - (own?.[0] ?? 0))).toBeLessThan(quantisation === "int8" ? 0.05 : 0.5);
      expect(sum((await policy.forward([lesson])).logProbs[0])).toBeCloseTo(sum(exact), 5);
    }
  });
});

describe("an adapter on disk", () => {
  it("comes back as the same version, opened by its own folder, and exported gives the same log-probabilities", async () => {
    const planner = (await open(base)).policy("planner", { lora: { rank: 4 } });
    const version = await teach(planner);
    const [logProbs] = (await planner.forward([lesson])).logProbs;
    const folder = join(scratch, "planner");
    await planner.save(folder);
    const again = (await open(folder)).policy("planner");
    expect(again.version).toBe(version);
    expect((await again.forward([lesson])).logProbs[0]).toEqual(logProbs);

    const merged = join(scratch, "merged");
    const files = await openModelFiles(base);
    const adapter = await readAdapter(folder, files.config);
    await exportAdapter({ format: "merged", out: merged, files, adapter, baseName: base, about: {} });
    await files.tensors.close();
    const [whole] = (await (await open(merged)).policy("base").forward([lesson])).logProbs;
    for (const [i, value] of (whole ?? []).entries()) expect(value).toBeCloseTo(logProbs?.[i] ?? 0, 4);
  });

  it("is refused when it is damaged or belongs to another model", async () => {
    const planner = (await open(base)).policy("planner", { lora: { rank: 4 } });
    const folder = join(scratch, "damaged");
    await planner.save(folder);
    await truncate(join(folder, "adapter_model.safetensors"), 100);
    await expect(open(folder)).rejects.toThrow(StoreError);
  });

  it("a model that does not fit into memory is refused before it is read", async () => {
    await expect(open(base, { contextLength: 256, slots: 1 })).resolves.toBeDefined();
    await expect(openEngine(join(scratch, "nothing"))).rejects.toThrow(StoreError);
    const engine = await open(base);
    await engine.dispose();
    await expect(engine.policy("base").sample(request())).rejects.toThrow(EngineError);
  });
});
