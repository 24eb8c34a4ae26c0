import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { clientOf, serverInProcess, temporaryFolder } from "../../../test/fixtures/tinker.ts";
import type { Engine, Policy, SampleRequest, TrainingSequence } from "../../engine.ts";
import { ConfigError, EngineError } from "../../errors.ts";
import { randomKey } from "../../random.ts";
import type { ModelConfig } from "../onnx/index.ts";
import { createEngine, openEngine, trainTokenizer } from "../onnx/index.ts";
import { type Listening, listen, tinkerServer } from "../tinker-server/index.ts";
import { openTinkerEngine } from "./engine.ts";

const config: ModelConfig = {
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
  intermediate_size: 48,
  vocab_size: 259,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};
const tokenizer = trainTokenizer([], { vocabularySize: 259, special: ["<pad>", "<end>", "<answer>"] });
const scratch = await mkdtemp(join(tmpdir(), "agentflow-tinker-engine-"));
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await rm(scratch, { recursive: true });
});
const opened = async (learns: "weights" | "adapters"): Promise<Engine> => {
  const made = await createEngine({ name: "tiny", config, tokenizer, seed: 5 });
  if (learns === "weights") {
    closing.push(() => made.dispose());
    return made;
  }
  const folder = join(scratch, "base");
  await made.policy("base").save(folder);
  await made.dispose();
  const engine = await openEngine(folder, { learns, quantisation: "none" });
  closing.push(() => engine.dispose());
  return engine;
};
const served = async (engine: Engine): Promise<Listening> => {
  const server = tinkerServer({ engine, folder: temporaryFolder(), token: "tml-secret", model: "tiny" });
  const listening = await listen(server);
  closing.push(() => listening.close());
  return listening;
};
const remote = async ({ url }: Listening, { tokenizer: own }: Engine): Promise<Engine> => {
  const engine = await openTinkerEngine({ url, apiKey: "tml-secret", model: "tiny", tokenizer: own });
  closing.push(() => engine.dispose());
  return engine;
};

const request = (changes: Partial<SampleRequest> = {}): SampleRequest => ({
  prompt: [{ ids: [7, 8, 9, 10], sampled: false }],
  history: "a",
  randomKey: randomKey("tinker engine test"),
  maxTokens: 12,
  stopIds: [],
  ...changes,
});
/** Uneven lengths, with targets that are not all of a sequence. */
const sequences: readonly TrainingSequence[] = [
  { ids: [3, 4, 5, 6, 7], targets: [1, 2, 3, 4] },
  { ids: [9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3], targets: [4, 5, 10] },
  { ids: [11, 12], targets: [1] },
];
const coefficients = [Float32Array.of(0.5, -0.25, 1, 0), Float32Array.of(-1, 0.75, 0.125), Float32Array.of(0.0625)];

/** Two steps with signed coefficients, the second one with importance weights: what they say, and what they lead to. */
const learn = async (policy: Policy) => {
  const seen: { norms: number[]; logProbs: number[][] } = { norms: [], logProbs: [] };
  for (const importance of [
    undefined,
    { behaviour: sequences.map(({ targets }) => targets.map(() => -5)), cap: 1.5 },
  ]) {
    await policy.backward(sequences, coefficients, { importance });
    const { gradientNorm } = await policy.optimStep({ learningRate: 0.01, gradientClip: 0.5, weightDecay: 0.01 });
    await policy.publish();
    seen.norms.push(gradientNorm);
    for (const values of (await policy.forward(sequences)).logProbs) seen.logProbs.push([...values]);
  }
  return seen;
};
const farthest = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  Math.max(...a.flatMap((row, i) => row.map((value, t) => Math.abs(value - (b[i]?.[t] ?? Number.NaN)))));

