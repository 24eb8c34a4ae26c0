import { afterAll, describe, expect, it } from "vitest";
import {
  type Architecture,
  architectureAdapter,
  architectureFixture,
  architectureWeights,
  sketchError,
} from "../../../test/fixtures/architectures.ts";
import { relativeError } from "../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../test/fixtures/runtime.ts";
import { floatsOf } from "./carriers/runtime.ts";
import { allocateLora, loraConfigOf } from "./lora.ts";
import { createLayerTrainer } from "./training/layer-trainer.ts";
import { createTrainer } from "./training/trainer.ts";
import { allocateWeights } from "./weights.ts";

const runtime = openTestRuntime({ threads: 2 });
afterAll(() => runtime.dispose());

const { sequences, architectures } = architectureFixture;
const coefficients = sequences.map((sequence) => Float32Array.from(sequence.coefficients));

/** transformers' own rounding: it computes in float32 as well. */
const expectLogProbs = (
  actual: readonly Float32Array[],
  reference: readonly (readonly number[])[],
  limit = 1e-5,
): void => {
  reference.forEach((values, i) => {
    values.forEach((value, k) => {
      expect(Math.abs((actual[i]?.[k] ?? Number.NaN) - value), `sequence ${i}, target ${k}`).toBeLessThan(limit);
    });
  });
};

describe.each(architectures.map((architecture) => [architecture.name, architecture] as const))("%s", (_, given) => {
  const { model } = given;
  const weights = architectureWeights(runtime, given);
  const lora = loraConfigOf(model, given.lora);
  const layers = (options: { readonly adapter?: boolean } = {}) =>
    createLayerTrainer(runtime, model, {
      contextLength: model.max_position_embeddings,
      ...(options.adapter && { adapter: { base: weights.tensors, lora } }),
    });

  it("has transformers' log-probabilities in both trainers, and the same gradients", async () => {
    const whole = createTrainer(runtime, model);
    const byLayer = layers();
    expectLogProbs((await whole.forward(weights, sequences)).logProbs, given.logProbs);
    const reference = allocateWeights(runtime, model);
    await whole.backward(weights, reference, sequences, coefficients);
    const gradient = allocateWeights(runtime, model);
    expectLogProbs((await byLayer.backward(weights, gradient, sequences, coefficients)).logProbs, given.logProbs);
    for (const [name, tensor] of gradient.tensors) {
      const other = reference.tensors.get(name) ?? expect.fail(name);
      expect(relativeError(floatsOf(tensor), floatsOf(other)), name).toBeLessThan(1e-5);
    }
    whole.dispose();
    byLayer.dispose();
  });

  it("has PEFT's log-probabilities and gradients with an adapter, and the base's without", async () => {
    const trainer = layers({ adapter: true });
    const adapter = architectureAdapter(runtime, given);
    const gradient = allocateLora(runtime, model, lora);
    expectLogProbs(
      (await trainer.backward(adapter, gradient, sequences, coefficients)).logProbs,
      given.adapted.logProbs,
    );
    expect([...gradient.tensors.keys()].sort()).toEqual(Object.keys(given.adapted.gradients).sort());
    for (const [name, tensor] of gradient.tensors)
      expect(sketchError(floatsOf(tensor), given.adapted.gradients[name] ?? []), name).toBeLessThan(1e-5);
    expectLogProbs((await trainer.forward(undefined, sequences)).logProbs, given.logProbs);
    trainer.dispose();
  });
});

it("covers every architecture, adapters on all linears and on some", () => {
  const of = (pick: (architecture: Architecture) => unknown) => new Set(architectures.map(pick));
  expect(of(({ model }) => model.model_type)).toEqual(new Set(["llama", "qwen2", "qwen3", "gemma3_text"]));
  expect(of(({ model }) => model.rope_scaling?.rope_type)).toEqual(new Set([undefined, "llama3", "linear", "yarn"]));
  expect(of(({ lora }) => lora.targets.length)).toContain(7);
  expect(of(({ lora }) => lora.targets.length)).toContain(2);
});
