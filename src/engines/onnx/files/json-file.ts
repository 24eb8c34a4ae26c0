import { readFile, stat } from "node:fs/promises";
import { type JsonLimits, parseLargeJson } from "../../../bounded-json.ts";
import { messageOf, StoreError } from "../../../errors.ts";

export interface JsonFileLimits extends JsonLimits {
  readonly bytes: number;
}

/** A file of settings. */
const SETTINGS: JsonFileLimits = { bytes: 4_000_000, values: 50_000 };
/** The list of a model's tensors: the largest models have a hundred thousand. */
const INDEX_FILE: JsonFileLimits = { bytes: 50_000_000, values: 500_000 };
/** A tokenizer.json: a vocabulary of 262,000 tokens has 33 MB and two million values. */
const TOKENIZER: JsonFileLimits = { bytes: 100_000_000, values: 6_000_000 };

/** The limits of a model's file, by its name. */
export const limitsOf = (name: string): JsonFileLimits => {
  if (name.endsWith(".index.json")) return INDEX_FILE;
  return /(^|[\\/])tokenizer\.json$/.test(name) ? TOKENIZER : SETTINGS;
};

/** A JSON file of somebody else: its size, depth and number of values are bounded before it is parsed. Throws `StoreError`. */
export const readJsonFile = async (path: string, limits = limitsOf(path)): Promise<unknown> => {
  try {
    const { size } = await stat(path);
    if (size > limits.bytes) throw new StoreError(`${path} has ${size} bytes; accepted are ${limits.bytes}.`);
    return await parseLargeJson(await readFile(path, "utf8"), limits);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
};
