import type { Engine, OptimStepOptions } from "../../engine.ts";
import type { Fields } from "./fields.ts";
import { Refusal } from "./refusal.ts";
import type { LoraRequest } from "./state-files.ts";

const NOT_NEGATIVE = [(value: number) => value >= 0, "0 or more"] as const;
const ABOVE_ZERO = [(value: number) => value > 0, "above 0"] as const;
const DECAY = [(value: number) => value >= 0 && value < 1, "from 0 to below 1"] as const;

/** Reads the settings of an optimiser step; a `grad_clip_norm` of 0 does not clip. Throws `Refusal`. */
export const readAdam = (adam: Fields): Required<OptimStepOptions> => {
  const read = (
    name: string,
    otherwise: number,
    [fits, accepted]: readonly [fits: (value: number) => boolean, accepted: string],
  ): number => {
    const value = adam.optionalNumber(name) ?? otherwise;
    if (!fits(value)) throw new Refusal(`${name} is ${value}: accepted is a number ${accepted}.`);
    return value;
  };
  return {
    learningRate: read("learning_rate", 1e-4, NOT_NEGATIVE),
    beta1: read("beta1", 0.9, DECAY),
    beta2: read("beta2", 0.95, DECAY),
    epsilon: read("eps", 1e-12, ABOVE_ZERO),
    weightDecay: read("weight_decay", 0, NOT_NEGATIVE),
    gradientClip: read("grad_clip_norm", 0, NOT_NEGATIVE),
  };
};

/** What a request says of the adapter that it wants. Throws `Refusal`. */
export const readLora = (fields: Fields, engine: Engine): LoraRequest | undefined => {
  if (engine.learns === "weights") return undefined;
  const lora = fields.within("lora_config");
  return {
    rank: lora.value("rank") === undefined ? 32 : lora.integer("rank", 1),
    seed: lora.optionalInteger("seed") ?? 0,
    trainMlp: lora.value("train_mlp") === undefined || lora.truth("train_mlp"),
    trainAttention: lora.value("train_attn") === undefined || lora.truth("train_attn"),
  };
};
