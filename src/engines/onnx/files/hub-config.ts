import { StoreError } from "../../../errors.ts";
import { defined } from "../../../options.ts";
import type { LayerType, ModelConfig, ModelType } from "../model-config.ts";
import { type Fields, fieldsOf } from "./fields.ts";
import { parseRope } from "./hub-rope.ts";

interface Defaults {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  /** @default num_attention_heads */
  readonly num_key_value_heads?: number;
  /** @default hidden_size / num_attention_heads */
  readonly head_dim?: number;
  readonly max_position_embeddings: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_theta: number;
  readonly rope_local_theta?: number;
}

const qwen: Defaults = {
  vocab_size: 151936,
  hidden_size: 4096,
  intermediate_size: 22016,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 32,
  max_position_embeddings: 32768,
  tie_word_embeddings: false,
  rope_theta: 10000,
};

/** What transformers takes where a config.json says nothing (Gemma's files leave out most of it). */
const defaults: Readonly<Record<ModelType, Defaults>> = {
  llama: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    tie_word_embeddings: false,
    rope_theta: 10000,
  },
  qwen2: qwen,
  qwen3: { ...qwen, head_dim: 128 },
  gemma3_text: {
    vocab_size: 262208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131072,
    tie_word_embeddings: true,
    rope_theta: 1_000_000,
    rope_local_theta: 10_000,
  },
};

const isModelType = (type: unknown): type is ModelType => typeof type === "string" && Object.hasOwn(defaults, type);

/** Parts of other decoders, with the value that means "not there". Anything else would compute something wrong. */
const absent: Readonly<Record<string, readonly unknown[]>> = {
  final_logit_softcapping: [0],
  attn_logit_softcapping: [0],
  use_bidirectional_attention: [false],
  partial_rotary_factor: [1],
  quantization_config: [],
  num_experts: [0, 1],
  num_local_experts: [0, 1],
  attention_multiplier: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  logits_scaling: [1],
  no_rope_layers: [],
  use_qk_norm: [false],
};

const refuseUnknownParts = (given: Fields): void => {
  for (const [key, accepted] of Object.entries(absent)) {
    const value = given.get(key);
    if (value !== undefined && !accepted.includes(value))
      throw new StoreError(
        `${given.name}: ${key} is ${JSON.stringify(value)?.slice(0, 60)}, which this engine does not compute; accepted is ${["null", ...accepted].join(" or ")}.`,
      );
  }
};

const activationOf = (given: Fields, type: ModelType): NonNullable<ModelConfig["hidden_act"]> => {
  const gemma = type === "gemma3_text";
  const key = gemma && given.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  const act = given.text(key) ?? (gemma ? "gelu_pytorch_tanh" : "silu");
  if (act !== "silu" && act !== "gelu_pytorch_tanh")
    throw new StoreError(`${given.name}: ${key} is "${act}"; supported are silu, gelu_pytorch_tanh.`);
  return act;
};

/** Which layers look at a window only, and how far. */
const windowOf = (
  given: Fields,
  type: ModelType,
  layers: number,
): Pick<ModelConfig, "sliding_window" | "layer_types"> => {
  const gemma = type === "gemma3_text";
  if (type === "llama" || (!gemma && !given.flag("use_sliding_window", false))) {
    if (given.list("layer_types")?.some((kind) => kind !== "full_attention"))
      throw new StoreError(`${given.name}: layer_types has sliding layers, but use_sliding_window is not true.`);
    return {};
  }
  const pattern = gemma ? given.whole("sliding_window_pattern", 6) : 0;
  const from = gemma || given.get("max_window_layers") === 0 ? 0 : given.whole("max_window_layers", 28);
  const kindOf = (layer: number): LayerType => {
    const sliding = gemma ? (layer + 1) % pattern !== 0 : layer >= from;
    return sliding ? "sliding_attention" : "full_attention";
  };
  const layer_types = (given.list("layer_types") ?? Array.from({ length: layers }, (_, i) => kindOf(i))).map((kind) => {
    if (kind !== "full_attention" && kind !== "sliding_attention")
      throw new StoreError(
        `${given.name}: layer_types holds ${JSON.stringify(kind)}; supported are full_attention, sliding_attention.`,
      );
    return kind;
  });
  if (layer_types.length !== layers)
    throw new StoreError(`${given.name}: layer_types has ${layer_types.length} entries for ${layers} layers.`);
  if (!layer_types.includes("sliding_attention")) return {};
  return { sliding_window: given.whole("sliding_window", 4096), layer_types };
};

