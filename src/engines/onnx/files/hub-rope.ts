import { StoreError } from "../../../errors.ts";
import { defined } from "../../../options.ts";
import type { ModelConfig, RopeScaling } from "../model-config.ts";
import { type Fields, fieldsOf, isRecord } from "./fields.ts";

/** The rotary part of a config. */
export type RopeConfig = Pick<ModelConfig, "rope_theta" | "rope_scaling" | "rope_local_theta">;

export interface RopeDefaults {
  /** Base where the file names none. */
  readonly theta: number;
  /** Base of sliding layers where the file names none; undefined where they turn like all others. */
  readonly localTheta?: number;
  readonly maxPositions: number;
}

const layerTypes = ["full_attention", "sliding_attention"] as const;

/** Ratio that YaRN multiplies cos and sin by, where the file gives it in one of its spellings. */
const attentionFactor = (given: Fields, factor: number): number | undefined => {
  if (given.has("attention_factor")) return given.positive("attention_factor");
  if (!given.has("mscale") || !given.has("mscale_all_dim")) return undefined;
  const size = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  return size(given.positive("mscale")) / size(given.positive("mscale_all_dim"));
};

const scalingOf = (given: Fields, maxPositions: number): RopeScaling | undefined => {
  const type = given.text("rope_type") ?? given.text("type") ?? "default";
  const original = (): number => given.whole("original_max_position_embeddings", maxPositions);
  if (type === "default") return undefined;
  if (type === "linear") return { rope_type: type, factor: given.positive("factor") };
  if (type === "llama3")
    return {
      rope_type: type,
      factor: given.positive("factor"),
      low_freq_factor: given.positive("low_freq_factor"),
      high_freq_factor: given.positive("high_freq_factor"),
      original_max_position_embeddings: original(),
    };
  if (type !== "yarn")
    throw new StoreError(
      `${given.name}: rope type ${JSON.stringify(type)} is not supported; supported are default, linear, llama3, yarn.`,
    );
  if (!given.flag("truncate", true)) throw new StoreError(`${given.name}: yarn with truncate: false is not supported.`);
  const factor = given.positive("factor", maxPositions / original());
  const size = attentionFactor(given, factor);
  return {
    rope_type: type,
    factor,
    original_max_position_embeddings: original(),
    ...(given.has("beta_fast") && { beta_fast: given.positive("beta_fast") }),
    ...(given.has("beta_slow") && { beta_slow: given.positive("beta_slow") }),
    ...defined({ attention_factor: size }),
  };
};

/**
 * The rotary part of a config.json, in the old spelling (rope_theta, rope_scaling, rope_local_base_freq) or the new one
 * (rope_parameters, flat or one a layer type). Throws `StoreError` for a type that the engine does not have.
 */
export const parseRope = (given: Fields, { theta, localTheta, maxPositions }: RopeDefaults): RopeConfig => {
  const found = given.record("rope_parameters");
  const nested = found !== undefined && layerTypes.some((type) => isRecord(found.get(type)));
  if (found && !nested && localTheta !== undefined)
    throw new StoreError(`${found.name}: expected one entry a layer type (${layerTypes.join(", ")}).`);
  const empty = fieldsOf({}, given.name);
  // Old spellings may stand beside new ones: what is inside rope_parameters wins, as in transformers.
  const full = (nested ? found.record("full_attention") : (given.record("rope_scaling") ?? found)) ?? empty;
  const scaled = nested && given.has("rope_scaling") ? (given.record("rope_scaling") ?? full) : full;
  const rope_theta = full.positive("rope_theta", given.positive("rope_theta", theta));
  const rope_scaling = scalingOf(scaled, maxPositions);
  const local = (nested ? found.record("sliding_attention") : undefined) ?? empty;
  const localBase = local.has("rope_theta")
    ? local.positive("rope_theta")
    : localTheta === undefined
      ? rope_theta
      : given.positive("rope_local_base_freq", localTheta);
  const localScaling = nested && local !== empty ? scalingOf(local, maxPositions) : undefined;
  if (localScaling !== undefined && JSON.stringify(localScaling) !== JSON.stringify(rope_scaling))
    throw new StoreError(
      `${local.name}: the angles of sliding layers cannot be scaled; accepted is rope_type "default".`,
    );
  // Without a base of their own sliding layers turn as full ones do, scaling included.
  const separate = localTheta !== undefined || (local !== empty && localScaling === undefined);
  return {
    rope_theta,
    ...(rope_scaling && { rope_scaling }),
    ...(separate && (localBase !== rope_theta || rope_scaling !== undefined) && { rope_local_theta: localBase }),
  };
};
