import { afterAll, describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, relativeError } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { allocateWeights, type Weights } from "../weights.ts";
import { createTrainer } from "./trainer.ts";

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
    for (const threads of [2, 1, 3, 4, 8]) expect(await bits(threads), `${threads} threads`).toEqual(first);
  });

  it("gives log-probabilities that do not depend on what shares the micro-batch", async () => {
    const together = await trainer.forward(weights, sequences);
    for (const [i, sequence] of sequences.entries()) {
      const alone = await trainer.forward(weights, [sequence]);
      expect(relativeError(alone.logProbs[0] ?? [], together.logProbs[i] ?? [])).toBeLessThan(1e-5);
    }
  });

  it("computes what sequences share once, with the gradient of each by itself", async () => {
    const ids = Array.from({ length: 16 }, (_, i) => (i * 5) % 32);
    const branches = [3, 5, 8, 8, 11].map((at, i) => ({
      ids: [...ids.slice(0, at), (i * 7) % 32, ...ids.slice(at + 1)],
      targets: Array.from({ length: 16 - at }, (_, k) => at + k),
    }));
    const weighed = branches.map(({ targets }, i) => Float32Array.from(targets, (at) => Math.sin(at + i)));
    const together = allocateWeights(runtime, config);
    const result = await trainer.backward(weights, together, branches, weighed);
    const alone = allocateWeights(runtime, config);
    for (const [i, branch] of branches.entries()) {
      const own = await trainer.backward(weights, alone, [branch], [weighed[i] ?? expect.fail("no weights")]);
      expect(relativeError(result.logProbs[i] ?? [], own.logProbs[0] ?? [])).toBeLessThan(1e-5);
    }
    expectClose(together, (name) => floatsOf(alone.tensors.get(name) ?? expect.fail(name)), 1e-5);
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
