import { StoreError } from "../../../errors.ts";
import { ropePeriods } from "../graph/rope.ts";
import type { ModelType, RopeScaling } from "../model-config.ts";
import type { Fields } from "./fields.ts";
import type { RopeConfig } from "./hub-rope.ts";

interface RopeContext {
  readonly type: ModelType;
  readonly headSize: number;
  readonly maxPositions: number;
  /** The tensor rope_freqs.weight: what each period is multiplied by. */
  readonly factors?: Float32Array | undefined;
}

/** Scaling by metadata. */
const scalingOf = (given: Fields, maxPositions: number): RopeScaling | undefined => {
  const type = given.text("rope.scaling.type") ?? "linear";
  const key = given.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  const factor = given.get(key) === 0 ? 1 : given.positive(key, 1);
  if (type === "none" || (type === "linear" && factor === 1)) return undefined;
  if (type === "linear") return { rope_type: type, factor };
  if (type !== "yarn")
    throw new StoreError(
      `${given.name}rope.scaling.type is ${JSON.stringify(type)}; supported are none, linear, yarn and the factors of Llama 3.`,
    );
  for (const other of ["attn_factor", "yarn_log_multiplier", "yarn_ext_factor", "yarn_attn_factor"])
    if (![undefined, 1].includes(given.get(`rope.scaling.${other}`) as number | undefined))
      throw new StoreError(
        `${given.name}rope.scaling.${other} is ${given.get(`rope.scaling.${other}`)}; supported is 1.`,
      );
  return {
    rope_type: type,
    factor,
    original_max_position_embeddings: given.whole("rope.scaling.original_context_length", maxPositions),
    ...(given.has("rope.scaling.yarn_beta_fast") && { beta_fast: given.positive("rope.scaling.yarn_beta_fast") }),
    ...(given.has("rope.scaling.yarn_beta_slow") && { beta_slow: given.positive("rope.scaling.yarn_beta_slow") }),
  };
};

/**
 * The scaling that Llama 3 writes as a tensor of factors: its parameters are the same in all releases but for the
 * factor, which is the last entry. The tensor must be what they give.
 */
const scalingOfFactors = (
  factors: Float32Array,
  { name }: Fields,
  parts: { readonly head_dim: number; readonly rope_theta: number },
): RopeScaling => {
  const scaling: RopeScaling = {
    rope_type: "llama3",
    factor: factors.at(-1) ?? 1,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const plain = ropePeriods(parts).periods;
  const scaled = ropePeriods({ ...parts, rope_scaling: scaling }).periods;
  const same = (factor: number, i: number): boolean => Math.abs((scaled[i] ?? 0) / (plain[i] ?? 1) / factor - 1) < 1e-4;
  if (factors.length !== plain.length || !factors.every(same))
    throw new StoreError(
      `${name.split(":")[0]}: the factors in rope_freqs.weight are not those of Llama 3 (low 1, high 4, context 8192), the only ones that are supported.`,
    );
  return scaling;
};

/** The rotary part of a GGUF file. Throws `StoreError` for a kind that the engine does not have. */
export const parseGgufRope = (given: Fields, { type, headSize, maxPositions, factors }: RopeContext): RopeConfig => {
  const gemma = type === "gemma3_text";
  const rope_theta = given.positive("rope.freq_base", gemma ? 1_000_000 : 10_000);
  const rope_scaling =
    factors === undefined || factors.every((factor) => factor === 1)
      ? scalingOf(given, maxPositions)
      : scalingOfFactors(factors, given, { head_dim: headSize, rope_theta });
  return {
    rope_theta,
    ...(rope_scaling && { rope_scaling }),
    ...(gemma && { rope_local_theta: given.positive("rope.freq_base_swa", 10_000) }),
  };
};
