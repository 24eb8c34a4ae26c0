import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../../../bounded-json.ts";
import { messageOf, StoreError } from "../../../errors.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { type LoraConfig, loraNames, loraShapes } from "../lora.ts";
import { linearShapes, type ModelConfig } from "../model-config.ts";
import type { Weights } from "../weights.ts";
import { verifyManifest } from "./manifest.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { writeSynced, writeWholeFolder } from "./whole-folder.ts";

/** An adapter and what it belongs to, in the layout of PEFT: adapter_config.json and adapter_model.safetensors. */
export interface AdapterFolder {
  readonly lora: LoraConfig;
  /** By the names of `loraShapes`. */
  readonly tensors: Readonly<Record<string, Float32Array>>;
  /** What adapter_config.json calls the base: a path or a repository. */
  readonly baseName: string;
  /** What the manifest says of where it comes from; empty for a folder that another tool wrote. */
  readonly about: Readonly<Record<string, unknown>>;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
/** What PEFT puts before the names of the base model. */
const PREFIX = "base_model.model.";
/** A configuration beyond this is not a configuration. */
const MAX_CONFIG_BYTES = 1_000_000;

/** The bare names that PEFT matches the ends of module names with. */
const bareName = (target: string): string => target.slice(target.lastIndexOf(".") + 1);

/** The contents of an adapter_config.json, as PEFT and vLLM read it. */
const adapterConfigJson = (lora: LoraConfig, baseName: string): Readonly<Record<string, unknown>> => ({
  peft_type: "LORA",
  task_type: "CAUSAL_LM",
  base_model_name_or_path: baseName,
  revision: null,
  inference_mode: true,
  r: lora.rank,
  lora_alpha: lora.alpha,
  lora_dropout: 0,
  target_modules: lora.targets.map(bareName),
  bias: "none",
  fan_in_fan_out: false,
  init_lora_weights: true,
  modules_to_save: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  use_rslora: false,
  use_dora: false,
});

/** Whether a folder holds an adapter rather than a whole model. */
export const isAdapterFolder = (folder: string): Promise<boolean> =>
  stat(join(folder, CONFIG)).then(
    (found) => found.isFile(),
    () => false,
  );

interface AdapterContent {
  readonly config: ModelConfig;
  readonly lora: LoraConfig;
  /** What PEFT shall load the adapter over: a path or a repository. */
  readonly baseName: string;
  readonly about: Readonly<Record<string, unknown>>;
}

/** Writes an adapter as a PEFT folder, whole or not at all; an older folder of ours is replaced. */
export const writeAdapter = (
  folder: string,
  { weights, ...content }: AdapterContent & { readonly weights: Pick<Weights, "tensors"> },
): Promise<void> => {
  const tensors = [...weights.tensors].map(([name, tensor]) => [name, floatsOf(tensor)] as const);
  return writeAdapterTensors(folder, { ...content, tensors: Object.fromEntries(tensors) });
};

/** `writeAdapter` for plain arrays. */
export const writeAdapterTensors = (
  folder: string,
  { config, lora, tensors, about, baseName }: AdapterContent & Pick<AdapterFolder, "tensors">,
): Promise<void> => {
  const named = Object.fromEntries(
    [...loraShapes(config, lora)].map(([name, shape]) => {
      const data = tensors[name];
      if (data === undefined) throw new StoreError(`Cannot write the adapter ${folder}: it has no tensor ${name}.`);
      return [PREFIX + name, { shape, data }];
    }),
  );
  return writeWholeFolder(folder, { kind: "adapter", base: baseName, ...about }, async (draft) => {
    await writeSynced(join(draft, CONFIG), [`${JSON.stringify(adapterConfigJson(lora, baseName), null, 2)}\n`]);
    // PEFT and transformers ask the header for the framework.
    await writeSynced(join(draft, WEIGHTS), [encodeSafetensors(named, { format: "pt" })]);
  });
};

/** Options of PEFT that change what an adapter computes, with the values that leave it a plain one. */
const PLAIN: Readonly<Record<string, readonly unknown[]>> = {
  peft_type: ["LORA"],
  bias: ["none", undefined],
  use_dora: [false, undefined],
  fan_in_fan_out: [false, undefined],
  lora_bias: [false, undefined],
  modules_to_save: [null, undefined],
  layers_to_transform: [null, undefined],
  target_parameters: [null, undefined],
  trainable_token_indices: [null, undefined],
  rank_pattern: [undefined],
  alpha_pattern: [undefined],
  megatron_config: [null, undefined],
};

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Checks an adapter_config.json: rank, alpha (with `use_rslora` folded into it) and the base's name. */
const parseAdapterConfig = (
  json: unknown,
  file: string,
): { readonly rank: number; readonly alpha: number; readonly baseName: string; readonly targets: unknown } => {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new StoreError(`${file} is damaged: it holds no object.`);
  const given = json as Readonly<Record<string, unknown>>;
  for (const [option, plain] of Object.entries(PLAIN)) {
    const value = Object.hasOwn(given, option) ? given[option] : undefined;
    if (!plain.includes(value) && !isEmpty(value))
      throw new StoreError(
        `${file}: ${option} is ${JSON.stringify(value)}, which is not supported; a plain LoRA adapter of linears is.`,
      );
  }
  const { r: rank, lora_alpha: alpha, base_model_name_or_path: baseName, target_modules: targets } = given;
  if (typeof rank !== "number" || !Number.isInteger(rank) || rank < 1)
    throw new StoreError(`${file}: r is ${JSON.stringify(rank)}; accepted is a whole number from 1.`);
  if (typeof alpha !== "number" || !(alpha > 0) || !Number.isFinite(alpha))
    throw new StoreError(`${file}: lora_alpha is ${JSON.stringify(alpha)}; accepted is a number above 0.`);
  return {
    rank,
    // rsLoRA scales by alpha/√r: the same as alpha·√r over r.
    alpha: given.use_rslora === true ? alpha * Math.sqrt(rank) : alpha,
    baseName: typeof baseName === "string" ? baseName : "",
    targets,
  };
};

const readConfig = async (file: string): Promise<unknown> => {
  try {
    const { size } = await stat(file);
    if (size > MAX_CONFIG_BYTES) throw new StoreError(`${file} has ${size} bytes; accepted are ${MAX_CONFIG_BYTES}.`);
    return parseJson(await readFile(file, "utf8"));
  } catch (cause) {
    throw unreadable(file, cause);
  }
};

const unreadable = (path: string, cause: unknown): StoreError =>
  cause instanceof StoreError
    ? cause
    : new StoreError(
        `${path} holds no adapter that can be read: accepted are ${CONFIG} and ${WEIGHTS} as PEFT writes them (${messageOf(cause)}).`,
        { cause },
      );

/** Which base an adapter says that it belongs to; empty when it says nothing. Throws `StoreError` without an adapter. */
export const readAdapterBase = async (folder: string): Promise<string> => {
  const file = join(folder, CONFIG);
  return parseAdapterConfig(await readConfig(file), file).baseName;
};

/**
 * Reads an adapter: one of ours, whose hashes are checked, or one that PEFT wrote. Throws `StoreError` when files are
 * missing or damaged, when a tensor does not fit the model or is not finite, and for options that are not supported.
 */
export const readAdapter = async (folder: string, config: ModelConfig): Promise<AdapterFolder> => {
  const ours = await stat(join(folder, "manifest.json")).then(
    () => true,
    () => false,
  );
  const about = ours ? (await verifyManifest(folder)).about : {};
  const configFile = join(folder, CONFIG);
  const file = join(folder, WEIGHTS);
  const json = await readConfig(configFile);
  const bytes = await readFile(file).catch((cause) => {
    throw unreadable(file, cause);
  });
  const { rank, alpha, baseName, targets: listed } = parseAdapterConfig(json, configFile);
  const found = decodeSafetensors(bytes, file);
  const stranger = Object.keys(found).find((name) => !name.startsWith(PREFIX));
  if (stranger !== undefined)
    throw new StoreError(
      `${file}: the tensor ${stranger} is not called ${PREFIX}…, as PEFT calls those of an adapter.`,
    );

  // What was adapted stands in the tensors' names; the list may be a pattern.
  const known = [...linearShapes(config).keys()];
  const targets = known.filter((linear) => Object.hasOwn(found, PREFIX + loraNames("model.layers.0", linear).a));
  const lora: LoraConfig = { rank, alpha, targets };
  const missing = Array.isArray(listed)
    ? listed.find((name) => !targets.some((target) => target === name || bareName(target) === bareName(String(name))))
    : undefined;
  if (targets.length === 0 || missing !== undefined)
    throw new StoreError(
      `${file} has no tensors for ${String(missing ?? "any linear of the model")}: accepted are ${known.map(bareName).join(", ")} of every layer.`,
    );
  const tensors: Record<string, Float32Array> = {};
  for (const [name, shape] of loraShapes(config, lora)) {
    const tensor = found[PREFIX + name];
    if (tensor === undefined) throw new StoreError(`${file}: the tensor ${PREFIX}${name} is missing.`);
    if (tensor.shape.join() !== shape.join())
      throw new StoreError(
        `${file}: ${PREFIX}${name} has the shape [${tensor.shape.join(", ")}]; this model and r = ${rank} ask for [${shape.join(", ")}]. Is it an adapter of another model?`,
      );
    if (!tensor.data.every(Number.isFinite))
      throw new StoreError(`${file}: ${PREFIX}${name} holds numbers that are not finite.`);
    tensors[name] = tensor.data;
  }
  const unknown = Object.keys(found).find((name) => !Object.hasOwn(tensors, name.slice(PREFIX.length)));
  if (unknown !== undefined)
    throw new StoreError(`${file}: the tensor ${unknown} belongs to nothing that this model adapts.`);
  return { lora, tensors, baseName, about };
};
