import { afterAll, describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, noise, relativeError } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import type { TrainingSequence } from "../../../engine.ts";
import { floatsOf, type Runtime } from "../carriers/runtime.ts";
import { allocateLora, loraConfigOf } from "../lora.ts";
import type { ModelConfig } from "../model-config.ts";
import { allocateWeights, type Weights } from "../weights.ts";
import { createLayerTrainer, type LayerTrainerOptions } from "./layer-trainer.ts";

const runtime = openTestRuntime({ threads: 2 });
afterAll(() => runtime.dispose());

const { config, sequences } = llamaFixture;
const coefficients = sequences.map((sequence) => Float32Array.from(sequence.coefficients));
/** A second kind of layer, whose window is shorter than the sequences. */
const sliding: ModelConfig = {
  ...config,
  sliding_window: 5,
  layer_types: ["sliding_attention", "full_attention"],
  rope_local_theta: 1000,
};
const lora = loraConfigOf(config, { rank: 4, alpha: 6 });
const adapterOf = (own: Runtime): Weights => {
  const out = allocateLora(own, config, lora);
  [...out.tensors.values()].forEach((tensor, i) => {
    floatsOf(tensor).set(noise(700 + i, floatsOf(tensor).length).map((value) => 0.3 * value));
  });
  return out;
};
const tensorOf =
  ({ tensors }: Weights) =>
  (name: string): Float32Array =>
    floatsOf(tensors.get(name) ?? expect.fail(name));
const expectClose = (gradient: Weights, reference: (name: string) => ArrayLike<number>, limit = 1e-5): void => {
  for (const [name, tensor] of gradient.tensors)
    expect(relativeError(floatsOf(tensor), reference(name)), name).toBeLessThan(limit);
};

interface Given extends Partial<LayerTrainerOptions> {
  readonly model?: ModelConfig;
  readonly adapted?: boolean;
  readonly own?: Runtime;
}
/** A trainer for one test: all weights, or with `adapted` an adapter of them. */
const trainerOf = ({ model = config, adapted = false, own = runtime, ...options }: Given = {}) => {
  const base = fixtureWeights(own);
  const weights = adapted ? adapterOf(own) : base;
  const trainer = createLayerTrainer(own, model, {
    contextLength: 128,
    ...(adapted && { adapter: { base: base.tensors, lora } }),
    ...options,
  });
  const zeros = (): Weights => (adapted ? allocateLora(own, model, lora) : allocateWeights(own, model));
  const gradientOf = async (given: readonly TrainingSequence[], c: readonly Float32Array[]) => {
    const gradient = zeros();
    const result = await trainer.backward(weights, gradient, given, c);
    return { gradient, result };
  };
  return { trainer, weights, base, zeros, gradientOf };
};

