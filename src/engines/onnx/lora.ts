import type { LoraOptions } from "../../engine.ts";
import { ConfigError } from "../../errors.ts";
import { random, randomKey } from "../../random.ts";
import { floatsOf, type Runtime } from "./carriers/runtime.ts";
import { linearShapes, type ModelConfig } from "./model-config.ts";
import { allocateTensors, type Weights } from "./weights.ts";

/** LoraOptions with the defaults filled in; `targets` are linears by their names in a layer (`self_attn.q_proj`). */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
}

/** Names of A [rank, in] and B [out, rank] of a linear: y = W·x + (alpha/rank)·B·A·x. PEFT writes them behind `base_model.model.`. */
export const loraNames = (layer: string, linear: string): { readonly a: string; readonly b: string } => ({
  a: `${layer}.${linear}.lora_A.weight`,
  b: `${layer}.${linear}.lora_B.weight`,
});

/** Fills the defaults in. Throws `ConfigError` for a target that the model does not have. */
export const loraConfigOf = (
  config: ModelConfig,
  { rank = 16, alpha = 2 * rank, targets }: LoraOptions = {},
): LoraConfig => {
  if (!Number.isInteger(rank) || rank < 1 || rank > config.hidden_size)
    throw new ConfigError(
      `The rank of an adapter is ${rank}: accepted are whole numbers from 1 to ${config.hidden_size}.`,
    );
  if (!(alpha > 0)) throw new ConfigError(`alpha of an adapter is ${alpha}: it must be above 0.`);
  const known = [...linearShapes(config).keys()];
  const named = (target: string): string => {
    const found = known.find((name) => name === target || name.endsWith(`.${target}`));
    if (found === undefined)
      throw new ConfigError(
        `The model has no linear "${target}" for an adapter: accepted are ${known.map((name) => name.split(".")[1]).join(", ")}.`,
      );
    return found;
  };
  const wanted = targets === undefined ? known : [...new Set(targets.map(named))];
  if (wanted.length === 0) throw new ConfigError("An adapter needs at least one target, such as q_proj.");
  return { rank, alpha, targets: known.filter((name) => wanted.includes(name)) };
};

/** Names and shapes of an adapter's tensors, in the order in which they lie in memory. */
export const loraShapes = (config: ModelConfig, lora: LoraConfig): ReadonlyMap<string, readonly number[]> => {
  const shapes = new Map<string, readonly number[]>();
  const linears = linearShapes(config);
  for (let i = 0; i < config.num_hidden_layers; i += 1) {
    for (const linear of lora.targets) {
      const [out, into] = linears.get(linear) ?? [0, 0];
      const { a, b } = loraNames(`model.layers.${i}`, linear);
      shapes.set(a, [lora.rank, into]);
      shapes.set(b, [out, lora.rank]);
    }
  }
  return shapes;
};

/** Zeros in the layout of an adapter. */
export const allocateLora = (runtime: Runtime, config: ModelConfig, lora: LoraConfig): Weights =>
  allocateTensors(runtime, loraShapes(config, lora));

/** A fresh adapter: A uniform in ±1/√in (as PEFT's Kaiming start), B zero. */
export const initialiseLora = (weights: Weights, seed: number): void => {
  weights.floats.fill(0);
  for (const [name, tensor] of weights.tensors) {
    if (!name.endsWith("lora_A.weight")) continue;
    const draws = random(randomKey(seed, "lora", name));
    const bound = 1 / Math.sqrt(tensor.shape[1] ?? 1);
    const floats = floatsOf(tensor);
    for (let i = 0; i < floats.length; i += 1) floats[i] = bound * (2 * draws.next() - 1);
  }
};
