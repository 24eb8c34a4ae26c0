import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../../errors.ts";
import { verifyManifest, writeManifest } from "./manifest.ts";
import { type ModelConfig, parameterShapes } from "./model-config.ts";
import { floatsOf } from "./runtime.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import type { TokenizerJson } from "./tokenizer.ts";
import type { Weights } from "./weights.ts";

/** A model folder in the layout of Hugging Face: config.json, tokenizer.json, model.safetensors, and our manifest.json. */
export interface ModelFolder {
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  readonly tensors: Readonly<Record<string, Float32Array>>;
  readonly about: Readonly<Record<string, unknown>>;
}

const NUMBERS = [
  "hidden_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
  "intermediate_size",
  "vocab_size",
  "max_position_embeddings",
  "rms_norm_eps",
  "rope_theta",
] as const satisfies readonly (keyof ModelConfig)[];

/** Checks the contents of a config.json. Throws StoreError that names what is missing or out of range. */
export const parseConfig = (json: unknown, name: string): ModelConfig => {
  const given = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  if (given.model_type !== "llama") {
    throw new StoreError(`${name}: model_type is ${JSON.stringify(given.model_type)}; supported is "llama".`);
  }
  if (given.tie_word_embeddings !== true)
    throw new StoreError(`${name}: only tied embeddings are supported (tie_word_embeddings: true).`);
  const config = Object.fromEntries(
    NUMBERS.map((key) => {
      const value = given[key];
      const whole = key !== "rms_norm_eps" && key !== "rope_theta";
      if (typeof value !== "number" || !(value > 0) || value > 1e9 || (whole && !Number.isInteger(value))) {
        throw new StoreError(
          `${name}: ${key} must be a positive ${whole ? "whole " : ""}number, found ${JSON.stringify(value)}.`,
        );
      }
      return [key, value];
    }),
  ) as unknown as ModelConfig;
  if (config.num_attention_heads % config.num_key_value_heads !== 0 || config.head_dim % 16 !== 0) {
    // The runtime's attention kernel takes no other size of a head.
    throw new StoreError(
      `${name}: num_attention_heads must be a multiple of num_key_value_heads, and head_dim a multiple of 16.`,
    );
  }
  return config;
};

const readJson = async (path: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
};

/** Reads and checks a whole model folder: hashes against its manifest, config, shapes, finite numbers. */
export const readModelFolder = async (folder: string): Promise<ModelFolder> => {
  const { about } = await verifyManifest(folder);
  const config = parseConfig(await readJson(join(folder, "config.json")), join(folder, "config.json"));
  const tokenizer = (await readJson(join(folder, "tokenizer.json"))) as TokenizerJson;
  const file = join(folder, "model.safetensors");
  const bytes = await readFile(file).catch((cause) => {
    throw new StoreError(`Cannot read ${file}: ${messageOf(cause)}`, { cause });
  });
  const found = decodeSafetensors(bytes, file);
  const shapes = parameterShapes(config);
  const tensors: Record<string, Float32Array> = {};
  for (const [name, shape] of shapes) {
    const tensor = found[name];
    if (!tensor) throw new StoreError(`${file}: the tensor ${name} is missing.`);
    if (tensor.shape.join() !== shape.join())
      throw new StoreError(`${file}: ${name} has shape [${tensor.shape}], the config asks for [${shape}].`);
    if (!tensor.data.every(Number.isFinite))
      throw new StoreError(`${file}: ${name} holds numbers that are not finite.`);
    tensors[name] = tensor.data;
  }
  const unknown = Object.keys(found).filter((name) => !shapes.has(name));
  if (unknown.length > 0) throw new StoreError(`${file}: unknown tensors ${unknown.slice(0, 3).join(", ")}.`);
  return { config, tokenizer, tensors, about };
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
    weights,
    about,
  }: {
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
      [...weights.tensors].map(([name, tensor]) => [name, { shape: [...tensor.shape], data: floatsOf(tensor) }]),
    );
    const json = {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      tie_word_embeddings: true,
      hidden_act: "silu",
      attention_bias: false,
      mlp_bias: false,
      torch_dtype: "float32",
      ...config,
    };
    await writeFile(join(draft, "config.json"), `${JSON.stringify(json, null, 2)}\n`);
    await writeFile(join(draft, "tokenizer.json"), `${JSON.stringify(tokenizer)}\n`);
    await writeFile(join(draft, "model.safetensors"), encodeSafetensors(tensors));
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
