import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf, StoreError } from "../../../errors.ts";
import { defined } from "../../../options.ts";
import { isNorm, type ModelConfig, parameterShapes } from "../model-config.ts";
import { endIdsOf } from "../text/end-ids.ts";
import { fitTokenizer, type TokenizerJson } from "../text/tokenizer.ts";
import { isRecord } from "./fields.ts";
import { parseHubConfig } from "./hub-config.ts";
import { readJsonFile } from "./json-file.ts";
import { verifyManifest } from "./manifest.ts";
import type { ModelFiles, TensorSource } from "./model-files.ts";
import { openSafetensors } from "./safetensors.ts";
import { requireFinite, type TensorFile, type TensorPlace } from "./tensor-files.ts";

/** Names under which downloads and our own writer keep what is not complete yet. */
const UNFINISHED = /\.(incomplete|part|partial|crdownload|download|aria2|tmp)$|\.tmp-\d+$/;

/** Tensors that a text decoder does not need: tied heads, tables of old checkpoints, the eyes of Gemma 3. */
const IGNORED =
  /^lm_head\.weight$|rotary_emb\.inv_freq$|^(model\.)?(vision_tower|multi_modal_projector|vision_model)\./;

/** Where checkpoints keep the decoder, the plain place first; `lm_head.` stands beside `model.`. */
const PREFIXES = [
  { decoder: "model.", head: "" },
  { decoder: "language_model.model.", head: "language_model." },
  { decoder: "model.language_model.", head: "" },
  { decoder: "", head: "" },
] as const;

/** Throws `StoreError` when one of the names is that of something that is still being written. */
export const requireFinished = (path: string, names: readonly string[]): void => {
  const draft = names.find((name) => UNFINISHED.test(name));
  if (draft !== undefined)
    throw new StoreError(
      `${path} is not complete: ${draft} says that it is still being written. Wait until that has ended, or download it again.`,
    );
};

/** The names in a folder that is complete by its names, downloads beside it included. */
const listFinished = async (folder: string): Promise<ReadonlySet<string>> => {
  const names = await readdir(folder).catch((cause) => {
    throw new StoreError(`Cannot read ${folder}: ${messageOf(cause)}`, { cause });
  });
  const downloads = names.includes(".cache")
    ? await readdir(join(folder, ".cache", "huggingface", "download")).catch(() => [])
    : [];
  requireFinished(folder, [...names, ...downloads]);
  return new Set(names);
};

/** The safetensors files of a folder: one, or those that the index lists. */
const weightFiles = async (folder: string, names: ReadonlySet<string>): Promise<readonly string[]> => {
  const index = "model.safetensors.index.json";
  if (!names.has(index)) {
    if (names.has("model.safetensors")) return ["model.safetensors"];
    const other = [...names].filter((name) => /\.(bin|pt|pth|h5|gguf)$/.test(name))[0];
    throw new StoreError(
      `${folder} has neither model.safetensors nor ${index}${other ? ` (it has ${other})` : ""}; a model folder needs one of them. A GGUF file is opened by its own path.`,
    );
  }
  const json = await readJsonFile(join(folder, index));
  const map = isRecord(json) && isRecord(json.weight_map) ? json.weight_map : {};
  const files = [...new Set(Object.values(map))].sort();
  if (files.length === 0) throw new StoreError(`${join(folder, index)} is damaged: its weight_map lists no file.`);
  return files.map((file) => {
    if (typeof file !== "string" || file !== basename(file) || !file.endsWith(".safetensors"))
      throw new StoreError(
        `${join(folder, index)} names the file ${JSON.stringify(file)}; accepted are *.safetensors beside it.`,
      );
    if (!names.has(file))
      throw new StoreError(`${folder} is not complete: ${file}, which ${index} lists, is missing. Download it again.`);
    return file;
  });
};

/** The name in the checkpoint of each tensor that the config asks for. */
const checkpointNames = (
  config: ModelConfig,
  places: ReadonlyMap<string, unknown>,
  folder: string,
): ReadonlyMap<string, string> => {
  const prefix = PREFIXES.find(({ decoder }) => places.has(`${decoder}embed_tokens.weight`));
  if (!prefix) throw new StoreError(`${folder}: the tensor model.embed_tokens.weight is missing.`);
  return new Map(
    [...parameterShapes(config).keys()].map((name) => [
      name,
      name.startsWith("model.") ? prefix.decoder + name.slice("model.".length) : prefix.head + name,
    ]),
  );
};

