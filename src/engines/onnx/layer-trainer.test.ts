import { afterAll, describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, noise, relativeError } from "../../../test/fixtures/llama.ts";
import type { TrainingSequence } from "../../engine.ts";
import { createLayerTrainer, type LayerTrainerOptions } from "./layer-trainer.ts";
import { allocateLora, loraConfigOf } from "./lora.ts";
import type { ModelConfig } from "./model-config.ts";
import { openNativeRuntime } from "./ort-native.ts";
import { floatsOf } from "./runtime.ts";
import { createTrainer } from "./trainer.ts";
import { allocateWeights, type Weights } from "./weights.ts";

const runtime = openNativeRuntime({ threads: 2 });
afterAll(() => runtime.dispose());

const { config, sequences } = llamaFixture;
const coefficients = sequences.map((sequence) => Float32Array.from(sequence.coefficients));
const weights = fixtureWeights(runtime);
const lora = loraConfigOf(config, { rank: 4, alpha: 6 });
const trainerOf = (options: Partial<LayerTrainerOptions> = {}) =>
  createLayerTrainer(runtime, config, { contextLength: 128, ...options });
const adapter = { base: weights.tensors, lora };
const adapterWeights = (): Weights => {
  const out = allocateLora(runtime, config, lora);
  [...out.tensors.values()].forEach((tensor, i) => {
    floatsOf(tensor).set(noise(700 + i, floatsOf(tensor).length).map((value) => 0.3 * value));
  });
  return out;
};

const expectClose = (gradient: Weights, reference: (name: string) => ArrayLike<number>, limit = 1e-5): void => {
  for (const [name, tensor] of gradient.tensors)
    expect(relativeError(floatsOf(tensor), reference(name)), name).toBeLessThan(limit);
};
const tensorOf = (from: Weights) => (name: string) => floatsOf(from.tensors.get(name) ?? expect.fail(name));

describe("layer trainer", () => {
  it("agrees with PyTorch on the gradient of every weight, and leaves the weights alone", async () => {
    const trainer = trainerOf();
    const before = weights.floats.slice();
    const gradient = allocateWeights(runtime, config);
    const result = await trainer.backward(weights, gradient, sequences, coefficients);
    expectClose(gradient, (name) => fixtureTensors[`gradient.${name}`]?.data ?? []);
    expect(weights.floats).toEqual(before);
    expect(result).toEqual(await trainer.forward(weights, sequences));
    sequences.forEach((sequence, i) => {
      expect(relativeError(result.logProbs[i] ?? [], sequence.logProbs)).toBeLessThan(1e-5);
      expect(relativeError(result.entropies[i] ?? [], sequence.entropies)).toBeLessThan(1e-5);
    });
    trainer.dispose();
  });
});
