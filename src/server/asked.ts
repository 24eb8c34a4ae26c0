import type { Utterance } from "../task.ts";
import { RequestError } from "./request-error.ts";

/** A message as clients send it. */
export interface AskedMessage {
  readonly role: "system" | "developer" | "user" | "assistant" | "tool" | "function";
  readonly content: string | readonly { readonly type: string; readonly text?: string }[] | null;
}

/** What both protocols ask for. */
export interface AskedFields {
  readonly model: string;
  readonly stream?: boolean | null;
  readonly tools?: readonly object[] | null;
  readonly user?: string | null;
  readonly safety_identifier?: string | null;
  readonly [field: string]: unknown;
}

/** A conversation as a flow takes it: the last message is the question. */
export interface AskedConversation {
  readonly question: string;
  readonly conversation: readonly Utterance[];
}

/** Longest question, in characters. */
const QUESTION_LENGTH = 16_000;

/** Throws `RequestError` 400 for messages that a flow cannot read: pictures, results of tools, no question at the end. */
export const conversationOf = (messages: readonly AskedMessage[], param: string): AskedConversation => {
  const said = messages.map((message, i): Utterance => {
    const { role } = message;
    if (role === "tool" || role === "function")
      throw new RequestError(400, `${param}[${i}] has the role ${role}: the tools of a flow run on the server.`, {
        param,
      });
    return { role: role === "developer" ? "system" : role, text: textOf(message, `${param}[${i}]`, param) };
  });
  const last = said.at(-1);
  if (last?.role !== "user" || last.text.trim() === "")
    throw new RequestError(400, `The last message has to be a question of the role user, with text.`, { param });
  if (last.text.length > QUESTION_LENGTH)
    throw new RequestError(400, `The question has ${last.text.length} characters: accepted are ${QUESTION_LENGTH}.`, {
      param,
    });
  return { question: last.text, conversation: said.slice(0, -1).filter(({ text }) => text.trim() !== "") };
};

const textOf = ({ content }: AskedMessage, place: string, param: string): string => {
  if (content === null) return "";
  if (typeof content === "string") return content;
  return content
    .map(({ type, text }) => {
      if (text !== undefined && /^(?:(?:input|output)_)?text$/.test(type)) return text;
      throw new RequestError(
        400,
        `${place} has a part of the type ${JSON.stringify(type.slice(0, 40))}: accepted is text.`,
        {
          code: "unsupported_content",
          param,
        },
      );
    })
    .join("\n");
};

/** Throws `RequestError` 400 with the names of the tools that a request brings: a flow has its own, which run on the server. */
export const refuseTools = (request: AskedFields): void => {
  const tools = [...listOf(request.tools), ...listOf(request.functions)];
  if (tools.length === 0) return;
  const names = tools.map(nameOf).join(", ");
  throw new RequestError(
    400,
    `The request brings tools (${names}): this model uses its own, which run on the server. Send the request without tools.`,
    { code: "tools_not_supported", param: "tools" },
  );
};

/**
 * Throws `RequestError` 400 for the chores that chat pages give to the model of a conversation: a title, tags, questions to
 * ask next. They say so in `metadata.task`, or ask for it under a heading and with the whole conversation in a tag, as Open
 * WebUI does. A solve would cost turns, and a chat be named after what it has not found.
 */
export const refuseChores = ({ metadata }: AskedFields, question: string): void => {
  const task = (metadata as { readonly task?: unknown } | undefined | null)?.task;
  const isNamed = typeof task === "string" && /_generation$/.test(task);
  if (!isNamed && !(/^\s*### Task:/.test(question) && question.includes("<chat_history>"))) return;
  throw new RequestError(
    400,
    `The request is a chore of a chat page (${isNamed ? task.slice(0, 40) : "a text about the conversation"}): this model answers questions. Name another model for it there, or turn it off.`,
    { code: "chore_not_supported", param: isNamed ? "metadata" : "messages" },
  );
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const nameOf = (tool: unknown): string => {
  const { name, function: inner, type } = (tool ?? {}) as Readonly<Record<string, unknown>>;
  const found = name ?? (inner as { readonly name?: unknown } | undefined)?.name ?? type;
  return String(found ?? "unnamed").slice(0, 64);
};

/** Fields of a request that say nothing to a flow; the answer lists those that were sent. */
const ignorable = [
  ...["temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "stop", "seed", "logprobs"],
  ...[
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "reasoning_effort",
    "reasoning",
    "verbosity",
  ],
];
export const ignoredIn = (request: AskedFields): string[] =>
  ignorable.filter((name) => request[name] !== undefined && request[name] !== null);

/** Throws `RequestError` 400 for a form of the answer that a flow does not write. */
export const requireTextAnswer = ({ n, response_format: format, text }: AskedFields): void => {
  if (typeof n === "number" && n !== 1) throw new RequestError(400, `n is ${n}: accepted is 1.`, { param: "n" });
  const inText = (text as { readonly format?: unknown } | undefined | null)?.format;
  for (const [param, wanted] of [
    ["response_format", format],
    ["text.format", inText],
  ] as const) {
    const type = (wanted as { readonly type?: unknown } | undefined | null)?.type;
    if (type !== undefined && type !== "text")
      throw new RequestError(400, `${param} is ${JSON.stringify(type)}: accepted is text.`, { param });
  }
};

/** What keeps a person on one version while another is tried. */
export const personOf = ({ user, safety_identifier: identifier }: AskedFields): string | undefined =>
  identifier ?? user ?? undefined;
