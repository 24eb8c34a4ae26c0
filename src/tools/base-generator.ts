import { ToolError } from "../errors.ts";
import { metered } from "../metered.ts";
import type { ChatModel } from "../model.ts";
import { numberOf } from "../number-text.ts";
import { defined, objectWith, required } from "../options.ts";
import type { Field, Tool, ToolOutput } from "../tool.ts";
import { tool } from "../tool.ts";

const aModel = required(objectWith("a chat model", "complete"));
/** Longest part of a reply that is read, in characters: what it states stands in front. */
const REPLY_LENGTH = 4000;

/** What stands between the first `<answer>` and its end, else all of it. */
const answerIn = (reply: string): string => {
  const tag = /<answer>/i.exec(reply);
  if (tag === null) return reply;
  const rest = reply.slice(tag.index + tag[0].length);
  const end = rest.search(/<\/answer>/i);
  return end < 0 ? reply : rest.slice(0, end);
};

/** The first date, number (with the word right after it as unit when it is one) or name that a reply states. */
const readValue = (reply: string): Field | undefined => {
  const text = answerIn(reply.slice(0, REPLY_LENGTH));
  const date = /\b\d{4}-\d{2}-\d{2}\b/.exec(text)?.[0];
  if (date !== undefined) return { kind: "date", value: date };
  const number = /[-+−]?\d(?:[\d.,]*\d)?/.exec(text);
  if (number !== null) {
    const [digits] = number;
    const unit = /^\s+(ft|km|u|USD|percent|days?|people|persons?)\b/.exec(
      text.slice(number.index + digits.length),
    )?.[1];
    const name = unit === undefined ? undefined : ({ days: "day", people: "person", persons: "person" }[unit] ?? unit);
    const value = numberOf(digits);
    return value === undefined
      ? { kind: "text", value: digits }
      : { kind: "number", value, ...defined({ unit: name }) };
  }
  const word = /\p{Lu}[\p{L}'-]*(?: \p{Lu}[\p{L}'-]*)*/u.exec(text)?.[0];
  return word === undefined ? undefined : { kind: "text", value: word };
};

/**
 * Asks a chat model to answer from what it knows. What it states first becomes the field `value`.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { baseGenerator } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: { base_generator: baseGenerator(model) } });
 * ```
 */
export const baseGenerator = (model: ChatModel): Tool<{ query: string }> => {
  aModel(model, "baseGenerator: the model");
  return tool({
    description: "Answers a question from the memory of a language model. Looks nothing up.",
    inputSchema: {
      type: "object",
      properties: { query: { type: "string", description: "The whole question." } },
      required: ["query"],
    },
    metadata: { takes: "question" },
    execute: async ({ query }, { abortSignal, meter, redact }): Promise<ToolOutput> => {
      if (typeof query !== "string" || query.trim() === "") throw new ToolError("base_generator: a query is missing.");
      const content = `${query}\nReply with the number, date or name alone.`;
      const { text } = await metered(model, meter, redact).complete({
        messages: [{ role: "user", content }],
        maxTokens: 64,
        abortSignal,
      });
      const value = readValue(text);
      return { text: text.trim(), fields: value === undefined ? {} : { value }, source: model.id };
    },
  });
};
