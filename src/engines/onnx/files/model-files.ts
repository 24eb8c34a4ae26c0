import type { ModelConfig } from "../model-config.ts";
import type { TokenizerJson } from "../text/tokenizer.ts";

/** The numbers of a model, read one tensor at a time so that a large one never lies in memory twice. */
export interface TensorSource {
  /** Names of Hugging Face, as `parameterShapes` gives them. */
  readonly names: ReadonlySet<string>;
  /** A fresh float32 array in the layout of Hugging Face, dequantised, `norm_offset` added. Throws `StoreError`. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** What a model's files hold, whatever their format; the tensors are read later. */
export interface ModelFiles {
  /** The path or name that was opened. */
  readonly name: string;
  readonly format: "folder" | "gguf";
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  /** The contents of tokenizer_config.json. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  /** The text of the Jinja template. */
  readonly chatTemplate?: string;
  /** Ids that end a reply. */
  readonly endIds: readonly number[];
  readonly tensors: TensorSource;
}