describe.each(["weights", "adapters"] as const)("an engine of %s at a server", (learns) => {
  it("learns what the engine itself learns, to the last bits of its numbers", async () => {
    const engine = await opened(learns);
    const there = await remote(await served(engine), engine);
    // The server gives adapters alpha 32, whatever their rank.
    const lora = { rank: 4, alpha: 32, seed: 3 };
    const own = await learn(engine.policy("own", learns === "adapters" ? { lora } : {}));
    const policy = there.policy("planner", { lora });
    const far = await learn(policy);
    expect(farthest(far.logProbs, own.logProbs)).toBeLessThan(1e-6);
    for (const [i, norm] of far.norms.entries()) expect(norm / (own.norms[i] ?? 0)).toBeCloseTo(1, 5);
    expect(own.norms[0]).toBeGreaterThan(0.01);

    const reference = await policy.forward(sequences, { reference: true });
    const base = await engine.policy("untouched", learns === "adapters" ? { lora } : {}).forward(sequences);
    expect(reference.logProbs).toEqual(base.logProbs);
    expect(
      farthest(
        reference.logProbs.map((row) => [...row]),
        far.logProbs,
      ),
    ).toBeGreaterThan(1e-3);
  });

  it("samples with the log-probabilities of its trainer, the same for the same key, and ends at stops", async () => {
    const engine = await opened(learns);
    const there = await remote(await served(engine), engine);
    const policy = there.policy("planner", { lora: { rank: 4 } });
    await learn(policy);
    const sample = await policy.sample(request());
    expect(sample).toMatchObject({ version: policy.version, exact: false, stopReason: "length" });
    const sequence = { ids: [7, 8, 9, 10, ...sample.ids], targets: sample.ids.map((_, i) => 4 + i) };
    const [own] = (await policy.forward([sequence])).logProbs;
    for (const [i, value] of sample.logProbs.entries()) expect(value).toBeCloseTo(own?.[i] ?? Number.NaN, 4);
    expect(await policy.sample(request({ history: "b" }))).toEqual(sample);
    const [, second = 0] = sample.ids;
    const stopped = await policy.sample(request({ stopIds: [second] }));
    expect(stopped).toMatchObject({ stopReason: "stop", ids: sample.ids.slice(0, sample.ids.indexOf(second) + 1) });
    const text = there.tokenizer.decode(sample.ids.slice(2, 3));
    const cut = await policy.sample(request({ stop: [text], stopIds: [1] }));
    expect(there.tokenizer.decode(cut.ids)).toContain(text);
    expect(cut.ids.length).toBeLessThanOrEqual(3);
  });
});