/** Sizes that the graphs cannot do, whatever file they come from. Throws `StoreError`. */
export const checkConfig = (config: ModelConfig, name: string): ModelConfig => {
  if (config.num_attention_heads % config.num_key_value_heads !== 0)
    throw new StoreError(
      `${name}: ${config.num_attention_heads} heads cannot share ${config.num_key_value_heads} key-value heads: one must divide the other.`,
    );
  // The runtime's attention kernel takes no other size of a head.
  if (config.head_dim % 16 !== 0)
    throw new StoreError(`${name}: head_dim is ${config.head_dim}; supported are multiples of 16.`);
  return config;
};

/**
 * The decoder that a config.json describes, with the defaults of transformers where it is silent. Throws `StoreError`
 * that names an unsupported model type, a part that the engine does not compute, or a value that makes no sense.
 */
export const parseHubConfig = (json: unknown, name: string): ModelConfig => {
  const outer = fieldsOf(json, name);
  const nested = outer.get("model_type") === "gemma3" ? (outer.record("text_config") ?? fieldsOf({}, name)) : undefined;
  const given = nested ?? outer;
  const type = nested ? "gemma3_text" : outer.get("model_type");
  if (!isModelType(type))
    throw new StoreError(
      `${name}: model_type is ${JSON.stringify(type)}; supported are ${[...Object.keys(defaults), "gemma3"].join(", ")}.`,
    );
  refuseUnknownParts(outer);
  refuseUnknownParts(given);
  const gemma = type === "gemma3_text";
  const usual = defaults[type];
  const size = (key: keyof Defaults, fallback = usual[key] as number): number => given.whole(key, fallback);
  const hidden_size = size("hidden_size");
  const num_hidden_layers = size("num_hidden_layers");
  const num_attention_heads = size("num_attention_heads");
  const head_dim = size("head_dim", usual.head_dim ?? hidden_size / num_attention_heads);
  const max_position_embeddings = size("max_position_embeddings");
  const hidden_act = activationOf(given, type);
  const bias = type !== "qwen2" && given.flag("attention_bias", false);
  const scalar = gemma ? given.positive("query_pre_attn_scalar", 256) : head_dim;
  return checkConfig(
    {
      model_type: type,
      hidden_size,
      num_hidden_layers,
      num_attention_heads,
      num_key_value_heads: size("num_key_value_heads", usual.num_key_value_heads ?? num_attention_heads),
      head_dim,
      intermediate_size: size("intermediate_size"),
      vocab_size: size("vocab_size"),
      max_position_embeddings,
      rms_norm_eps: given.positive("rms_norm_eps", 1e-6),
      ...parseRope(given, {
        theta: usual.rope_theta,
        maxPositions: max_position_embeddings,
        ...defined({ localTheta: usual.rope_local_theta }),
      }),
      tie_word_embeddings: given.flag(
        "tie_word_embeddings",
        outer.flag("tie_word_embeddings", usual.tie_word_embeddings),
      ),
      ...((bias || type === "qwen2") && { qkv_bias: true }),
      ...(bias && { output_bias: true }),
      ...(type === "llama" && given.flag("mlp_bias", false) && { mlp_bias: true }),
      ...((type === "qwen3" || gemma) && { qk_norm: true }),
      ...(hidden_act !== "silu" && { hidden_act }),
      ...(gemma && gemmaParts(hidden_size)),
      ...(scalar !== head_dim && { attention_scale: scalar ** -0.5 }),
      ...windowOf(given, type, num_hidden_layers),
    },
    name,
  );
};

/** What every Gemma 3 has. */
export const gemmaParts = (
  hiddenSize: number,
): Pick<ModelConfig, "sandwich_norms" | "embedding_scale" | "norm_offset"> => ({
  sandwich_norms: true,
  embedding_scale: Math.sqrt(hiddenSize),
  norm_offset: 1,
});
