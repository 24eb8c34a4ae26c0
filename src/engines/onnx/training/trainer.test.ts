import { afterAll, describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, noise, relativeError } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { allocateWeights, type Weights } from "../weights.ts";
import { createTrainer, microBatches } from "./trainer.ts";

const { config, sequences } = llamaFixture;
const runtime = openTestRuntime({ threads: 2 });
const trainer = createTrainer(runtime, config);
const weights = fixtureWeights(runtime);
const coefficients = sequences.map((sequence) => Float32Array.from(sequence.coefficients));
afterAll(() => {
  trainer.dispose();
  runtime.dispose();
});

const gradientErrors = (gradient: Weights, reference: (name: string) => ArrayLike<number>): Record<string, number> =>
  Object.fromEntries(
    [...gradient.tensors].map(([name, tensor]) => [name, relativeError(floatsOf(tensor), reference(name))]),
  );

const expectClose = (gradient: Weights, reference: (name: string) => ArrayLike<number>, limit = 1e-4): void => {
  for (const [name, error] of Object.entries(gradientErrors(gradient, reference)))
    expect(error, name).toBeLessThan(limit);
};

describe("trainer", () => {
  it("agrees with PyTorch on log-probabilities and entropies", async () => {
    const { logProbs, entropies } = await trainer.forward(weights, sequences);
    sequences.forEach((sequence, i) => {
      sequence.targets.forEach((_, k) => {
        expect(Math.abs((logProbs[i]?.[k] ?? Number.NaN) - (sequence.logProbs[k] as number))).toBeLessThan(1e-4);
        expect(Math.abs((entropies[i]?.[k] ?? Number.NaN) - (sequence.entropies[k] as number))).toBeLessThan(1e-4);
      });
      expect(logProbs[i]).toHaveLength(sequence.targets.length);
    });
  });

  it("agrees with PyTorch on the gradient of every tensor, and leaves the weights alone", async () => {
    const before = weights.floats.slice();
    const gradient = allocateWeights(runtime, config);
    const result = await trainer.backward(weights, gradient, sequences, coefficients);
    expectClose(gradient, (name) => fixtureTensors[`gradient.${name}`]?.data ?? []);
    expect(weights.floats).toEqual(before);
    expect(result).toEqual(await trainer.forward(weights, sequences));
  });

  it("weighs what was drawn from another distribution by min(π/behaviour, cap), and the rest by 1", async () => {
    // Half a nat, a tenth and two nats from what is drawn now: some tokens are below the cap and some above it.
    const { logProbs } = await trainer.forward(weights, sequences);
    const distances = [-0.5, 0.1, 2];
    const behaviour = logProbs.map((own, i) =>
      i === 1 ? undefined : own.map((logProb, k) => logProb - (distances[(i + k) % 3] ?? 0)),
    );
    const weighed = coefficients.map((own, i) =>
      i === 1 ? own : own.map((c, k) => c * Math.min(Math.exp(distances[(i + k) % 3] ?? 0), 2)),
    );
    const own = allocateWeights(runtime, config);
    const importance = { behaviour, cap: 2 };
    const result = await trainer.backward(weights, own, sequences, coefficients, { importance });
    expect(result.logProbs).toEqual(logProbs);
    const reference = allocateWeights(runtime, config);
    await trainer.backward(weights, reference, sequences, weighed);
    expectClose(own, (name) => floatsOf(reference.tensors.get(name) ?? expect.fail(name)), 1e-5);
    const short = { behaviour: [[]], cap: 2 };
    const refused = async () => trainer.backward(weights, own, sequences, coefficients, { importance: short });
    await expect(refused()).rejects.toThrow("0 behaviour log-probabilities");
  });

  it("accumulates: two calls are one", async () => {
    const once = allocateWeights(runtime, config);
    await trainer.backward(weights, once, sequences, coefficients);
    const twice = allocateWeights(runtime, config);
    await trainer.backward(weights, twice, sequences.slice(0, 2), coefficients.slice(0, 2));
    await trainer.backward(weights, twice, sequences.slice(2), coefficients.slice(2));
    expectClose(twice, (name) => floatsOf(once.tensors.get(name) ?? expect.fail(name)), 1e-5);
    const doubled = allocateWeights(runtime, config);
    await trainer.backward(weights, doubled, sequences, coefficients);
    await trainer.backward(weights, doubled, sequences, coefficients);
    expectClose(
      doubled,
      (name) => floatsOf(once.tensors.get(name) ?? expect.fail(name)).map((value) => 2 * value),
      1e-5,
    );
  });

  it("gives the same bits again, also with another number of threads", async () => {
    const bits = async (threads: number): Promise<unknown> => {
      const other = openTestRuntime({ threads });
      const own = createTrainer(other, config);
      const gradient = allocateWeights(other, config);
      const result = await own.backward(fixtureWeights(other), gradient, sequences, coefficients);
      own.dispose();
      return { result, gradient: gradient.floats.slice() };
    };
    const first = await bits(2);
    expect(await bits(2)).toEqual(first);
    expect(await bits(2)).toEqual(first);
    expect(await bits(1)).toEqual(first);
  });

  it("gives log-probabilities that do not depend on what shares the micro-batch", async () => {
    const together = await trainer.forward(weights, sequences);
    for (const [i, sequence] of sequences.entries()) {
      const alone = await trainer.forward(weights, [sequence]);
      expect(relativeError(alone.logProbs[0] ?? [], together.logProbs[i] ?? [])).toBeLessThan(1e-5);
    }
  });

  it("trains one target alone, and skips sequences without targets", async () => {
    const ids = sequences[1]?.ids ?? [];
    const gradient = allocateWeights(runtime, config);
    const one = await trainer.backward(
      weights,
      gradient,
      [
        { ids, targets: [22] },
        { ids, targets: [] },
      ],
      [Float32Array.of(1), new Float32Array()],
    );
    expect(one.logProbs.map((values) => values.length)).toEqual([1, 0]);
    const pair = allocateWeights(runtime, config);
    await trainer.backward(weights, pair, [{ ids, targets: [22, 3] }], [Float32Array.of(1, 0)]);
    expectClose(gradient, (name) => floatsOf(pair.tensors.get(name) ?? expect.fail(name)), 1e-5);
  });

  it("refuses what cannot be meant", async () => {
    const gradient = allocateWeights(runtime, config);
    await expect(trainer.forward(weights, [{ ids: [1, 2], targets: [0] }])).rejects.toThrow("Target position 0");
    await expect(trainer.forward(weights, [{ ids: [1, 2], targets: [2] }])).rejects.toThrow("Target position 2");
    await expect(trainer.forward(weights, [{ ids: [1, 40], targets: [1] }])).rejects.toThrow("Token id 40");
    await expect(trainer.forward(weights, [{ ids: Array(200).fill(1), targets: [1] }])).rejects.toThrow("200 tokens");
    const backward = async (): Promise<unknown> =>
      trainer.backward(weights, gradient, [{ ids: [1, 2], targets: [1] }], [new Float32Array(2)]);
    await expect(backward()).rejects.toThrow("1 targets but 2 coefficients");
  });

  it("says so when weights are not finite", async () => {
    const broken = fixtureWeights(runtime);
    broken.floats.fill(Number.NaN, 0, 64);
    await expect(trainer.forward(broken, sequences)).rejects.toThrow("not finite");
  });
});

describe("microBatches", () => {
  const sequenceOf = (length: number, targets = 1) => ({
    ids: Array<number>(length).fill(0),
    targets: Array<number>(targets).fill(1),
  });
  it("covers every sequence that has targets once, padded to its longest member and within the limit", () => {
    const lengths = [...noise(3, 50)].map((value) => 2 + Math.floor((value + 1) * 100));
    const all = lengths.map((length, i) => sequenceOf(length, i % 7 === 0 ? 0 : 1));
    const batches = microBatches(all, 512);
    expect(batches.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(
      all.flatMap(({ targets }, i) => (targets.length > 0 ? [i] : [])),
    );
    for (const { members, length } of batches) {
      expect(members.length * length).toBeLessThanOrEqual(512);
      expect(length).toBeGreaterThanOrEqual(Math.max(...members.map((i) => lengths[i] as number)));
      expect(length).toBeLessThan(Math.max(...members.map((i) => lengths[i] as number)) + 64);
    }
  });
  it("takes a sequence that is longer than the limit by itself", () => {
    expect(microBatches([sequenceOf(10), sequenceOf(100)], 32).map(({ members }) => members)).toEqual([[1], [0]]);
  });
});
