import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../../../errors.ts";
import { floatsOf } from "../carriers/runtime.ts";
import type { ModelConfig } from "../model-config.ts";
import type { TokenizerJson } from "../text/tokenizer.ts";
import type { Weights } from "../weights.ts";
import { isNorm, openModelFolder } from "./hub-folder.ts";
import { readManifest, verifyManifest, writeManifest } from "./manifest.ts";
import type { ModelFiles } from "./model-files.ts";
import { encodeSafetensors } from "./safetensors.ts";
import { writeHubConfig } from "./write-hub-config.ts";

/** A model folder in the layout of Hugging Face: config.json, tokenizer.json, model.safetensors, and our manifest.json. */
export interface ModelFolder {
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  readonly tensors: Readonly<Record<string, Float32Array>>;
  readonly about: Readonly<Record<string, unknown>>;
}

/** Reads and checks a whole model folder of ours: hashes against its manifest, config, shapes, finite numbers. */
export const readModelFolder = async (folder: string): Promise<ModelFolder> => {
  const { about } = await readManifest(folder);
  const { config, tokenizer, tensors: source } = await openModelFolder(folder);
  try {
    const tensors: Record<string, Float32Array> = {};
    for (const name of source.names) tensors[name] = await source.read(name);
    return { config, tokenizer, tensors, about };
  } finally {
    await source.close();
  }
};

/**
 * Writes a model folder beside its place and moves it there when it is complete. Refuses a folder that has something in
 * it, unless it is a whole model folder of ours, which is replaced.
 */
export const writeModelFolder = async (
  folder: string,
  {
    config,
    tokenizer,
    tokenizerConfig,
    chatTemplate,
    endIds = [],
    weights,
    about,
  }: Partial<Pick<ModelFiles, "tokenizerConfig" | "chatTemplate" | "endIds">> & {
    readonly config: ModelConfig;
    readonly tokenizer: TokenizerJson;
    readonly weights: Weights;
    readonly about: Readonly<Record<string, unknown>>;
  },
): Promise<void> => {
  const draft = `${folder}.tmp-${process.pid}`;
  try {
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    const tensors = Object.fromEntries(
      [...weights.tensors].map(([name, tensor]) => {
        const data = isNorm(name)
          ? floatsOf(tensor).map((value) => value - (config.norm_offset ?? 0))
          : floatsOf(tensor);
        return [name, { shape: [...tensor.shape], data }];
      }),
    );
    await writeFile(join(draft, "config.json"), `${JSON.stringify(writeHubConfig(config), null, 2)}\n`);
    await writeFile(join(draft, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
    await writeFile(join(draft, "model.safetensors"), encodeSafetensors(tensors));
    if (tokenizerConfig)
      await writeFile(join(draft, "tokenizer_config.json"), `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
    if (chatTemplate !== undefined) await writeFile(join(draft, "chat_template.jinja"), chatTemplate);
    if (endIds.length > 0)
      await writeFile(join(draft, "generation_config.json"), `${JSON.stringify({ eos_token_id: endIds })}\n`);
    await writeManifest(draft, about);
    const old = await verifyManifest(folder).then(
      () => true,
      () => false,
    );
    if (old) await rm(folder, { recursive: true });
    await rename(draft, folder);
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new StoreError(`Cannot write the model folder ${folder}: ${messageOf(cause)}`, { cause });
  }
};
