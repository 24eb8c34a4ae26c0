/**
 * A decoder that the engine can run, in the words of a Hugging Face config.json where it has them. All supported
 * architectures (Llama, SmolLM2, Qwen2, Qwen3, Gemma 3) are one decoder with parts switched on.
 */
export interface ModelConfig {
  /** For people and for files that are written: the graph reads the switches below only. @default "llama" */
  readonly model_type?: ModelType;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  /** Base of the rotary angles of full-attention layers. */
  readonly rope_theta: number;
  readonly rope_scaling?: RopeScaling;
  /** The head is the embedding table. @default true */
  readonly tie_word_embeddings?: boolean;
  /** Biases of q, k and v (Qwen2; Llama with attention_bias). @default false */
  readonly qkv_bias?: boolean;
  /** Bias of the attention's output. @default false */
  readonly output_bias?: boolean;
  /** @default false */
  readonly mlp_bias?: boolean;
  /** Queries and keys are normed head by head (Qwen3, Gemma 3). @default false */
  readonly qk_norm?: boolean;
  /** Norms behind attention and MLP as well (Gemma 3). @default false */
  readonly sandwich_norms?: boolean;
  /** @default "silu" */
  readonly hidden_act?: "silu" | "gelu_pytorch_tanh";
  /** Embeddings are multiplied by it (Gemma 3: √hidden_size). @default 1 */
  readonly embedding_scale?: number;
  /** Scores are multiplied by it. @default 1/√head_dim */
  readonly attention_scale?: number;
  /** What stored norm weights lack: the loader adds it, so that the graph multiplies by the weight as it is (Gemma 3: 1). @default 0 */
  readonly norm_offset?: number;
  /** Keys that a sliding-attention layer looks at, the token's own included. */
  readonly sliding_window?: number;
  /** One a layer. @default all full */
  readonly layer_types?: readonly LayerType[];
  /** Base of the rotary angles of sliding-attention layers, never scaled. @default rope_theta */
  readonly rope_local_theta?: number;
}

export type ModelType = "llama" | "qwen2" | "qwen3" | "gemma3_text";
export type LayerType = "full_attention" | "sliding_attention";

export type RopeScaling =
  | { readonly rope_type: "linear"; readonly factor: number }
  | {
      readonly rope_type: "llama3";
      readonly factor: number;
      readonly low_freq_factor: number;
      readonly high_freq_factor: number;
      readonly original_max_position_embeddings: number;
    }
  | {
      readonly rope_type: "yarn";
      readonly factor: number;
      readonly original_max_position_embeddings: number;
      /** @default 32 */
      readonly beta_fast?: number;
      /** @default 1 */
      readonly beta_slow?: number;
      /** Multiplies cos and sin. @default 0.1·ln(factor) + 1 */
      readonly attention_factor?: number;
    };

export const layerTypeOf = (config: ModelConfig, layer: number): LayerType =>
  config.layer_types?.[layer] ?? "full_attention";

/** Whether some layer slides. */
export const hasSlidingLayers = (config: ModelConfig): boolean =>
  config.layer_types?.includes("sliding_attention") ?? false;

export const attentionScaleOf = (config: ModelConfig): number =>
  config.attention_scale ?? 1 / Math.sqrt(config.head_dim);

/** The table that turns hidden states into logits. */
export const headOf = (config: ModelConfig): string =>
  (config.tie_word_embeddings ?? true) ? "model.embed_tokens.weight" : "lm_head.weight";

/** The linears of a layer, by the names of Hugging Face, with [out, in]. */
export const linearShapes = (config: ModelConfig): ReadonlyMap<string, readonly [number, number]> => {
  const { hidden_size: d, intermediate_size: f, head_dim } = config;
  const q = config.num_attention_heads * head_dim;
  const kv = config.num_key_value_heads * head_dim;
  return new Map([
    ["self_attn.q_proj", [q, d]],
    ["self_attn.k_proj", [kv, d]],
    ["self_attn.v_proj", [kv, d]],
    ["self_attn.o_proj", [d, q]],
    ["mlp.gate_proj", [f, d]],
    ["mlp.up_proj", [f, d]],
    ["mlp.down_proj", [d, f]],
  ]);
};

/** Whether a linear (by its name in a layer) has a bias. */
export const hasBias = (config: ModelConfig, linear: string): boolean => {
  if (/^self_attn\.[qkv]_proj$/.test(linear)) return config.qkv_bias ?? false;
  return (linear === "self_attn.o_proj" ? config.output_bias : config.mlp_bias) ?? false;
};

/** Names (without their layer) and shapes of the weights of one layer, in the order in which they lie in memory. */
export const layerShapes = (config: ModelConfig): ReadonlyMap<string, readonly number[]> => {
  const { hidden_size: d, head_dim } = config;
  const shapes = new Map<string, readonly number[]>([["input_layernorm.weight", [d]]]);
  for (const [linear, shape] of linearShapes(config)) {
    if (linear === "mlp.gate_proj") {
      shapes.set("post_attention_layernorm.weight", [d]);
      if (config.sandwich_norms) {
        shapes.set("pre_feedforward_layernorm.weight", [d]);
        shapes.set("post_feedforward_layernorm.weight", [d]);
      }
    }
    shapes.set(`${linear}.weight`, shape);
    if (hasBias(config, linear)) shapes.set(`${linear}.bias`, [shape[0]]);
    if (linear === "self_attn.v_proj" && config.qk_norm) {
      shapes.set("self_attn.q_norm.weight", [head_dim]);
      shapes.set("self_attn.k_norm.weight", [head_dim]);
    }
  }
  return shapes;
};

/** Names (those of Hugging Face) and shapes of all weights, in the order in which they lie in memory. */
export const parameterShapes = (config: ModelConfig): ReadonlyMap<string, readonly number[]> => {
  const { hidden_size: d, vocab_size } = config;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [vocab_size, d]]]);
  const layer = layerShapes(config);
  for (let i = 0; i < config.num_hidden_layers; i += 1)
    for (const [name, shape] of layer) shapes.set(`model.layers.${i}.${name}`, shape);
  shapes.set("model.norm.weight", [d]);
  if (headOf(config) === "lm_head.weight") shapes.set("lm_head.weight", [vocab_size, d]);
  return shapes;
};

/** Whether a weight is that of a norm, from which `norm_offset` is missing in a checkpoint. */
export const isNorm = (name: string): boolean => /norm\.weight$/.test(name);
