import { isAdapterFolder, readAdapter, readAdapterBase } from "../engines/onnx/files/adapter-files.ts";
import { type ExportFormat, exportAdapter } from "../engines/onnx/files/export.ts";
import { hubNameOf } from "../engines/onnx/files/model-cache.ts";
import { openModelFiles } from "../engines/onnx/files/open-model.ts";
import type { WrittenType } from "../engines/onnx/files/safetensors-writer.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { defined } from "../options.ts";
import { findModelPath } from "../setup/local-model.ts";
import { loadAdapter } from "../setup/vllm.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { percent } from "./words.ts";

export interface ExportCommandOptions {
  readonly format: ExportFormat;
  readonly out: string;
  readonly base?: string;
  readonly type: WrittenType;
  /** A running vLLM, and the folder as it sees it. */
  readonly load?: string;
  readonly loadPath?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The base that was named, else the one that the adapter names, as a path. Throws `ConfigError` without either. */
const findBase = async (source: string, named: string | undefined): Promise<string> => {
  const name = named ?? (await readAdapterBase(source));
  if (name === "")
    throw new ConfigError(
      `${source} does not say which model it adapts. Name it: --base <model folder, GGUF file or owner/name>`,
    );
  try {
    return await findModelPath(name);
  } catch (cause) {
    throw new ConfigError(`The base of ${source} is not here: ${messageOf(cause)} --base names another place.`, {
      cause,
    });
  }
};

/**
 * `agentflow export <run or adapter folder>`: writes an adapter, or a base with it, for other programs, and proves it
 * by reading it back. Returns the exit code.
 */
export const exportCommand = async (
  source: string,
  { format, out, base: named, type, load, loadPath, json, quiet }: ExportCommandOptions,
): Promise<number> => {
  if (load === undefined ? loadPath !== undefined : format !== "peft")
    throw new ConfigError("--load goes with --format peft, and --load-path with --load.");
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const from = await findModelPath(source);
  const adapts = await isAdapterFolder(from);
  const base = adapts ? await findBase(from, named) : from;
  const files = await openModelFiles(base);
  try {
    const adapter = adapts ? await readAdapter(from, files.config) : undefined;
    const baseName = await hubNameOf(base);
    screen.line(`export ${source} as ${format}${adapter ? ` (rank ${adapter.lora.rank}, base ${baseName})` : ""}`);
    const { tensors } = await exportAdapter({
      format,
      out,
      files,
      adapter,
      baseName,
      type,
      about: { ...adapter?.about, command: "export", source },
      abortSignal: interrupts.abortSignal,
      onTensor: (done, total) => screen.live(`merging ${percent(done / total)} · tensor ${done} of ${total}`),
    });
    screen.line(screen.good("proved"), ` ${out}: ${tensors} tensors read back, each equal to what was meant`);
    const model =
      load && (await loadAdapter({ url: load, folder: out, serverFolder: loadPath, apiKey: process.env.VLLM_API_KEY }));
    screen.line(screen.dim(`       ${NEXT[format]}`));
    if (model) screen.line(screen.good("loaded"), ` ${load} has it as the model ${model}`);
    if (json) writeJson({ schemaVersion: 1, source, base: baseName, format, out, tensors, ...defined({ model }) });
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
    await files.tensors.close();
  }
};

/** What loads it. */
const NEXT: Readonly<Record<ExportFormat, string>> = {
  peft: "PeftModel.from_pretrained(model, folder), or vLLM: --enable-lora --lora-modules name=folder (a running one: --load)",
  gguf: "llama-cli -m base.gguf --lora file",
  merged: "AutoModelForCausalLM.from_pretrained(folder)",
};
