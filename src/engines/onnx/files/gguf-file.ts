import { StoreError } from "../../../errors.ts";
import { defined } from "../../../options.ts";
import { type LayerType, type ModelConfig, type ModelType, parameterShapes } from "../model-config.ts";
import { endIdsOf } from "../text/end-ids.ts";
import { ggufTokenizer } from "../text/gguf-tokenizer.ts";
import { type Fields, fieldsOf } from "./fields.ts";
import { permuteHeads } from "./gguf-adapter.ts";
import { type GgufHeader, readGgufHeader } from "./gguf-header.ts";
import { parseGgufRope } from "./gguf-rope.ts";
import { checkConfig, gemmaParts } from "./hub-config.ts";
import type { ModelFiles, TensorSource } from "./model-files.ts";
import { openTensorFile, requireFinite, type TensorFile } from "./tensor-files.ts";

/** `general.architecture` of the files that can be opened. */
export const GGUF_ARCHITECTURES: ReadonlyMap<string, ModelType> = new Map([
  ["llama", "llama"],
  ["qwen2", "qwen2"],
  ["qwen3", "qwen3"],
  ["gemma3", "gemma3_text"],
]);

/** What llama.cpp calls the weights of a layer. */
const layerNames = (type: ModelType): ReadonlyMap<string, string> =>
  new Map([
    ["input_layernorm", "attn_norm"],
    ["self_attn.q_proj", "attn_q"],
    ["self_attn.k_proj", "attn_k"],
    ["self_attn.v_proj", "attn_v"],
    ["self_attn.o_proj", "attn_output"],
    ["self_attn.q_norm", "attn_q_norm"],
    ["self_attn.k_norm", "attn_k_norm"],
    ["mlp.gate_proj", "ffn_gate"],
    ["mlp.up_proj", "ffn_up"],
    ["mlp.down_proj", "ffn_down"],
    ...(type === "gemma3_text"
      ? ([
          ["post_attention_layernorm", "post_attention_norm"],
          ["pre_feedforward_layernorm", "ffn_norm"],
          ["post_feedforward_layernorm", "post_ffw_norm"],
        ] as const)
      : ([["post_attention_layernorm", "ffn_norm"]] as const)),
  ]);

const topNames: ReadonlyMap<string, string> = new Map([
  ["model.embed_tokens.weight", "token_embd.weight"],
  ["model.norm.weight", "output_norm.weight"],
  ["lm_head.weight", "output.weight"],
]);

/** The name in a GGUF file of a weight called as Hugging Face calls it. */
const ggufName = (name: string, layers: ReadonlyMap<string, string>): string => {
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  return part === undefined ? (topNames.get(name) ?? name) : `blk.${layer}.${layers.get(part) ?? part}.${kind}`;
};

/** Gemma's sliding layers: five in six, unless the file says otherwise by a period or layer by layer. */
const gemmaWindow = (given: Fields, layers: number): Pick<ModelConfig, "sliding_window" | "layer_types"> => {
  const key = "attention.sliding_window_pattern";
  const pattern = Array.isArray(given.get(key)) ? given.list(key) : undefined;
  const period = pattern ? 0 : given.whole(key, 6);
  const kindOf = (layer: number): LayerType =>
    (pattern ? pattern[layer] === true : (layer + 1) % period !== 0) ? "sliding_attention" : "full_attention";
  return {
    sliding_window: given.whole("attention.sliding_window"),
    layer_types: Array.from({ length: layers }, (_, layer) => kindOf(layer)),
  };
};

/** Metadata of decoders that the engine does not compute, with the value that means "not there". */
const refuseUnknownParts = (given: Fields): void => {
  for (const key of [
    "expert_count",
    "final_logit_softcapping",
    "attn_logit_softcapping",
    "logit_scale",
    "residual_scale",
    "embedding_scale",
    "attention.scale",
    "attention.clamp_kqv",
    "attention.temperature_scale",
  ]) {
    const value = given.get(key);
    if (value !== undefined && value !== 0)
      throw new StoreError(
        `${given.name}${key} is ${value}, which this engine does not compute; accepted is 0 (or no such key).`,
      );
  }
};