describe("versions at a server", () => {
  const requestOf = (version?: string): SampleRequest => request({ ...(version && { version }) });
  const update = async (policy: Policy): Promise<string> => {
    await policy.backward(sequences, coefficients);
    await policy.optimStep({ learningRate: 0.5 });
    return policy.publish();
  };
  const fresh = async (): Promise<Policy> => {
    const server = serverInProcess();
    const engine = await clientOf(server.handle);
    closing.push(() => engine.dispose());
    return engine.policy("planner", { lora: { rank: 4 } });
  };

  it("stay as they were while they are held, and can be gone back to", async () => {
    const policy = await fresh();
    const first = await update(policy);
    const letGo = policy.hold(first);
    const sampled = await policy.sample(requestOf());
    const second = await update(policy);
    expect([first === second, policy.version === second]).toEqual([false, true]);
    expect(await policy.sample(requestOf(first))).toEqual(sampled);
    await policy.backward(sequences, coefficients);
    await policy.restore(first);
    expect(policy.version).toBe(first);
    expect(await policy.sample(requestOf())).toEqual(sampled);
    // No gradient and no moments are left.
    const next = await update(policy);
    const after = (await policy.forward(sequences)).logProbs;
    const again = policy.hold(next);
    await policy.restore(first);
    expect(await update(policy)).toBe(next);
    expect((await policy.forward(sequences)).logProbs).toEqual(after);
    again();
    letGo();
    await update(policy);
    await expect(policy.sample(requestOf(first))).rejects.toThrow(ConfigError);
  });

  it("continue from an exported state, and refuse another model's", async () => {
    const policy = await fresh();
    await update(policy);
    const state = await policy.exportState();
    const next = await update(policy);
    const after = (await policy.forward(sequences)).logProbs;
    await policy.importState(state);
    expect(await update(policy)).toBe(next);
    expect((await policy.forward(sequences)).logProbs).toEqual(after);
    await expect(policy.importState(new Uint8Array(8))).rejects.toThrow(EngineError);
    const other = new TextEncoder().encode(new TextDecoder().decode(state).replace('"rank":4', '"rank":8'));
    await expect(policy.importState(other)).rejects.toThrow(/at rank 8: the policy is of tabular at rank 4/);
  });

  it("are where an earlier client left them, when both kept the same journal", async () => {
    const server = serverInProcess();
    const journal = join(temporaryFolder(), "journal.jsonl");
    const first = await clientOf(server.handle, { journal });
    const policy = first.policy("planner", { lora: { rank: 4 } });
    const version = await update(policy);
    await policy.backward(sequences, coefficients);
    await policy.optimStep({ learningRate: 0.5 });
    await expect(clientOf(server.handle, { journal })).rejects.toThrow(/in use by another client/);
    await first.dispose();
    const second = await clientOf(server.handle, { journal });
    closing.push(() => second.dispose());
    const continued = second.policy("planner", { lora: { rank: 4 } });
    expect(continued.version).toBe(version);
    // What was trained and never published is not in it: whoever trains does it again.
    const other = await fresh();
    expect(await update(other)).toBe(version);
    expect((await continued.forward(sequences)).logProbs).toEqual((await other.forward(sequences)).logProbs);
  });

  it("are saved as a pointer to the server, which keeps the weights", async () => {
    const policy = await fresh();
    const version = await update(policy);
    const folder = temporaryFolder();
    await policy.save(folder, { note: "trained" });
    const pointer = JSON.parse(await readFile(join(folder, "tinker.json"), "utf8")) as object;
    expect(pointer).toMatchObject({ version, policy: "planner", base: "tabular", note: "trained" });
    expect(pointer).toHaveProperty("path", expect.stringMatching(/^tinker:\/\//));
  });
});

describe("a client", () => {
  it("refuses a model that the server does not have, a wrong key, and what the protocol has not", async () => {
    const server = serverInProcess({ token: "tml-right" });
    await expect(clientOf(server.handle, { apiKey: "tml-right", model: "other" })).rejects.toThrow(
      "http://127.0.0.1:1 has no model other: accepted are tabular.",
    );
    await expect(clientOf(server.handle)).rejects.toThrow(/^The key is wrong: http:.*401.*TINKER_API_KEY/);
    const engine = await clientOf(server.handle, { apiKey: "tml-right" });
    closing.push(() => engine.dispose());
    const policy = engine.policy("planner", { lora: { rank: 4 } });
    await expect(policy.sample(request({ grammar: { type: "pattern", pattern: "a" } }))).rejects.toThrow(ConfigError);
    await expect(policy.sample(request({ minP: 0.1 }))).rejects.toThrow(ConfigError);
    expect(() => engine.policy("other", { lora: { targets: ["q_proj"] } })).toThrow(/trains all linears/);
  });

  it("stops with a cause when what sampled is not what is trained", async () => {
    const engine = await clientOf(serverInProcess().handle);
    closing.push(() => engine.dispose());
    const policy = engine.policy("planner", { lora: { rank: 4 } });
    const [sequence = { ids: [], targets: [] }] = sequences;
    const { logProbs } = await policy.forward([sequence]);
    const drawnBy = (shift: number) => ({
      importance: { behaviour: [logProbs[0]?.map((value) => value + shift)], cap: 2 },
    });
    await policy.backward([sequence], coefficients.slice(0, 1), drawnBy(0.01));
    await expect(policy.backward([sequence], coefficients.slice(0, 1), drawnBy(-3))).rejects.toThrow(
      /differ by 16\.\d+ nats a token, where it was 0\.000 at first/,
    );
  });
});
