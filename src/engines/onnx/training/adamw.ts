import type { OptimStepOptions } from "../../../engine.ts";
import { EngineError } from "../../../errors.ts";
import { floatsOf } from "../carriers/runtime.ts";
import type { Weights } from "../weights.ts";

/** First and second moments, and how many steps were taken. */
export interface AdamState {
  readonly first: Weights;
  readonly second: Weights;
  step: number;
}

/** As before the first step. */
export const resetAdam = (state: AdamState): void => {
  state.first.floats.fill(0);
  state.second.floats.fill(0);
  state.step = 0;
};

/**
 * One AdamW step (Loshchilov & Hutter 2019, as in PyTorch): clips the gradient to a global norm, decays matrices only,
 * and clears the gradient. Returns the norm before clipping; throws before anything is changed if it is not finite.
 */
export const adamwStep = (
  weights: Weights,
  gradient: Weights,
  state: AdamState,
  { learningRate, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0, gradientClip = 1 }: OptimStepOptions,
): number => {
  let squares = 0;
  const g = gradient.floats;
  for (let i = 0; i < g.length; i += 1) squares += (g[i] as number) * (g[i] as number);
  const norm = Math.sqrt(squares);
  if (!Number.isFinite(norm)) {
    g.fill(0);
    throw new EngineError(
      `The gradient is not finite (norm ${norm}); no step was taken. Lower the learning rate or check the rewards.`,
    );
  }
  const scale = gradientClip > 0 && norm > gradientClip ? gradientClip / norm : 1;
  state.step += 1;
  const correction1 = 1 - beta1 ** state.step;
  const correction2 = Math.sqrt(1 - beta2 ** state.step);
  const stepSize = learningRate / correction1;
  for (const [name, tensor] of weights.tensors) {
    const w = floatsOf(tensor);
    const m = state.first.floats.subarray(tensor.offset, tensor.offset + w.length);
    const v = state.second.floats.subarray(tensor.offset, tensor.offset + w.length);
    const d = g.subarray(tensor.offset, tensor.offset + w.length);
    const keep = tensor.shape.length > 1 && !name.includes("embed_tokens") ? 1 - learningRate * weightDecay : 1;
    for (let i = 0; i < w.length; i += 1) {
      const gi = (d[i] as number) * scale;
      const mi = beta1 * (m[i] as number) + (1 - beta1) * gi;
      const vi = beta2 * (v[i] as number) + (1 - beta2) * gi * gi;
      m[i] = mi;
      v[i] = vi;
      w[i] = (w[i] as number) * keep - (stepSize * mi) / (Math.sqrt(vi) / correction2 + epsilon);
    }
  }
  g.fill(0);
  return norm;
};
