/**
 * What an endpoint said, in whatever dialect: a completion, a part of a stream or a complaint. There is no list of
 * dialects here; texts, counts and complaints are recognised by their names and shapes, wherever they stand.
 */
import { retryableStatus } from "../errors.ts";
import type { ChatReply } from "../model.ts";
import { defined } from "../options.ts";

/** Plain data, as it crosses to a thread and back. */
export interface Said {
  /** The text; undefined where nothing is one. */
  readonly text?: string;
  /** Whether the model thought apart from the text. */
  readonly thought: boolean;
  /** The endpoint's word for why it ended. */
  readonly finish?: string;
  readonly counts: Counts;
  readonly tokens?: ChatReply["tokens"];
  /** The model that answered, as it calls itself. */
  readonly model?: string;
  /** Its own words for not answering. */
  readonly refusal?: string;
  /** A call of a tool instead of a text. */
  readonly call?: { readonly name: string; readonly input: string };
  readonly complaint?: Complaint;
}

/** Tokens, as far as they are counted. */
export interface Counts {
  readonly prompt?: number;
  readonly sampled?: number;
  readonly cached?: number;
}

/** An error in the endpoint's words. */
export interface Complaint {
  readonly words: string;
  /** A status of HTTP, where it names one. */
  readonly status?: number;
  /** The same request will not get better. */
  readonly final: boolean;
}

type Value = Readonly<Record<string, unknown>>;

const isValue = (value: unknown): value is Value =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value : undefined;
const firstOf = (value: unknown): Value | undefined => {
  const first = Array.isArray(value) ? value[0] : value;
  return isValue(first) ? first : undefined;
};

/** Reads a JSON value; `streamed`: as a part of a stream. Undefined for anything but an object. */
export const saidIn = (
  given: unknown,
  { streamed = false }: { readonly streamed?: boolean } = {},
): Said | undefined => {
  const value = firstOf(given);
  if (value === undefined) return undefined;
  const choice = firstOf(value.choices) ?? firstOf(value.candidates) ?? firstOf(value.outputs) ?? value;
  const [first, second] = streamed ? [choice.delta, choice.message] : [choice.message, choice.delta];
  const holder = first ?? second ?? choice;
  const complaint = complaintIn(value, choice);
  // A message at the top that is a text is a complaint's.
  const found = complaint === undefined ? textIn(holder) : undefined;
  const inner = isValue(holder) ? holder : choice;
  return {
    thought: found?.thought === true || THOUGHT_KEYS.some((key) => hasContent(inner[key])),
    counts: countsIn(value, choice),
    ...defined({
      text: found?.text,
      finish: finishOf(choice, value),
      tokens: tokensIn(choice),
      model: textOf(value.model),
      refusal: textOf(inner.refusal),
      call: callIn(inner),
      complaint,
    }),
  };
};

const THOUGHT_KEYS = ["reasoning_content", "reasoning", "thinking", "reasoning_details"];
const THOUGHT_TYPE = /think|thought|reason/i;
const hasContent = (value: unknown): boolean =>
  textOf(value) !== undefined || (Array.isArray(value) && value.length > 0);

/** Where texts stand in objects, the likeliest first. */
const TEXT_KEYS = ["content", "text", "parts", "value", "output_text", "output", "response", "generated_text"];
const FURTHER_KEYS = ["completion", "message", "result", "results", "data"];
const DEEPEST = 8;

