import type { LayerType, ModelConfig, RopeScaling } from "../model-config.ts";

/** cos and sin of the rotary angles of one kind of layer, [positions, head_dim / 2]. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Periods without any scaling. */
const plainPeriods = (size: number, theta: number): Float64Array =>
  Float64Array.from({ length: size / 2 }, (_, i) => theta ** (i / (size / 2)));

/** Long periods are stretched by `factor`, short ones stay, those between are blended (Llama 3.1). */
const llama3 = (plain: Float64Array, s: Extract<RopeScaling, { rope_type: "llama3" }>): Float64Array =>
  plain.map((period) => {
    const turns = s.original_max_position_embeddings / (2 * Math.PI * period);
    if (turns < s.low_freq_factor) return period * s.factor;
    if (turns > s.high_freq_factor) return period;
    const share = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
    return period / ((1 - share) / s.factor + share);
  });

/** YaRN (arXiv 2309.00071): dimensions that turn often keep their period, slow ones are stretched by `factor`. */
const yarn = (plain: Float64Array, theta: number, s: Extract<RopeScaling, { rope_type: "yarn" }>): Float64Array => {
  const size = plain.length * 2;
  const dimension = (rotations: number): number =>
    (size * Math.log(s.original_max_position_embeddings / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = Math.max(0, Math.floor(dimension(s.beta_fast ?? 32)));
  const high = Math.min(size - 1, Math.ceil(dimension(s.beta_slow ?? 1)));
  return plain.map((period, i) => {
    const slow = Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
    return period / (slow / s.factor + (1 - slow));
  });
};

/** The part of a config that decides on the angles. */
export type RopeParts = Pick<ModelConfig, "head_dim" | "rope_theta" | "rope_scaling" | "rope_local_theta">;

/** Positions that make one radian, by pair of dimensions, and what cos and sin are multiplied by. */
export const ropePeriods = (
  config: RopeParts,
  type: LayerType = "full_attention",
): { readonly periods: Float64Array; readonly size: number } => {
  const local = type === "sliding_attention" && config.rope_local_theta !== undefined;
  const theta = local ? (config.rope_local_theta as number) : config.rope_theta;
  const scaling = local ? undefined : config.rope_scaling;
  let periods = plainPeriods(config.head_dim, theta);
  let size = 1;
  if (scaling?.rope_type === "linear") periods = periods.map((value) => value * scaling.factor);
  if (scaling?.rope_type === "llama3") periods = llama3(periods, scaling);
  if (scaling?.rope_type === "yarn") {
    periods = yarn(periods, theta, scaling);
    size = scaling.attention_factor ?? (scaling.factor <= 1 ? 1 : 0.1 * Math.log(scaling.factor) + 1);
  }
  return { periods, size };
};

/** Tables for the first `positions` positions. */
export const ropeTables = (
  config: ModelConfig,
  type: LayerType = "full_attention",
  positions = config.max_position_embeddings,
): RopeTables => {
  const { periods, size } = ropePeriods(config, type);
  const half = periods.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(cos.length);
  for (let position = 0; position < positions; position += 1) {
    for (let i = 0; i < half; i += 1) {
      const angle = position / (periods[i] as number);
      cos[position * half + i] = size * Math.cos(angle);
      sin[position * half + i] = size * Math.sin(angle);
    }
  }
  return { cos, sin };
};
