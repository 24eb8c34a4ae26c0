import { type RandomKey, random } from "../../random.ts";
import { floatsOf } from "./carriers/runtime.ts";
import type { ModelConfig } from "./model-config.ts";
import type { Weights } from "./weights.ts";

/** Fresh weights: normal with σ = 0.02 (projections back into the residual stream σ/√(2L)), norms at 1. */
export const initialise = (weights: Weights, config: ModelConfig, key: RandomKey): void => {
  const draws = random(key);
  const residual = 0.02 / Math.sqrt(2 * config.num_hidden_layers);
  for (const [name, tensor] of weights.tensors) {
    const floats = floatsOf(tensor);
    if (tensor.shape.length === 1) {
      floats.fill(1);
      continue;
    }
    const deviation = /o_proj|down_proj/.test(name) ? residual : 0.02;
    for (let i = 0; i < floats.length; i += 1) floats[i] = deviation * draws.normal();
  }
};
