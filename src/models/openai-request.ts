import type { ChatMessage, ChatRequest, OfferedTool } from "../model.ts";
import { defined } from "../options.ts";

/** What an endpoint was found not to know; it is not asked for it again. */
export interface Habits {
  /** How it is asked for JSON, the strictest first. */
  format: "json_schema" | "json_object" | "none";
  tokenLimit: "max_tokens" | "max_completion_tokens" | "none";
  /** Names of the limit that were tried. */
  tokenLimits: readonly string[];
  /** The most tokens that it lets a reply have. */
  most: number;
  /** The fewest that its thoughts need. */
  room: number;
  /** Fields that are left out. */
  left: readonly string[];
  /** Whether a message may be the system's. */
  system: boolean;
  /** Counts what was learnt. */
  version: number;
}

export const newHabits = (): Habits => ({
  format: "json_schema",
  tokenLimit: "max_tokens",
  tokenLimits: ["max_tokens"],
  most: Number.POSITIVE_INFINITY,
  room: 0,
  left: [],
  system: true,
  version: 0,
});

export type RequestBody = Readonly<Record<string, unknown>>;

export interface Defaults {
  readonly model: string;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly maxTokens?: number | undefined;
}

/** Tokens that the reply to a request may have. */
export const limitOf = ({ maxTokens }: ChatRequest, defaults: Defaults, { room, most }: Habits): number =>
  Math.min(most, Math.max(room, maxTokens ?? defaults.maxTokens ?? 1024));

/** A request in the endpoint's terms, without what it does not know. What matters less stands later. */
export const bodyOf = (
  { messages, grammar, tools, stop, onText, logProbs, randomKey, ...request }: ChatRequest,
  { model, ...defaults }: Defaults,
  habits: Habits,
  limit: number,
): RequestBody => {
  const { tokenLimit, left, system } = habits;
  const wishes = defined({
    temperature: request.temperature ?? defaults.temperature,
    top_p: request.topP ?? defaults.topP,
    stop: stop === undefined || stop.length === 0 ? undefined : stop,
    stream: onText === undefined ? undefined : true,
    stream_options: onText === undefined || left.includes("stream") ? undefined : { include_usage: true },
    // Taken as a wish: what an endpoint makes of it is its affair.
    seed: randomKey === undefined ? undefined : randomKey.low >>> 1,
    logprobs: logProbs === true ? true : undefined,
    return_token_ids: logProbs === true && !left.includes("logprobs") ? true : undefined,
  });
  return {
    model,
    messages: system ? messages : withoutSystem(messages),
    ...(tokenLimit === "none" ? {} : { [tokenLimit]: limit }),
    // A form for texts would forbid a call.
    ...(tools !== undefined && !left.includes("tools")
      ? { tools: tools.map(functionOf), ...(left.includes("tool_choice") ? {} : { tool_choice: "required" }) }
      : grammar?.type === "json"
        ? formatOf(grammar.schema, habits.format)
        : {}),
    ...(left.length === 0
      ? wishes
      : Object.fromEntries(Object.entries(wishes).filter(([name]) => !left.includes(name)))),
  };
};

const functionOf = (tool: OfferedTool): object => ({ type: "function", function: tool });

const formatOf = (schema: Readonly<Record<string, unknown>>, format: Habits["format"]): object => {
  if (format === "json_schema")
    return { response_format: { type: "json_schema", json_schema: { name: "reply", schema } } };
  return format === "json_object" ? { response_format: { type: "json_object" } } : {};
};

/** What the system says is said by the user, and nobody speaks twice in a row. */
const withoutSystem = (messages: readonly ChatMessage[]): readonly ChatMessage[] => {
  const merged: ChatMessage[] = [];
  for (const { role, content } of messages) {
    const said: ChatMessage = { role: role === "system" ? "user" : role, content };
    const before = merged.at(-1);
    if (before?.role === said.role) merged[merged.length - 1] = { ...said, content: `${before.content}\n\n${content}` };
    else merged.push(said);
  }
  return merged;
};