/** The tensors of a folder, read when they are asked for. What the config asks for is all there, in its shape, and nothing else. */
const openTensors = async (folder: string, names: ReadonlySet<string>, config: ModelConfig): Promise<TensorSource> => {
  const files: TensorFile[] = [];
  const close = async (): Promise<void> => {
    for (const file of files.splice(0)) await file.close();
  };
  try {
    const places = new Map<string, { readonly file: TensorFile; readonly place: TensorPlace }>();
    for (const name of await weightFiles(folder, names)) {
      const { file, places: found } = await openSafetensors(join(folder, name));
      files.push(file);
      for (const [tensor, place] of found) {
        if (places.has(tensor)) throw new StoreError(`${folder} is damaged: two of its files hold ${tensor}.`);
        places.set(tensor, { file, place });
      }
    }
    const stored = checkpointNames(config, places, folder);
    for (const [name, shape] of parameterShapes(config)) {
      const found = places.get(stored.get(name) as string);
      if (!found) throw new StoreError(`${folder}: the tensor ${stored.get(name)} is missing.`);
      if (found.place.shape.join() !== shape.join())
        throw new StoreError(
          `${found.file.path}: ${stored.get(name)} has shape [${found.place.shape}], the config asks for [${shape}].`,
        );
    }
    const known = new Set(stored.values());
    const unknown = [...places.keys()].filter(
      (name) => !known.has(name) && !IGNORED.test(name.replace(/^language_model\./, "")),
    );
    if (unknown.length > 0)
      throw new StoreError(
        `${folder}: unknown tensors ${unknown.slice(0, 3).join(", ")}; its config.json describes a model without them.`,
      );
    return {
      names: new Set(stored.keys()),
      read: async (name) => {
        const found = places.get(stored.get(name) ?? "");
        if (!found) throw new StoreError(`${folder} has no tensor ${name}.`);
        const numbers = await found.file.numbers(found.place);
        const offset = isNorm(name) ? (config.norm_offset ?? 0) : 0;
        if (offset !== 0) for (let i = 0; i < numbers.length; i += 1) numbers[i] = (numbers[i] as number) + offset;
        return requireFinite(numbers, name, found.file.path);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const readTokenizer = async (path: string, vocabularySize: number): Promise<TokenizerJson> => {
  const json = await readJsonFile(path);
  if (!isRecord(json) || !isRecord(json.model) || !isRecord(json.model.vocab) || !Array.isArray(json.added_tokens))
    throw new StoreError(
      `${path} is not a tokenizer that is supported: it needs model.vocab (of a BPE) and added_tokens.`,
    );
  return fitTokenizer(json as unknown as TokenizerJson, vocabularySize);
};

/** The Jinja text: its own file, or the one in tokenizer_config.json (one text, or several under names). */
const chatTemplateOf = async (
  folder: string,
  names: ReadonlySet<string>,
  tokenizerConfig: Readonly<Record<string, unknown>>,
): Promise<string | undefined> => {
  if (names.has("chat_template.jinja")) return readFile(join(folder, "chat_template.jinja"), "utf8");
  const json = names.has("chat_template.json") ? await readJsonFile(join(folder, "chat_template.json")) : undefined;
  const given = (isRecord(json) ? json.chat_template : undefined) ?? tokenizerConfig.chat_template;
  if (typeof given === "string") return given;
  const named = Array.isArray(given) ? given.filter(isRecord) : [];
  const template = (named.find(({ name }) => name === "default") ?? named[0])?.template;
  return typeof template === "string" ? template : undefined;
};

/**
 * Opens a model folder in the layout of Hugging Face: config.json, tokenizer.json, safetensors (one file or shards), and
 * where they exist tokenizer_config.json, generation_config.json and chat_template.jinja. A folder with a manifest.json is
 * held against it. Throws `StoreError` for a folder that is damaged, not complete, or of another architecture.
 */
export const openModelFolder = async (folder: string): Promise<ModelFiles> => {
  const names = await listFinished(folder);
  if (names.has("manifest.json")) await verifyManifest(folder);
  for (const name of ["config.json", "tokenizer.json"])
    if (!names.has(name)) throw new StoreError(`${folder} is not a complete model folder: ${name} is missing.`);
  const optional = async (name: string): Promise<Record<string, unknown>> => {
    const json = names.has(name) ? await readJsonFile(join(folder, name)) : {};
    if (!isRecord(json)) throw new StoreError(`${join(folder, name)} holds no object.`);
    return json;
  };
  const json = await readJsonFile(join(folder, "config.json"));
  const config = parseHubConfig(json, join(folder, "config.json"));
  const tokenizer = await readTokenizer(join(folder, "tokenizer.json"), config.vocab_size);
  const tokenizerConfig = await optional("tokenizer_config.json");
  const generation = await optional("generation_config.json");
  const chatTemplate = await chatTemplateOf(folder, names, tokenizerConfig);
  return {
    name: folder,
    format: "folder",
    config,
    tokenizer,
    tokenizerConfig,
    ...defined({ chatTemplate }),
    endIds: endIdsOf({
      declared: [generation.eos_token_id, (json as Readonly<Record<string, unknown>>).eos_token_id],
      endToken: tokenizerConfig.eos_token,
      chatTemplate,
      tokenizer,
      vocabularySize: config.vocab_size,
    }),
    tensors: await openTensors(folder, names, config),
  };
};
