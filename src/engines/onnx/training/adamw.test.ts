import { afterAll, describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, noise, relativeError } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { allocateWeights } from "../weights.ts";
import { type AdamState, adamwStep } from "./adamw.ts";

const { config, adamw } = llamaFixture;
const runtime = openTestRuntime({ threads: 1 });
afterAll(() => runtime.dispose());
const zeroState = (): AdamState => ({
  first: allocateWeights(runtime, config),
  second: allocateWeights(runtime, config),
  step: 0,
});

describe("adamwStep", () => {
  it("agrees with PyTorch after three steps on the same gradients: clip, decay on matrices only", () => {
    const weights = fixtureWeights(runtime);
    const gradient = allocateWeights(runtime, config);
    const state = zeroState();
    const norms = [0.002, 0.02, 0.1].map((scale, step) => {
      [...gradient.tensors.values()].forEach((tensor, i) => {
        const values = floatsOf(tensor);
        values.set(noise(1000 + 100 * step + i, values.length).map((value) => value * scale));
      });
      const norm = adamwStep(weights, gradient, state, adamw.options);
      expect(gradient.floats.every((value) => value === 0)).toBe(true);
      return norm;
    });
    expect(relativeError(norms, adamw.norms)).toBeLessThan(1e-6);
    expect(state.step).toBe(3);
    for (const [name, tensor] of weights.tensors) {
      expect(relativeError(floatsOf(tensor), fixtureTensors[`adamw.${name}`]?.data ?? []), name).toBeLessThan(1e-6);
    }
  });

  it("changes nothing but the gradient when that is not finite", () => {
    const weights = fixtureWeights(runtime);
    const before = weights.floats.slice();
    const gradient = allocateWeights(runtime, config);
    const state = zeroState();
    gradient.floats[7] = Number.POSITIVE_INFINITY;
    expect(() => adamwStep(weights, gradient, state, { learningRate: 1 })).toThrow("not finite");
    expect(weights.floats).toEqual(before);
    expect(state.step).toBe(0);
    expect(gradient.floats.every((value) => value === 0)).toBe(true);
  });

  it("does not clip when told not to", () => {
    const move = (gradientClip: number): number => {
      const weights = fixtureWeights(runtime);
      const gradient = allocateWeights(runtime, config);
      gradient.floats.fill(1, 0, 1024);
      const before = weights.floats[0] as number;
      adamwStep(weights, gradient, zeroState(), { learningRate: 0.1, epsilon: 1, gradientClip });
      return before - (weights.floats[0] as number);
    };
    // With a large epsilon a step is nearly proportional to its gradient: 1/(1 + 1) here, and 1/32/(1 + 1/32) clipped.
    expect(move(0)).toBeCloseTo(0.05, 5);
    expect(move(1)).toBeCloseTo(0.1 / 33, 5);
  });
});