/** The text of a value: of a list that of its parts together, without those that are thoughts. */
const textIn = (value: unknown, depth = 0): { readonly text: string; readonly thought: boolean } | undefined => {
  if (typeof value === "string") return { text: value, thought: false };
  if (depth > DEEPEST) return undefined;
  if (Array.isArray(value)) {
    const parts = value.map((part) => textIn(part, depth + 1)).filter((part) => part !== undefined);
    const thought = parts.some((part) => part.thought);
    return parts.length === 0 ? undefined : { text: parts.map(({ text }) => text).join(""), thought };
  }
  if (!isValue(value)) return undefined;
  if (value.thought === true || (typeof value.type === "string" && THOUGHT_TYPE.test(value.type)))
    return { text: "", thought: true };
  for (const key of [...TEXT_KEYS, ...FURTHER_KEYS]) {
    const found = value[key] == null ? undefined : textIn(value[key], depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
};

const finishOf = (choice: Value, value: Value): string | undefined => {
  const { incomplete_details: incomplete, done } = value;
  const named = [choice, value].flatMap((one) => [
    one.finish_reason,
    one.finishReason,
    one.stop_reason,
    one.done_reason,
  ]);
  const reasons = [...named, isValue(incomplete) ? incomplete.reason : undefined, done === true ? "stop" : undefined];
  return reasons.map(textOf).find((one) => one !== undefined);
};

const callIn = (holder: Value): Said["call"] => {
  const call = firstOf(holder.tool_calls);
  const { name, arguments: input } = firstOf(call?.function) ?? firstOf(holder.function_call) ?? {};
  if (typeof name !== "string" && typeof input !== "string") return undefined;
  return {
    name: typeof name === "string" ? name : "",
    input: typeof input === "string" ? input : JSON.stringify(input ?? {}),
  };
};

const tokensIn = ({ logprobs, token_ids: tokenIds }: Value): ChatReply["tokens"] => {
  const content = isValue(logprobs) ? logprobs.content : undefined;
  const logProbs = Array.isArray(content) ? content.map((one) => (isValue(one) ? one.logprob : undefined)) : [];
  if (logProbs.length === 0 || !logProbs.every((one) => typeof one === "number")) return undefined;
  const ids = Array.isArray(tokenIds) && tokenIds.every(Number.isInteger) ? (tokenIds as number[]) : undefined;
  return { ...defined({ ids: ids?.length === logProbs.length ? ids : undefined }), logProbs };
};

const PROMPT = /^(?:prompt|input)_?(?:tokens?|token_?count|eval_?count|n)$/i;
const SAMPLED = /^(?:completion|output|generated|candidates|predicted|eval)_?(?:tokens?|token_?count|count|n)$/i;
const CACHED = /^(?:cached?_?(?:read_?)?(?:input_?|content_?)?token(?:s|_?count)|prompt_cache_hit_tokens)$/i;
const TOTAL = /^total_?token(?:s|_?count)$/i;
const MOST_NAMES = 300;

/** Counts of tokens by their names, the outermost first. What a total holds besides the prompt was written too. */
const countsIn = (value: Value, choice: Value): Counts => {
  const found = new Map<RegExp, number>();
  let level: readonly Value[] = value === choice ? [value] : [value, choice];
  let seen = 0;
  for (let depth = 0; depth < 4 && level.length > 0 && seen < MOST_NAMES; depth += 1) {
    const next: Value[] = [];
    for (const [name, one] of level.flatMap((holder) => Object.entries(holder))) {
      seen += 1;
      if (isValue(one)) next.push(one);
      const count = typeof one === "string" && /^\d{1,12}$/.test(one) ? Number(one) : one;
      if (typeof count !== "number" || !Number.isFinite(count) || count < 0) continue;
      const kind = [PROMPT, SAMPLED, CACHED, TOTAL].find((pattern) => pattern.test(name));
      if (kind !== undefined && !found.has(kind)) found.set(kind, Math.ceil(count));
    }
    level = next;
  }
  const [prompt, total, cached] = [found.get(PROMPT), found.get(TOTAL), found.get(CACHED)];
  const written = total === undefined || prompt === undefined ? undefined : Math.max(0, total - prompt);
  const counted = found.get(SAMPLED);
  return defined({
    prompt: prompt ?? (total === undefined || counted === undefined ? undefined : Math.max(0, total - counted)),
    sampled: counted === undefined ? written : Math.max(counted, written ?? 0),
    cached: cached === undefined || prompt === undefined ? undefined : Math.min(cached, prompt),
  });
};

/** The complaint in a value, if it is one. */
const complaintIn = (value: Value, choice: Value): Complaint | undefined => {
  const { error = choice.error, base_resp: base, object, type } = value;
  const replies = ["choices", "candidates", "content", "output", "response"].some((key) => value[key] != null);
  const failed = isValue(base) && typeof base.status_code === "number" && base.status_code !== 0;
  const isError =
    (error != null && error !== false && error !== "") ||
    failed ||
    object === "error" ||
    type === "error" ||
    value.success === false ||
    (!replies && ["message", "msg", "detail", "errors"].some((key) => hasContent(value[key])));
  return isError ? complaintOf(isValue(error) || typeof error === "string" ? [error, value] : [value]) : undefined;
};

const WORD_KEYS = ["message", "msg", "error_description", "detail", "status_msg", "reason", "title"];
const NESTED_KEYS = ["error", "errors", "base_resp", "metadata", "raw", "details"];

/** The words for people in an error, with the names of the fields that it points at. */
const wordsIn = (value: unknown, depth = 0): string[] => {
  if (typeof value === "string") {
    const text = value.trim();
    return text === "" ? [] : [text];
  }
  if (depth > DEEPEST) return [];
  if (Array.isArray(value)) return value.slice(0, 8).flatMap((one) => wordsIn(one, depth + 1));
  if (!isValue(value)) return [];
  const at = Array.isArray(value.loc) ? value.loc.join(".") : textOf(value.param);
  const own = WORD_KEYS.flatMap((key) => wordsIn(value[key], depth + 1));
  const words = [...own, ...NESTED_KEYS.flatMap((key) => wordsIn(value[key], depth + 1))];
  return at === undefined || words.some((one) => one.includes(at)) ? words : [`${at}: ${words.join(" ")}`];
};

const CODE_KEYS = ["code", "status", "status_code", "statusCode", "error_code"];
const FINAL =
  /invalid|not[_ ]?found|unsupported|not[_ ]?supported|denied|forbidden|unauthori[sz]ed|authenticat|permission|billing|insufficient|context[_ ]?length|content[_ ]?(?:filter|policy)|bad[_ ]?request|unprocessable|does not exist/i;
const PASSING = /rate|limit|overload|busy|time[d_ ]?out|unavailable|internal|server|capacity|try again|exhausted/i;
/** Nobody has paid: no later try will do, whatever the status is. */
const UNPAID = /insufficient[_ ](?:user[_ ])?(?:quota|balance|credit|funds)|billing_|payment required|credit balance/i;

/** An error, the innermost value first; `status` is that of the reply where it was no success. */
export const complaintOf = (values: readonly unknown[], status?: number): Complaint => {
  const found = values.filter(isValue);
  const holders = [...found, ...found.map((one) => one.base_resp).filter(isValue)];
  const codes = holders.flatMap((one) => CODE_KEYS.map((key) => one[key]));
  const named = codes.map(Number).find((code) => Number.isInteger(code) && code >= 400 && code < 600);
  const words = [
    ...new Set(wordsIn(values[0]).length > 0 ? wordsIn(values[0]) : values.flatMap((one) => wordsIn(one))),
  ];
  const line = words.join(" ") || JSON.stringify(values[0] ?? "");
  const kinds = [...codes, ...holders.map(({ type }) => type)].filter((one) => typeof one === "string").join(" ");
  const known = status ?? named;
  return {
    words: line,
    final: UNPAID.test(`${kinds} ${line}`) || (known === undefined ? isFinal(kinds, line) : !retryableStatus(known)),
    ...defined({ status: known }),
  };
};

/** By its code where it has one, else by its words; what says nothing may pass. */
const isFinal = (kinds: string, words: string): boolean => {
  for (const said of [kinds, words]) {
    if (FINAL.test(said)) return true;
    if (PASSING.test(said)) return false;
  }
  return false;
};
