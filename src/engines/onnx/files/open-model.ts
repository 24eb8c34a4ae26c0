import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { messageOf, StoreError } from "../../../errors.ts";
import { openGguf } from "./gguf-file.ts";
import { openModelFolder, requireFinished } from "./hub-folder.ts";
import type { ModelFiles } from "./model-files.ts";

/**
 * Opens a model's files: a folder in the layout of Hugging Face, or one GGUF file. Reads and checks everything but the
 * numbers, which `tensors.read` fetches one tensor at a time; the caller closes `tensors`. Throws `StoreError`.
 */
export const openModelFiles = async (path: string): Promise<ModelFiles> => {
  const found = await stat(path).catch((cause) => {
    throw new StoreError(
      `There is no model at ${path}: ${messageOf(cause)}. Accepted are a folder with config.json, tokenizer.json and safetensors, or a .gguf file.`,
      { cause },
    );
  });
  requireFinished(path, [basename(resolve(path))]);
  return found.isDirectory() ? openModelFolder(path) : openGguf(path);
};
