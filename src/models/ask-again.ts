import { ModelError } from "../errors.ts";
import type { ChatMessage, ChatReply, ChatRequest } from "../model.ts";
import { EndpointRefusal } from "./endpoint-refusal.ts";
import type { Habits, RequestBody } from "./openai-request.ts";
import { moreRoom, Starved, throwAway } from "./starved.ts";

export interface Failed {
  readonly habits: Habits;
  readonly request: ChatRequest;
  readonly body: RequestBody;
  /** Tokens that the reply might have. */
  readonly limit: number;
  /** That of the habits when the request was written. */
  readonly version: number;
  /** Why it was asked with more room, if it was. */
  readonly earlier: Starved | undefined;
}

/**
 * What to do after a request that failed: to ask again, by what the habits have learnt from it, or with more room once
 * (`earlier`); or to take what there is. Throws the error where another request would not help.
 */
export const askAgain = (
  error: ModelError,
  { habits, request, body, limit, version, earlier }: Failed,
): { readonly earlier: Starved | undefined } | { readonly reply: ChatReply } => {
  if (error instanceof Starved) {
    const room = moreRoom(limit);
    if (earlier === undefined && Math.min(habits.most, room) > limit) {
      habits.room = Math.max(habits.room, room);
      throwAway(request, error);
      return { earlier: error };
    }
    if (error.reply !== undefined) return { reply: error.reply };
  }
  if (!(error instanceof EndpointRefusal)) throw error;
  const passing = error.retryable && error.status !== 500 && error.status !== 501;
  // Another request may have learnt it meanwhile: then this one is asked again by the new habits.
  if (!passing && (unlearn(habits, error, body) || habits.version !== version)) return { earlier };
  if (earlier === undefined || error.retryable) throw error;
  habits.most = Math.min(habits.most, earlier.limit);
  throw new ModelError(`${earlier.message} More was refused: ${error.words.slice(0, 300)}`, { cause: error });
};

/** Fields that a request cannot do without, and those that have a rule of their own. */
const KEPT = ["model", "messages", "max_tokens", "max_completion_tokens", "response_format"];
const FORMAT = /response[_ ]?format|json|schema|grammar|structured/i;
const ROLES = /\b(?:system|developer)\b|\broles?\b/i;
const NOT_TOGETHER = /\bboth\b|together|only one|either|mutually/i;

/**
 * Learns from a refused request what the endpoint does not know, whichever field it names. Returns whether there is
 * something to leave out, or to ask in another way: each field is left out once, so that this comes to an end.
 */
const unlearn = (habits: Habits, { words, retryable, status }: EndpointRefusal, body: RequestBody): boolean => {
  // Some answer with an error of their own to what they do not know.
  if (retryable && status !== 500 && status !== 501) return false;
  const said = words.toLowerCase().split(/[^a-z0-9_]+/);
  const line = `_${said.join("_")}_`;
  const names = (field: string): boolean =>
    said.includes(field.replaceAll("_", "")) || (field.includes("_") && line.includes(`_${field}_`));
  const learnt =
    unlearnLimit(habits, words, body, names) ||
    unlearnFormat(habits, words, body) ||
    unlearnFields(habits, words, body, names) ||
    unlearnTools(habits, words, body) ||
    unlearnSystem(habits, words, body);
  if (learnt) habits.version += 1;
  return learnt;
};

type Names = (field: string) => boolean;

const unlearnLimit = (habits: Habits, words: string, body: RequestBody, names: Names): boolean => {
  const { tokenLimit } = habits;
  const asked = body[tokenLimit];
  if (typeof asked !== "number") return false;
  const other = tokenLimit === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  const isNamed = names("max_tokens") || names("max_completion_tokens");
  const least = isNamed && /at least|minimum|>=|greater|below/i.test(words) ? leastIn(words, asked) : undefined;
  if (least !== undefined) {
    habits.room = Math.max(habits.room, least);
    return true;
  }
  const most = isNamed || /context/i.test(words) ? limitIn(words, asked) : undefined;
  if (most !== undefined) {
    habits.most = most;
    return true;
  }
  if (!isNamed || habits.tokenLimits.includes(other)) {
    if (!names(tokenLimit) || habits.tokenLimits.length === 0) return false;
    habits.tokenLimit = "none";
    return true;
  }
  habits.tokenLimits = [...habits.tokenLimits, other];
  habits.tokenLimit = other;
  return true;
};

/** The most tokens that a reply may have, where a complaint about too many says so: what a context leaves, or the limit. */
const limitIn = (words: string, asked: number): number | undefined => {
  const numbers = [...words.matchAll(/(?<![\w.])\d{1,9}\b(?!\.\d)/g)].map(([number]) => Number(number));
  if (/context/i.test(words)) {
    const before = /(\d{1,9}) (?:tokens )?(?:of |from |in )?(?:the |your )?(?:input|prompt|messages)/i.exec(words)?.[1];
    const after = /(?:input|prompt|messages)[^\d]{0,30}(\d{1,9})/i.exec(words)?.[1];
    const left = Math.max(...numbers.filter((one) => one !== asked)) - Number(before ?? after);
    return left >= 1 && left < asked ? left : undefined;
  }
  const lower = numbers.filter((one) => one >= 16 && one < asked);
  return lower.length === 0 ? undefined : Math.max(...lower);
};

/** The fewest tokens that a limit may name, where a complaint about too few says so. */
const leastIn = (words: string, asked: number): number | undefined => {
  const higher = [...words.matchAll(/(?<![\w.])\d{1,4}\b(?!\.\d)/g)].map(Number).filter((one) => one > asked);
  return higher.length === 0 || /at most|maximum/i.test(words) ? undefined : Math.min(...higher);
};

const formats = ["json_schema", "json_object", "none"] as const;

const unlearnFormat = (habits: Habits, words: string, { response_format: format }: RequestBody): boolean => {
  if (format === undefined || !FORMAT.test(words)) return false;
  habits.format = formats[formats.indexOf(habits.format) + 1] ?? "none";
  return true;
};

const unlearnFields = (habits: Habits, words: string, body: RequestBody, names: Names): boolean => {
  const named = Object.keys(body).filter((field) => !KEPT.includes(field) && names(field));
  // The later ones matter less.
  const left = NOT_TOGETHER.test(words) ? named.slice(-1) : named;
  habits.left = [...habits.left, ...left];
  return left.length > 0;
};

/** Tools are also refused by what they are for. */
const unlearnTools = (habits: Habits, words: string, { tools }: RequestBody): boolean => {
  if (tools === undefined || !/\btools?\b|\bfunctions?\b/i.test(words)) return false;
  habits.left = [...habits.left, "tools"];
  return true;
};

const unlearnSystem = (habits: Habits, words: string, { messages }: RequestBody): boolean => {
  const hasSystem = (messages as readonly ChatMessage[]).some(({ role }) => role === "system");
  if (!hasSystem || !ROLES.test(words)) return false;
  habits.system = false;
  return true;
};
