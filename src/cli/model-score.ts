import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Engine, TrainingSequence } from "../engine.ts";
import { openEngine } from "../engines/onnx/index.ts";
import { ConfigError, messageOf } from "../errors.ts";
import type { ChatMessage } from "../model.ts";
import { defined } from "../options.ts";
import { findModel } from "../setup/local-model.ts";
import { writeJson } from "./terminal.ts";

export interface ScoreOptions {
  /** A file of JSON lines; `-` is standard input. */
  readonly in: string;
  /** Put each text into the chat template, as a user's message, before it is scored. */
  readonly chat: boolean;
  readonly contextLength?: number | undefined;
}

/** Lines that are scored together. */
const BATCH = 16;

/**
 * `agentflow model score`: log-probabilities of given texts, float32 whatever the model's file holds. A line in is a JSON
 * string, `{"text": …}`, `{"ids": […]}` or `{"messages": […]}`; a line out is `{"ids": […], "logprobs": […]}`, where
 * `logprobs[i]` is that of `ids[i + 1]` after all ids before it.
 */
export const score = async (model: string, options: ScoreOptions): Promise<number> => {
  const engine = await openEngine(await findModel(model), {
    ...defined({ contextLength: options.contextLength }),
  });
  try {
    const policy = engine.policy("base");
    const input = options.in === "-" ? process.stdin : createReadStream(options.in);
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    let number = 0;
    let batch: number[][] = [];
    const flush = async (): Promise<void> => {
      const sequences = batch.map((ids): TrainingSequence => ({ ids, targets: ids.map((_, i) => i).slice(1) }));
      const { logProbs } = await policy.forward(sequences);
      for (const [i, ids] of batch.entries()) writeJson({ ids, logprobs: [...(logProbs[i] ?? [])] });
      batch = [];
    };
    for await (const line of lines) {
      number += 1;
      if (line.trim() === "") continue;
      batch.push(await idsOf(line, engine, options, `${options.in}:${number}`));
      if (batch.length === BATCH) await flush();
    }
    await flush();
    return 0;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new ConfigError(
        `There is no file ${options.in}: --in takes a file of JSON lines, or - for standard input.`,
      );
    throw cause;
  } finally {
    await engine.dispose();
  }
};

const FORMS = 'a JSON string, {"text": "…"}, {"ids": […]} or {"messages": […]}';

/** The ids of one line. Throws `ConfigError` that names the line. */
const idsOf = async (
  line: string,
  { tokenizer, chat, contextLength, model }: Engine,
  options: ScoreOptions,
  place: string,
): Promise<number[]> => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new ConfigError(`${place} is not JSON (${messageOf(cause)}): a line is ${FORMS}.`);
  }
  const given = (typeof value === "string" ? { text: value } : value) as Readonly<Record<string, unknown>> | null;
  const conversation = async (messages: readonly ChatMessage[]): Promise<number[]> => {
    if (chat === undefined) throw new ConfigError(`${model} has no chat template: leave --chat and messages out.`);
    return tokenizer.encode(await chat.render(messages));
  };
  let ids: number[];
  if (typeof given?.text === "string")
    ids = options.chat
      ? await conversation([{ role: "user", content: given.text }])
      : tokenizer.encode(given.text, { addSpecialTokens: true });
  else if (Array.isArray(given?.ids) && given.ids.every((id) => Number.isInteger(id))) ids = given.ids as number[];
  else if (Array.isArray(given?.messages)) ids = await conversation(given.messages as ChatMessage[]);
  else throw new ConfigError(`${place} cannot be scored: a line is ${FORMS}.`);
  if (ids.length > contextLength)
    throw new ConfigError(`${place} has ${ids.length} tokens; --context allows ${contextLength}.`);
  return ids;
};
