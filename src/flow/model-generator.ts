import { metered } from "../metered.ts";
import type { ChatModel } from "../model.ts";
import type { Generator } from "../module.ts";
import { deriveKey } from "../random.ts";
import { entryText, oneLine } from "./entry-text.ts";
import { questionText } from "./planner-prompt.ts";
import { firstKept } from "./selection.ts";

export interface ModelGeneratorOptions {
  /** Most tokens of an answer. @default 64 */
  readonly maxTokens?: number;
  /** Characters that memory may take; the oldest turns are left out. @default 16000 */
  readonly room?: number;
}

const SYSTEM =
  "You answer a question from results that were found with tools. Write the answer alone: the number, date or name that was asked for, without unit and without a sentence.";

/** A generator by a model: a concise answer from memory. Undefined when no call has brought anything. */
export const modelGenerator =
  (model: ChatModel, { maxTokens = 64, room = 16_000 }: ModelGeneratorOptions = {}): Generator =>
  async (state, context) => {
    if (!state.memory.some(({ observation }) => observation.status === "ok")) return undefined;
    const question = questionText(state.query.question, state.analysis);
    const results = state.memory.map(entryText);
    const first =
      firstKept(
        question.length,
        results.map(({ length }) => length + 1),
        room,
      ) ?? results.length - 1;
    const { text } = await metered(model, context.meter).complete({
      messages: [
        { role: "system", content: SYSTEM },
        { role: "user", content: [question, ...results.slice(first), "Answer:"].join("\n") },
      ],
      maxTokens,
      temperature: 0,
      randomKey: deriveKey(context.randomKey, "generator"),
      abortSignal: context.abortSignal,
    });
    return answerOf(text);
  };

const ANSWER_LENGTH = 2000;

/** The answer in a reply: what stands in <answer> tags, else the first line, without a label. */
const answerOf = (text: string): string | undefined => {
  const tagged = /<answer>([\s\S]*?)(?:<\/answer>|$)/iu.exec(text)?.[1];
  const line = (tagged ?? text).split("\n").find((one) => one.trim() !== "") ?? "";
  const answer = oneLine(line.replace(/^\s*(?:the\s+)?answer\s*(?:is)?\s*[:=]?\s*/iu, ""), ANSWER_LENGTH);
  return answer === "" ? undefined : answer;
};
