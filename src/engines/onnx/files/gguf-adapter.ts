import { randomInt } from "node:crypto";
import { rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AgentFlowError, ConfigError, messageOf, StoreError } from "../../../errors.ts";
import { type LoraConfig, loraNames } from "../lora.ts";
import { linearShapes, type ModelConfig } from "../model-config.ts";
import { readGgufHeader } from "./gguf-header.ts";
import { type GgufTensor, type GgufValue, ggufParts } from "./gguf-writer.ts";
import { openTensorFile, requireFinite } from "./tensor-files.ts";
import { syncFolder, writeSynced } from "./whole-folder.ts";

/** What llama.cpp calls the linears of a layer. */
const GGUF_NAMES: Readonly<Record<string, string>> = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

const ARCHITECTURES = { llama: "llama", qwen2: "qwen2", qwen3: "qwen3", gemma3_text: "gemma3" } as const;

/** Our mark: only a file that has it is ever replaced. */
const ABOUT = "agentflow.about";

/**
 * Rows of a q or k matrix [heads·d, columns] from the order of Hugging Face (the two halves of a head) to that of
 * llama.cpp's Llama (neighbours are rotated together), or back.
 */
export const permuteHeads = (
  numbers: Float32Array,
  { heads, columns, back = false }: { readonly heads: number; readonly columns: number; readonly back?: boolean },
): Float32Array => {
  const headSize = numbers.length / columns / heads;
  const half = headSize / 2;
  const out = new Float32Array(numbers.length);
  for (let head = 0; head < heads; head += 1)
    for (let part = 0; part < 2; part += 1)
      for (let i = 0; i < half; i += 1) {
        const halves = (head * headSize + part * half + i) * columns;
        const neighbours = (head * headSize + 2 * i + part) * columns;
        const [from, to] = back ? [neighbours, halves] : [halves, neighbours];
        out.set(numbers.subarray(from, from + columns), to);
      }
  return out;
};

/** How many heads the rows of a linear's B have to be reordered by; none outside q and k of Llama. */
const permutedHeads = (config: ModelConfig, linear: string): number | undefined => {
  if ((config.model_type ?? "llama") !== "llama") return undefined;
  if (linear === "self_attn.q_proj") return config.num_attention_heads;
  return linear === "self_attn.k_proj" ? config.num_key_value_heads : undefined;
};

interface Place {
  /** Name here and in the GGUF file. */
  readonly name: string;
  readonly gguf: string;
  readonly shape: readonly [number, number];
  readonly heads: number | undefined;
}

/** Where each tensor of an adapter goes. */
const placesOf = (config: ModelConfig, { rank, targets }: LoraConfig): Place[] => {
  const linears = linearShapes(config);
  return Array.from({ length: config.num_hidden_layers }, (_, layer) =>
    targets.flatMap((linear): Place[] => {
      const [out, into] = linears.get(linear) ?? [0, 0];
      const { a, b } = loraNames(`model.layers.${layer}`, linear);
      const gguf = `blk.${layer}.${GGUF_NAMES[linear]}.weight`;
      return [
        { name: a, gguf: `${gguf}.lora_a`, shape: [rank, into], heads: undefined },
        { name: b, gguf: `${gguf}.lora_b`, shape: [out, rank], heads: permutedHeads(config, linear) },
      ];
    }),
  ).flat();
};

/**
 * Writes an adapter as a GGUF file that llama.cpp loads over its base (`--lora`), whole or not at all. Throws
 * `ConfigError` when something else than an adapter of ours stands there.
 */
export const writeGgufAdapter = async (
  path: string,
  {
    config,
    lora,
    tensors,
    about,
    baseName,
  }: {
    readonly config: ModelConfig;
    readonly lora: LoraConfig;
    readonly tensors: Readonly<Record<string, Float32Array>>;
    readonly about: Readonly<Record<string, unknown>>;
    readonly baseName: string;
  },
): Promise<void> => {
  await requireOurGguf(path);
  const values: Readonly<Record<string, GgufValue>> = {
    "general.architecture": { type: "string", value: ARCHITECTURES[config.model_type ?? "llama"] },
    "general.type": { type: "string", value: "adapter" },
    "general.name": { type: "string", value: "AgentFlow adapter" },
    "general.base_model.count": { type: "uint32", value: 1 },
    "general.base_model.0.name": { type: "string", value: baseName },
    "adapter.type": { type: "string", value: "lora" },
    "adapter.lora.alpha": { type: "float32", value: lora.alpha },
    [ABOUT]: { type: "string", value: JSON.stringify(about) },
  };
  const parts = placesOf(config, lora).map(({ name, gguf, shape, heads }): GgufTensor => {
    const numbers = tensors[name];
    if (numbers === undefined) throw new StoreError(`Cannot write ${path}: the adapter has no tensor ${name}.`);
    return {
      name: gguf,
      shape,
      numbers: () => (heads === undefined ? numbers : permuteHeads(numbers, { heads, columns: lora.rank })),
    };
  });
  const place = resolve(path);
  const draft = `${place}.tmp-${randomInt(2 ** 47)}`;
  try {
    await writeSynced(draft, ggufParts(values, parts));
    await rename(draft, place);
    await syncFolder(dirname(place));
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    if (cause instanceof AgentFlowError) throw cause;
    throw new StoreError(`Cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
};

/** Throws `ConfigError` for a path where anything stands that is not an adapter of ours. */
const requireOurGguf = async (path: string): Promise<void> => {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  let ours = false;
  try {
    ours = ABOUT in (await readGgufHeader(path)).metadata;
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause;
  }
  if (!ours)
    throw new ConfigError(
      `${path} is there and is not an adapter that was written here, so it is not replaced. Name another file, or remove it.`,
    );
};

/** Reads a GGUF adapter back, in the names and the order of Hugging Face. Throws `StoreError` when it does not fit. */
export const readGgufAdapter = async (
  path: string,
  config: ModelConfig,
): Promise<{ readonly lora: LoraConfig; readonly tensors: Readonly<Record<string, Float32Array>> }> => {
  const { metadata, tensors: found } = await readGgufHeader(path);
  const firstOf = (linear: string) => found.get(`blk.0.${GGUF_NAMES[linear]}.weight.lora_a`);
  const targets = [...linearShapes(config).keys()].filter((linear) => firstOf(linear) !== undefined);
  const rank = firstOf(targets[0] ?? "")?.shape[0] ?? 0;
  const lora: LoraConfig = { rank, alpha: Number(metadata["adapter.lora.alpha"]), targets };
  const places = placesOf(config, lora);
  if (metadata["general.type"] !== "adapter" || places.length === 0 || places.length !== found.size)
    throw new StoreError(
      `${path} is not an adapter of this model: it has ${found.size} tensors, not ${places.length}.`,
    );
  const tensors: Record<string, Float32Array> = {};
  const file = await openTensorFile(path);
  try {
    for (const { name, gguf, shape, heads } of places) {
      const place = found.get(gguf);
      if (place?.shape.join() !== shape.join()) throw new StoreError(`${path}: ${gguf} is not [${shape.join(", ")}].`);
      const numbers = requireFinite(await file.numbers(place), gguf, path);
      tensors[name] = heads === undefined ? numbers : permuteHeads(numbers, { heads, columns: rank, back: true });
    }
  } finally {
    await file.close();
  }
  return { lora, tensors };
};
