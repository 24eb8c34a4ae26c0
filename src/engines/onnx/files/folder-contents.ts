import { createHash } from "node:crypto";
import { floatsOf } from "../carriers/runtime.ts";
import { isNorm, type ModelConfig } from "../model-config.ts";
import type { TokenizerJson } from "../text/tokenizer.ts";
import type { Weights } from "../weights.ts";
import type { Manifest } from "./manifest.ts";
import { encodeSafetensors } from "./safetensors.ts";
import { writeHubConfig } from "./write-hub-config.ts";

/** What a model folder is written from. */
export interface FolderParts {
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  readonly chatTemplate?: string;
  readonly endIds?: readonly number[];
  readonly weights: Weights;
}

/** The files of a model folder by name, without its manifest. Throws `StoreError` for a decoder that has no config.json. */
export const folderContents = ({
  config,
  tokenizer,
  tokenizerConfig,
  chatTemplate,
  endIds = [],
  weights,
}: FolderParts): ReadonlyMap<string, string | Uint8Array> => {
  const tensors = Object.fromEntries(
    [...weights.tensors].map(([name, tensor]) => {
      const data = isNorm(name) ? floatsOf(tensor).map((value) => value - (config.norm_offset ?? 0)) : floatsOf(tensor);
      return [name, { shape: [...tensor.shape], data }];
    }),
  );
  const files = new Map<string, string | Uint8Array>([
    ["config.json", `${JSON.stringify(writeHubConfig(config), null, 2)}\n`],
    ["tokenizer.json", `${JSON.stringify(tokenizer)}\n`],
    ["model.safetensors", encodeSafetensors(tensors)],
  ]);
  if (tokenizerConfig) files.set("tokenizer_config.json", `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
  if (chatTemplate !== undefined) files.set("chat_template.jinja", chatTemplate);
  if (endIds.length > 0) files.set("generation_config.json", `${JSON.stringify({ eos_token_id: endIds })}\n`);
  return files;
};

/** The text of the manifest of files that are in memory, as `writeManifest` writes it. */
export const manifestText = (
  files: ReadonlyMap<string, string | Uint8Array>,
  about: Readonly<Record<string, unknown>>,
): string => {
  const lines = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, content]) => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      return [name, { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length }] as const;
    });
  const manifest: Manifest = { schemaVersion: 1, files: Object.fromEntries(lines), about };
  return `${JSON.stringify(manifest, null, 2)}\n`;
};
