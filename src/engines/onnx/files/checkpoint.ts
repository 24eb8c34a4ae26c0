import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../../../errors.ts";
import { makeFolder } from "../../../files/make-folder.ts";
import type { ModelConfig } from "../model-config.ts";
import type { TokenizerJson } from "../text/tokenizer.ts";
import { type FolderParts, folderContents } from "./folder-contents.ts";
import { openModelFolder } from "./hub-folder.ts";
import { readManifest, verifyManifest, writeManifest } from "./manifest.ts";

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
  { about, ...contents }: FolderParts & { readonly about: Readonly<Record<string, unknown>> },
): Promise<void> => {
  const draft = `${folder}.tmp-${process.pid}`;
  try {
    await rm(draft, { recursive: true, force: true });
    await makeFolder(draft);
    for (const [name, content] of folderContents(contents)) await writeFile(join(draft, name), content);
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
