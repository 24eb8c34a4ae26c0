import type { ChatTemplate, Tokenizer } from "../engine.ts";
import { chatTemplateOf } from "../engines/onnx/engine-parts.ts";
import { openModelFiles } from "../engines/onnx/files/open-model.ts";
import { loadTokenizer } from "../engines/onnx/text/tokenizer.ts";
import { ConfigError } from "../errors.ts";
import type { WorkerTexts, WorkOptions } from "../learn/work.ts";
import { BUILT_IN_MODEL, findModelPath } from "./local-model.ts";

/** What is read of a model that is sampled elsewhere. */
export interface ModelTexts {
  readonly tokenizer: Tokenizer;
  readonly chat: ChatTemplate | undefined;
  readonly endIds: readonly number[];
}

/** Tokenizer and chat template of a model that a person named; its weights are not read. */
export const modelTexts = async (name: string): Promise<ModelTexts> => {
  const files = await openModelFiles(await findModelPath(name));
  await files.tensors.close();
  const tokenizer = await loadTokenizer(files.tokenizer, files.tokenizerConfig);
  return { tokenizer, chat: await chatTemplateOf(files), endIds: files.endIds };
};

/**
 * What a worker reads prompts with, for the model that its run was started with; undefined where the run named none. Throws
 * `ConfigError` when the run has another one.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { work } from "agentflow/learn";
 * import { workerTexts } from "agentflow/setup";
 * import { joinQueue } from "agentflow/workers";
 *
 * const link = await joinQueue("nats://10.0.0.5:4222/2026-11-29-1412-7f3a");
 * const texts = workerTexts("HuggingFaceTB/SmolLM2-135M-Instruct");
 * await work({ link, environment: almanac(), texts, name: "second" });
 * ```
 */
export const workerTexts =
  (model: string | undefined): WorkOptions["texts"] =>
  async ({ name, tokenizer }): Promise<WorkerTexts> => {
    if (model === undefined && tokenizer !== undefined) return { tokenizer: await loadTokenizer(tokenizer) };
    const named = model ?? BUILT_IN_MODEL;
    if (named !== name)
      throw new ConfigError(
        `The run trains the model ${name}, and this worker has ${named}: name it with --model ${name}.`,
      );
    return modelTexts(named);
  };
