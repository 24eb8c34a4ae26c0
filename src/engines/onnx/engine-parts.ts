import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ChatTemplate } from "../../engine.ts";
import { count, name, number, oneOf, type Rules, recordOf } from "../../options.ts";
import type { Runtime } from "./carriers/runtime.ts";
import type { ModelFiles } from "./files/model-files.ts";
import { chatTemplate } from "./text/chat-template.ts";

export interface OpenEngineOptions {
  /** What runs the graphs. @default AGENTFLOW_RUNTIME, else native, and WebAssembly where that is missing */
  readonly runtime?: "native" | "wasm";
  /** Threads of a native call. @default all cores, at most 8 */
  readonly threads?: number;
  /** Histories that are kept in the cache at once. @default 192; of a frozen base 32 */
  readonly slots?: number;
  /** Memory that caches of a frozen base may take; a history that finds no room is taken in anew each turn. @default 256 MiB */
  readonly cacheBytes?: number;
  /** Longest sequence. @default what the model was made for, at most 4096 */
  readonly contextLength?: number;
  /**
   * What learns: `weights` takes all of them into memory as float32; `adapters` freezes them and trains LoRA adapters,
   * with a quantised copy for sampling. @default weights up to 20 million parameters, adapters beyond
   */
  readonly learns?: "weights" | "adapters";
  /** How the frozen base samples; `none` is float32. @default "int8" */
  readonly quantisation?: "int8" | "int4" | "none";
  /** Folders of adapters that policies start from, by policy name. */
  readonly adapters?: Readonly<Record<string, string>>;
}

/** What each option of an engine accepts. */
export const engineRules: Rules<OpenEngineOptions> = {
  runtime: oneOf("native", "wasm"),
  threads: number({ least: 1, most: 1024, whole: true }),
  slots: count,
  cacheBytes: number(),
  contextLength: number({ least: 2, whole: true }),
  learns: oneOf("weights", "adapters"),
  quantisation: oneOf("int8", "int4", "none"),
  adapters: recordOf(name),
};

/** What runs where: for people, and for the fingerprint of a run. */
export const describeEngine = (
  { description }: Runtime,
  model: string,
  parameters: number,
): Readonly<Record<string, string | number>> => ({ ...description, model, parameters, ...describeHost() });

/** The machine and what runs this program. */
export const describeHost = (): Readonly<Record<string, string | number>> => ({
  cpu: cpus()[0]?.model ?? "unknown",
  platform: `${process.platform}-${process.arch}`,
  node: process.version,
});

/** The content hash of a model's weights: SHA-256 over its GGUF file or its safetensors files in the order of their names. */
export const hashOfModel = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  const found = await stat(path);
  const files = found.isDirectory()
    ? (await readdir(path)).filter((name) => name.endsWith(".safetensors")).sort()
    : [""];
  for (const name of files) {
    hash.update(name);
    await pipeline(createReadStream(join(path, name)), hash, { end: false });
  }
  return hash.digest("hex");
};

/** The chat template of a model's files, if they have one. */
export const chatTemplateOf = async ({
  chatTemplate: source,
  tokenizerConfig = {},
}: Partial<Pick<ModelFiles, "chatTemplate" | "tokenizerConfig">>): Promise<ChatTemplate | undefined> =>
  source === undefined ? undefined : chatTemplate(source, specialTokens(tokenizerConfig));

/** The texts of special tokens that a chat template may name: tokenizer_config.json has them as text or as objects. */
const specialTokens = (config: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(config).flatMap(([name, value]) => {
      if (!name.endsWith("_token")) return [];
      const text = typeof value === "string" ? value : (value as { content?: unknown } | null)?.content;
      return typeof text === "string" ? [[name, text] as const] : [];
    }),
  );
