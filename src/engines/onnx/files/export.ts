import { rm } from "node:fs/promises";
import { ConfigError, StoreError } from "../../../errors.ts";
import {
  abortSignal,
  callback,
  defined,
  name,
  number,
  objectWith,
  oneOf,
  type Rule,
  required,
  ruleOf,
  text,
} from "../../../options.ts";
import { loraShapes } from "../lora.ts";
import { isNorm } from "../model-config.ts";
import { readAdapter, writeAdapterTensors } from "./adapter-files.ts";
import { readGgufAdapter, writeGgufAdapter } from "./gguf-adapter.ts";
import { type Adapter, type MergeOptions, mergedTensor, writeMergedModel } from "./merge.ts";
import type { ModelFiles } from "./model-files.ts";
import { openModelFiles } from "./open-model.ts";
import { roundTo, type WrittenType } from "./safetensors-writer.ts";

/** PEFT folder, GGUF file for llama.cpp, or the base with the adapter in it. */
export type ExportFormat = "peft" | "gguf" | "merged";

const anExport: Rule = (value, of) =>
  ruleOf<ExportOptions>({
    format: required(oneOf("peft", "gguf", "merged")),
    out: required(name),
    files: required(objectWith("the open files of a model")),
    adapter: objectWith("an adapter"),
    baseName: required(text),
    type: oneOf("float32", "bfloat16"),
    about: required(objectWith("an object")),
    abortSignal,
    onTensor: callback,
    maxFileBytes: number(),
  })(value, of);

export interface ExportOptions extends Pick<MergeOptions, "abortSignal" | "onTensor" | "maxFileBytes"> {
  readonly format: ExportFormat;
  readonly out: string;
  /** The base, open. */
  readonly files: ModelFiles;
  /** Needed for all but `merged`. */
  readonly adapter?: Adapter | undefined;
  /** What others know the base as. */
  readonly baseName: string;
  /** Of `merged`. @default "float32" */
  readonly type?: WrittenType;
  readonly about: Readonly<Record<string, unknown>>;
}

const adapterOf = ({ adapter, format }: ExportOptions): Adapter => {
  if (adapter === undefined)
    throw new ConfigError(
      `There is no adapter to write as ${format}: these are all weights of a model. Accepted is --format merged.`,
    );
  return adapter;
};

/**
 * Writes an adapter in a format that other programs load, and proves it by reading it back. What does not prove is
 * removed. Throws `ConfigError` where something else than an export of ours stands, `StoreError` otherwise.
 *
 * @example
 * ```ts
 * import { type ExportOptions, exportAdapter } from "agentflow/engines/onnx";
 *
 * const write = async (options: ExportOptions): Promise<void> => {
 *   const { tensors } = await exportAdapter(options);
 *   console.log(`${tensors} tensors written to ${options.out}`);
 * };
 * ```
 */
export const exportAdapter = async (options: ExportOptions): Promise<{ readonly tensors: number }> => {
  anExport(options, "exportAdapter");
  const { format, out, files, baseName, about, adapter } = options;
  if (format === "peft")
    await writeAdapterTensors(out, { config: files.config, ...adapterOf(options), baseName, about });
  else if (format === "gguf")
    await writeGgufAdapter(out, { config: files.config, ...adapterOf(options), baseName, about });
  else {
    const { type, maxFileBytes, abortSignal, onTensor } = options;
    await writeMergedModel(out, {
      files,
      adapter,
      about: { ...about, base: baseName },
      ...(type && { type }),
      ...defined({ maxFileBytes }),
      ...(abortSignal && { abortSignal }),
      ...(onTensor && { onTensor }),
    });
  }
  try {
    return await verifyExport(options);
  } catch (error) {
    await rm(out, { recursive: true, force: true });
    throw error;
  }
};

/** Two arrays with the same bits, but for the sign of zero. */
const same = (a: Float32Array | undefined, b: Float32Array): boolean =>
  a?.length === b.length && b.every((value, i) => value === a[i]);

/**
 * Reads an export back and holds every number against what should be there: exactly, for `merged` after rounding to its
 * type. Throws `StoreError` that names the first difference.
 *
 * @example
 * ```ts
 * import { type ExportOptions, exportAdapter, verifyExport } from "agentflow/engines/onnx";
 *
 * const writeAndVerify = async (options: ExportOptions): Promise<number> => {
 *   await exportAdapter(options);
 *   return (await verifyExport(options)).tensors;
 * };
 * ```
 */
export const verifyExport = async (options: ExportOptions): Promise<{ readonly tensors: number }> => {
  anExport(options, "verifyExport");
  const { format, out, files, type = "float32", abortSignal } = options;
  const differs = (what: string): StoreError =>
    new StoreError(`The export ${out} does not give back what was written: ${what} differs. Is the disk damaged?`);
  if (format !== "merged") {
    const { lora, tensors } = adapterOf(options);
    const read = format === "peft" ? await readAdapter(out, files.config) : await readGgufAdapter(out, files.config);
    const { rank, targets, alpha } = read.lora;
    // A GGUF file keeps alpha as float32.
    const kept = format === "gguf" ? Math.fround(lora.alpha) : lora.alpha;
    if (rank !== lora.rank || alpha !== kept || targets.join() !== lora.targets.join())
      throw differs("its configuration");
    for (const name of loraShapes(files.config, lora).keys())
      if (!same(read.tensors[name], tensors[name] ?? new Float32Array())) throw differs(name);
    return { tensors: Object.keys(read.tensors).length };
  }
  const read = await openModelFiles(out);
  try {
    for (const name of files.tensors.names) {
      abortSignal?.throwIfAborted();
      const expected = roundTo(type, await mergedTensor(files, options.adapter, name));
      const offset = isNorm(name) ? (files.config.norm_offset ?? 0) : 0;
      if (!same(await read.tensors.read(name), offset === 0 ? expected : expected.map((value) => value + offset)))
        throw differs(name);
    }
    return { tensors: files.tensors.names.size };
  } finally {
    await read.tensors.close();
  }
};
