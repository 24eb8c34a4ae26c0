import { StoreError } from "../../../errors.ts";
import { attentionScaleOf, layerTypeOf, type ModelConfig, type ModelType } from "../model-config.ts";
import { parseHubConfig } from "./hub-config.ts";

const ARCHITECTURES: Readonly<Record<ModelType, string>> = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  gemma3_text: "Gemma3ForCausalLM",
};

/** A config with every default spelled out, as text: equal texts compute the same. */
const essence = (config: ModelConfig): string => {
  const layers = Array.from({ length: config.num_hidden_layers }, (_, layer) => layerTypeOf(config, layer));
  const full = {
    model_type: "llama",
    tie_word_embeddings: true,
    qkv_bias: false,
    output_bias: false,
    mlp_bias: false,
    qk_norm: false,
    sandwich_norms: false,
    hidden_act: "silu",
    embedding_scale: 1,
    norm_offset: 0,
    ...config,
    attention_scale: attentionScaleOf(config),
    layer_types: layers,
  };
  const sorted = Object.entries(full).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(sorted, (_, value) => (typeof value === "number" ? value.toPrecision(6) : value));
};

/** The number whose root Gemma 3 divides scores by. */
const scalarOf = (config: ModelConfig): number => Number((attentionScaleOf(config) ** -2).toPrecision(9));

const windowOf = ({ sliding_window, layer_types }: ModelConfig, gemma: boolean): object =>
  sliding_window === undefined
    ? {}
    : { sliding_window, layer_types, ...(!gemma && { use_sliding_window: true, max_window_layers: 0 }) };

/** A config.json that transformers and `parseHubConfig` read. Throws `StoreError` for a decoder that no model type describes. */
export const writeHubConfig = (config: ModelConfig): Readonly<Record<string, unknown>> => {
  const type = config.model_type ?? "llama";
  const gemma = type === "gemma3_text";
  const json = {
    architectures: [ARCHITECTURES[type]],
    model_type: type,
    hidden_size: config.hidden_size,
    num_hidden_layers: config.num_hidden_layers,
    num_attention_heads: config.num_attention_heads,
    num_key_value_heads: config.num_key_value_heads,
    head_dim: config.head_dim,
    intermediate_size: config.intermediate_size,
    vocab_size: config.vocab_size,
    max_position_embeddings: config.max_position_embeddings,
    rms_norm_eps: config.rms_norm_eps,
    rope_theta: config.rope_theta,
    rope_scaling: config.rope_scaling ?? null,
    tie_word_embeddings: config.tie_word_embeddings ?? true,
    [gemma ? "hidden_activation" : "hidden_act"]: config.hidden_act ?? "silu",
    ...(type !== "qwen2" && { attention_bias: config.output_bias ?? false }),
    ...(type === "llama" && { mlp_bias: config.mlp_bias ?? false }),
    ...(gemma && {
      query_pre_attn_scalar: scalarOf(config),
      rope_local_base_freq: config.rope_local_theta ?? config.rope_theta,
    }),
    ...windowOf(config, gemma),
    torch_dtype: "float32",
  };
  const back = parseHubConfig(json, "config.json");
  if (essence(back) !== essence(config))
    throw new StoreError(
      `This decoder cannot be written as a config.json: no ${type} is like it. Received ${essence(config)}; as ${type} it would be ${essence(back)}.`,
    );
  return json;
};
