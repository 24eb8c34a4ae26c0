import { createEngine, trainTokenizer } from "../../src/engines/onnx/index.ts";

const CHAT_ML = `{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;

const [END_OF_TEXT, START, END] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

interface SmallQwen3 {
  /** What the vocabulary is made from. */
  readonly texts: readonly string[];
  readonly vocabularySize: number;
  readonly seed: number;
  /** @default 64 */
  readonly hiddenSize?: number;
  /** @default 2 */
  readonly layers?: number;
}

/** A Qwen3 of fresh weights with Qwen's chat template, which transformers, vLLM and SkyRL read as they read a large one. */
export const smallQwen3 = ({ texts, vocabularySize, seed, hiddenSize = 64, layers = 2 }: SmallQwen3) => {
  const special = [END_OF_TEXT, START, END];
  const tokenizer = trainTokenizer(texts, { vocabularySize, special, atMost: true });
  return createEngine({
    name: "small-qwen3",
    config: {
      model_type: "qwen3",
      qk_norm: true,
      hidden_size: hiddenSize,
      num_hidden_layers: layers,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      head_dim: hiddenSize / 4,
      intermediate_size: 2 * hiddenSize,
      vocab_size: Object.keys(tokenizer.model.vocab).length,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      tie_word_embeddings: false,
    },
    tokenizer,
    tokenizerConfig: { tokenizer_class: "PreTrainedTokenizerFast", eos_token: END, pad_token: END_OF_TEXT },
    chatTemplate: CHAT_ML,
    endIds: [special.indexOf(END)],
    seed,
  });
};
