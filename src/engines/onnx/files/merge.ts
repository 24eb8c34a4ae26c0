import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../../../errors.ts";
import { elementsOf } from "../carriers/runtime.ts";
import { type LoraConfig, loraNames } from "../lora.ts";
import { isNorm, parameterShapes } from "../model-config.ts";
import type { AdapterFolder } from "./adapter-files.ts";
import type { ModelFiles } from "./model-files.ts";
import { bytesPerNumber, safetensorsParts, type WrittenType } from "./safetensors-writer.ts";
import { writeSynced, writeWholeFolder } from "./whole-folder.ts";
import { writeHubConfig } from "./write-hub-config.ts";

/** An adapter without its files. */
export type Adapter = Pick<AdapterFolder, "lora" | "tensors">;

export interface MergeOptions {
  readonly files: ModelFiles;
  /** Without one the base is written as it is. */
  readonly adapter?: Adapter | undefined;
  /** @default "float32" */
  readonly type?: WrittenType;
  readonly about: Readonly<Record<string, unknown>>;
  /** Bytes of weights in one file, a tensor at least. @default 2 GB */
  readonly maxFileBytes?: number;
  readonly abortSignal?: AbortSignal;
  /** Told how many of all tensors are done. */
  readonly onTensor?: (done: number, total: number) => void;
}

/** Files beside the weights that are taken over as they are. */
const COPIED = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "generation_config.json",
  "chat_template.jinja",
  "chat_template.json",
];

/** Adds (alpha/rank)·B·A to a weight [out, in], in place; sums are kept in double precision and rounded once. */
export const addLowRank = (
  weight: Float32Array,
  { rank, alpha }: Pick<LoraConfig, "rank" | "alpha">,
  a: Float32Array,
  b: Float32Array,
): void => {
  const into = a.length / rank;
  const scale = alpha / rank;
  const row = new Float64Array(into);
  for (let out = 0; out < weight.length / into; out += 1) {
    row.fill(0);
    for (let r = 0; r < rank; r += 1) {
      const factor = b[out * rank + r] as number;
      for (let i = 0; i < into; i += 1) row[i] = (row[i] as number) + factor * (a[r * into + i] as number);
    }
    for (let i = 0; i < into; i += 1)
      weight[out * into + i] = (weight[out * into + i] as number) + scale * (row[i] as number);
  }
};

/** A tensor of the base with the adapter in it, as a Hugging Face folder stores it (`norm_offset` is gone again). */
export const mergedTensor = async (
  { config, tensors }: Pick<ModelFiles, "config" | "tensors">,
  adapter: Adapter | undefined,
  name: string,
): Promise<Float32Array> => {
  const numbers = await tensors.read(name);
  const offset = isNorm(name) ? (config.norm_offset ?? 0) : 0;
  if (offset !== 0) for (let i = 0; i < numbers.length; i += 1) numbers[i] = (numbers[i] as number) - offset;
  const [, layer, linear] = /^(model\.layers\.\d+)\.(.+)\.weight$/.exec(name) ?? [];
  if (adapter === undefined || layer === undefined || linear === undefined) return numbers;
  if (!adapter.lora.targets.includes(linear)) return numbers;
  const names = loraNames(layer, linear);
  const [a, b] = [adapter.tensors[names.a], adapter.tensors[names.b]];
  if (a === undefined || b === undefined) throw new StoreError(`The adapter has no tensors for ${name}.`);
  addLowRank(numbers, adapter.lora, a, b);
  return numbers;
};

type Shapes = ReadonlyMap<string, readonly number[]>;

/** The tensors in files of a bounded size, in their order. */
const shardsOf = (shapes: Shapes, type: WrittenType, maxBytes: number): Shapes[] => {
  const shards: Map<string, readonly number[]>[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [name, shape] of shapes) {
    const size = bytesPerNumber(type) * elementsOf(shape);
    if (bytes + size > maxBytes) {
      shards.push(new Map());
      bytes = 0;
    }
    shards.at(-1)?.set(name, shape);
    bytes += size;
  }
  return shards;
};

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** Tokenizer, template and end ids: the base's own files where it is a folder, else what it was read as. */
const writeSmallFiles = async (draft: string, files: ModelFiles): Promise<void> => {
  if (files.format === "folder") {
    for (const name of COPIED) {
      const from = join(files.name, name);
      if (await stat(from).catch(() => undefined)) await writeSynced(join(draft, name), [await readFile(from)]);
    }
    return;
  }
  const { tokenizer, tokenizerConfig, chatTemplate, endIds } = files;
  await writeSynced(join(draft, "tokenizer.json"), [`${JSON.stringify(tokenizer)}\n`]);
  await writeSynced(join(draft, "tokenizer_config.json"), [json(tokenizerConfig)]);
  if (chatTemplate !== undefined) await writeSynced(join(draft, "chat_template.jinja"), [chatTemplate]);
  if (endIds.length > 0) await writeSynced(join(draft, "generation_config.json"), [json({ eos_token_id: endIds })]);
};

/**
 * Writes a base and an adapter as one model folder of Hugging Face, one tensor at a time, whole or not at all. Throws
 * `StoreError`; an older folder of ours is replaced, another one is a `ConfigError`.
 */
export const writeMergedModel = (
  folder: string,
  { files, adapter, type = "float32", about, maxFileBytes = 2e9, abortSignal, onTensor }: MergeOptions,
): Promise<void> => {
  const shapes = parameterShapes(files.config);
  const shards = shardsOf(shapes, type, maxFileBytes);
  const nameOf = (index: number): string =>
    shards.length === 1
      ? "model.safetensors"
      : `model-${String(index + 1).padStart(5, "0")}-of-${String(shards.length).padStart(5, "0")}.safetensors`;
  let done = 0;
  return writeWholeFolder(folder, { kind: "model", base: files.name, ...about }, async (draft) => {
    const ends = files.endIds.length > 0 ? { eos_token_id: files.endIds } : {};
    const config = { ...writeHubConfig(files.config), ...ends, torch_dtype: type };
    await writeSynced(join(draft, "config.json"), [json(config)]);
    await writeSmallFiles(draft, files);
    for (const [index, shard] of shards.entries()) {
      const parts = safetensorsParts(shard, type, async (name) => {
        abortSignal?.throwIfAborted();
        const numbers = await mergedTensor(files, adapter, name);
        done += 1;
        onTensor?.(done, shapes.size);
        return numbers;
      });
      await writeSynced(join(draft, nameOf(index)), parts);
    }
    if (shards.length === 1) return;
    const weight_map = Object.fromEntries(
      shards.flatMap((shard, index) => [...shard.keys()].map((name) => [name, nameOf(index)])),
    );
    const total_size = bytesPerNumber(type) * [...shapes.values()].reduce((sum, shape) => sum + elementsOf(shape), 0);
    await writeSynced(join(draft, "model.safetensors.index.json"), [json({ metadata: { total_size }, weight_map })]);
  });
};