describe("layer trainer", () => {
  it("agrees with PyTorch on the gradient of every weight, and leaves the weights alone", async () => {
    const { trainer, weights, gradientOf } = trainerOf();
    const before = weights.floats.slice();
    const { gradient, result } = await gradientOf(sequences, coefficients);
    expectClose(gradient, (name) => fixtureTensors[`gradient.${name}`]?.data ?? []);
    expect(weights.floats).toEqual(before);
    expect(result).toEqual(await trainer.forward(weights, sequences));
    sequences.forEach((sequence, i) => {
      expect(relativeError(result.logProbs[i] ?? [], sequence.logProbs)).toBeLessThan(1e-5);
      expect(relativeError(result.entropies[i] ?? [], sequence.entropies)).toBeLessThan(1e-5);
    });
    trainer.dispose();
  });

  it("leaves the base and the adapter alone, and an adapter whose B is 0 changes nothing", async () => {
    const { trainer, weights, base, gradientOf } = trainerOf({ adapted: true });
    const before = [base.floats.slice(), weights.floats.slice()];
    await gradientOf(sequences, coefficients);
    expect([base.floats, weights.floats]).toEqual(before);
    const plain = await trainer.forward(undefined, sequences);
    for (const [name, tensor] of weights.tensors) if (name.includes("lora_B")) floatsOf(tensor).fill(0);
    expect(await trainer.forward(weights, sequences)).toEqual(plain);
    trainer.dispose();
  });

  it("gives the same bits whatever is saved or computed again, and with any number of threads", async () => {
    const bits = async (options: Given, threads = 2): Promise<unknown> => {
      const own = openTestRuntime({ threads });
      const { trainer, gradientOf } = trainerOf({ ...options, own, model: sliding });
      const { gradient, result } = await gradientOf(sequences, coefficients);
      trainer.dispose();
      return { floats: gradient.floats.slice(), result };
    };
    for (const adapted of [false, true]) {
      const first = await bits({ adapted });
      expect(await bits({ adapted }, 1)).toEqual(first);
      expect(await bits({ adapted, savedBytes: 0 })).toEqual(first);
      // Room for one of the two layers.
      expect(await bits({ adapted, savedBytes: 130_000 })).toEqual(first);
    }
  });

  it("weighs each use of a shared token by its own importance", async () => {
    for (const adapted of [true, false]) {
      const { trainer, weights, gradientOf, zeros } = trainerOf({ adapted });
      const [one] = sequences;
      const twins = [one ?? expect.fail(), one ?? expect.fail(), ...sequences.slice(1)];
      const c = twins.map(({ targets }, i) => noise(60 + i, targets.length));
      const { logProbs } = await trainer.forward(weights, twins);
      const distances = [-0.5, 0.1, 2];
      const behaviour = logProbs.map((own, i) =>
        i === 2 ? undefined : own.map((logProb, k) => logProb - (distances[(i + k) % 3] ?? 0)),
      );
      const weighed = c.map((own, i) =>
        i === 2 ? own : own.map((value, k) => value * Math.min(Math.exp(distances[(i + k) % 3] ?? 0), 2)),
      );
      const gradient = zeros();
      const importance = { behaviour, cap: 2 };
      const result = await trainer.backward(weights, gradient, twins, c, { importance });
      result.logProbs.forEach((own, i) => {
        expect(relativeError(own, logProbs[i] ?? [])).toBeLessThan(1e-5);
      });
      expectClose(gradient, tensorOf((await gradientOf(twins, weighed)).gradient));
      trainer.dispose();
    }
  });

  it("accumulates: two calls are one, also after a larger pack", async () => {
    const { trainer, weights, zeros, gradientOf } = trainerOf({ adapted: true });
    const { gradient } = await gradientOf(sequences, coefficients);
    const twice = zeros();
    await trainer.backward(weights, twice, sequences.slice(0, 2), coefficients.slice(0, 2));
    await trainer.backward(weights, twice, sequences.slice(2), coefficients.slice(2));
    expectClose(twice, tensorOf(gradient));
    trainer.dispose();
  });

  it("has one place for rows of the head beyond a chunk", async () => {
    const ids = [...noise(3, 100)].map((value) => Math.floor((value + 1) * 20));
    const many = [
      { ids, targets: ids.slice(1).map((_, i) => i + 1) },
      { ids: ids.toReversed(), targets: ids.slice(1).map((_, i) => i + 1) },
    ];
    const { trainer, gradientOf, zeros, weights } = trainerOf();
    const c = many.map(({ targets }, i) => noise(40 + i, targets.length));
    const { gradient, result } = await gradientOf(many, c);
    const apart = zeros();
    const results = [];
    for (const [i, one] of many.entries())
      results.push(await trainer.backward(weights, apart, [one], [c[i] ?? expect.fail("no coefficients")]));
    expectClose(gradient, tensorOf(apart));
    expect(relativeError(result.logProbs[1] ?? [], results[1]?.logProbs[0] ?? [])).toBeLessThan(1e-5);
    trainer.dispose();
  });

  it("refuses what cannot be meant", async () => {
    const { trainer, weights, zeros } = trainerOf({ contextLength: 16 });
    await expect(trainer.forward(weights, [{ ids: [1, 2], targets: [0] }])).rejects.toThrow("Target position 0");
    await expect(trainer.forward(weights, [{ ids: [1, 40], targets: [1] }])).rejects.toThrow("Token id 40");
    await expect(trainer.forward(weights, [{ ids: Array(17).fill(1), targets: [1] }])).rejects.toThrow("17 tokens");
    await expect(
      trainer.backward(weights, zeros(), [{ ids: [1, 2], targets: [1] }], [new Float32Array(2)]),
    ).rejects.toThrow("1 targets but 2 coefficients");
    await expect(trainer.forward(undefined, [{ ids: [1, 2], targets: [1] }])).rejects.toThrow("needs the tensor");
    weights.floats.fill(Number.NaN, 0, 64);
    await expect(trainer.forward(weights, [{ ids: [1, 2], targets: [1] }])).rejects.toThrow("not finite");
    trainer.dispose();
  });
});

describe("shared prefixes", () => {
  const draw = (seed: number, count: number): number[] => [...noise(seed, count)].map((x) => Math.floor((x + 1) * 20));
  const [first, second] = [draw(1, 30), draw(2, 21)];
  const rollout = (prompt: readonly number[], seed: number, count: number): TrainingSequence => ({
    ids: [...prompt, ...draw(seed, count)],
    targets: Array.from({ length: count }, (_, i) => prompt.length + i),
  });
  const longest = rollout(first, 11, 17);
  const given: readonly TrainingSequence[] = [
    rollout(first, 10, 9),
    rollout(second, 20, 12),
    longest,
    longest,
    // The beginning of another one; and a turn that another one extends.
    { ids: longest.ids.slice(0, 40), targets: [30, 31, 39] },
    { ids: [...longest.ids, ...draw(12, 9)], targets: [46, 47, 50, 55] },
    rollout(second, 21, 1),
  ];
  const c = given.map(({ targets }, i) => noise(50 + i, targets.length));

  it.each([
    ["all weights, one pack", {}],
    ["all weights, split into packs", { packTokens: 64 }],
    ["an adapter, one pack", { adapted: true }],
    [
      "an adapter, sliding layers, split into packs, nothing saved",
      { adapted: true, model: sliding, packTokens: 64, savedBytes: 0 },
    ],
  ] satisfies [string, Given][])("have the gradient of the sequences one by one: %s", async (_, options) => {
    const { trainer, weights, zeros, gradientOf } = trainerOf(options);
    const { gradient, result } = await gradientOf(given, c);
    const apart = zeros();
    for (const [i, one] of given.entries()) {
      const alone = await trainer.backward(weights, apart, [one], [c[i] ?? expect.fail("no coefficients")]);
      expect(relativeError(result.logProbs[i] ?? [], alone.logProbs[0] ?? [])).toBeLessThan(1e-5);
      expect(relativeError(result.entropies[i] ?? [], alone.entropies[0] ?? [])).toBeLessThan(1e-5);
    }
    expectClose(gradient, tensorOf(apart));
    expect(result.logProbs[2]).toEqual(result.logProbs[3]);
    trainer.dispose();
  });
});