/** The decoder that the header describes. Throws `StoreError`. */
const configOf = ({ metadata, tensors }: GgufHeader, path: string, factors: Float32Array | undefined): ModelConfig => {
  const architecture = metadata["general.architecture"];
  const type = GGUF_ARCHITECTURES.get(String(architecture));
  if (!type)
    throw new StoreError(
      `${path}: architecture ${JSON.stringify(architecture)} is not supported; supported are ${[...GGUF_ARCHITECTURES.keys()].join(", ")}.`,
    );
  const prefix = `${architecture}.`;
  const parts = metadata["split.count"];
  if (typeof parts === "number" && parts > 1)
    throw new StoreError(
      `${path} is one of ${parts} parts; only whole files are read. Join them first: llama-gguf-split --merge.`,
    );
  const own = Object.entries(metadata).filter(([key]) => key.startsWith(prefix));
  const given = fieldsOf(
    Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])),
    `${path}: ${prefix}`,
  );
  refuseUnknownParts(given);
  const hidden_size = given.whole("embedding_length");
  const num_hidden_layers = given.whole("block_count");
  const num_attention_heads = given.whole("attention.head_count");
  const head_dim = given.whole("attention.key_length", hidden_size / num_attention_heads);
  for (const key of ["attention.value_length", "rope.dimension_count"])
    if (given.whole(key, head_dim) !== head_dim)
      throw new StoreError(
        `${given.name}${key} is ${given.get(key)}, the heads have ${head_dim} numbers: only equal sizes are supported.`,
      );
  const embedding = tensors.get("token_embd.weight");
  if (!embedding) throw new StoreError(`${path}: the tensor token_embd.weight is missing.`);
  const gemma = type === "gemma3_text";
  const max_position_embeddings = given.whole("context_length");
  const window = "attention.sliding_window";
  if (!gemma && given.has(window) && given.get(window) !== 0 && given.whole(window) < max_position_embeddings)
    throw new StoreError(
      `${given.name}${window} is ${given.get(window)}, but the file does not say which layers slide; supported for gemma3 only.`,
    );
  // Gemma 3 27B alone scales by the width of its model, not of its heads; llama.cpp tells it by its depth as well.
  const scale = gemma && num_hidden_layers === 62 ? 1 / Math.sqrt(hidden_size / num_attention_heads) : undefined;
  return checkConfig(
    {
      model_type: type,
      hidden_size,
      num_hidden_layers,
      num_attention_heads,
      num_key_value_heads: given.whole("attention.head_count_kv", num_attention_heads),
      head_dim,
      intermediate_size: given.whole("feed_forward_length"),
      vocab_size: embedding.shape[0] as number,
      max_position_embeddings,
      rms_norm_eps: given.positive("attention.layer_norm_rms_epsilon"),
      ...parseGgufRope(given, { type, headSize: head_dim, maxPositions: max_position_embeddings, factors }),
      tie_word_embeddings: !tensors.has("output.weight"),
      ...(tensors.has("blk.0.attn_q.bias") && { qkv_bias: true }),
      ...(tensors.has("blk.0.attn_output.bias") && { output_bias: true }),
      ...(tensors.has("blk.0.ffn_up.bias") && { mlp_bias: true }),
      ...((type === "qwen3" || gemma) && { qk_norm: true }),
      ...(gemma && {
        hidden_act: "gelu_pytorch_tanh" as const,
        ...gemmaParts(hidden_size),
        ...gemmaWindow(given, num_hidden_layers),
      }),
      ...defined({ attention_scale: scale }),
    },
    path,
  );
};

/** The tensors of the file, read when they are asked for; what the config asks for is all there, and nothing else. */
const tensorSource = (file: TensorFile, { tensors }: GgufHeader, config: ModelConfig): TensorSource => {
  const { path } = file;
  const layers = layerNames(config.model_type ?? "llama");
  const stored = new Map([...parameterShapes(config).keys()].map((name) => [name, ggufName(name, layers)]));
  for (const [name, shape] of parameterShapes(config)) {
    const place = tensors.get(stored.get(name) as string);
    if (!place) throw new StoreError(`${path}: the tensor ${stored.get(name)} (${name}) is missing.`);
    if (place.shape.join() !== shape.join())
      throw new StoreError(
        `${path}: ${stored.get(name)} has shape [${place.shape}], its metadata asks for [${shape}].`,
      );
  }
  const known = new Set([...stored.values(), "rope_freqs.weight"]);
  const unknown = [...tensors.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new StoreError(
      `${path}: unknown tensors ${unknown.slice(0, 3).join(", ")}; its metadata describes a model without them.`,
    );
  return {
    names: new Set(stored.keys()),
    read: async (name) => {
      const place = tensors.get(stored.get(name) ?? "");
      if (!place) throw new StoreError(`${path} has no tensor ${name}.`);
      // Norm weights of Gemma are stored with its 1 added already.
      const numbers = requireFinite(await file.numbers(place), name, path);
      const [, part] = /self_attn\.([qk])_proj\./.exec(name) ?? [];
      if (config.model_type !== "llama" || part === undefined) return numbers;
      const heads = part === "q" ? config.num_attention_heads : config.num_key_value_heads;
      return permuteHeads(numbers, { heads, columns: numbers.length / (heads * config.head_dim), back: true });
    },
    close: () => file.close(),
  };
};

/**
 * Opens a GGUF file: architecture, tokenizer and template from its metadata, tensors dequantised when they are read.
 * Throws `StoreError` that names what is not supported (architecture, quantisation, tokenizer) or damaged.
 */
export const openGguf = async (path: string): Promise<ModelFiles> => {
  const header = await readGgufHeader(path);
  const file = await openTensorFile(path);
  try {
    const factors = header.tensors.get("rope_freqs.weight");
    const config = configOf(header, path, factors && (await file.numbers(factors)));
    const { tokenizer, tokenizerConfig } = ggufTokenizer(header.metadata, config.vocab_size, path);
    const template = header.metadata["tokenizer.chat_template"];
    const chatTemplate = typeof template === "string" ? template : undefined;
    return {
      name: path,
      format: "gguf",
      config,
      tokenizer,
      tokenizerConfig,
      ...defined({ chatTemplate }),
      endIds: endIdsOf({
        declared: ["eos_token_id", "eot_token_id", "eom_token_id"].map(
          (key) => header.metadata[`tokenizer.ggml.${key}`],
        ),
        chatTemplate,
        tokenizer,
        vocabularySize: config.vocab_size,
      }),
      tensors: tensorSource(file, header, config),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
};
