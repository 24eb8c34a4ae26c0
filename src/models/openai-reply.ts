import { parseJson } from "../bounded-json.ts";
import { MARKED } from "../metered.ts";
import type { ChatReply, Price } from "../model.ts";
import { defined } from "../options.ts";
import { dollarsOf } from "./price.ts";

/** What is read of a completion as OpenAI writes it; everything else is left alone. */
interface Completion {
  readonly model?: unknown;
  readonly choices?: readonly [
    {
      readonly message?: { readonly content?: unknown; readonly tool_calls?: unknown };
      readonly finish_reason?: unknown;
      readonly logprobs?: unknown;
    }?,
  ];
  readonly usage?: {
    readonly prompt_tokens?: unknown;
    readonly completion_tokens?: unknown;
    readonly total_tokens?: unknown;
    readonly prompt_tokens_details?: { readonly cached_tokens?: unknown } | null;
  } | null;
  readonly error?: unknown;
}

/** Counts by other names may hold more: who uses them is read in full. */
const COUNTS = [
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "prompt_tokens_details",
  "completion_tokens_details",
];

/** Longer replies, such as those with log-probabilities of many tokens, are read in a thread. */
export const LONG_REPLY = 2 ** 17;

/** The reply in a completion that is whole and plain; undefined for any other body, which `readBody` reads. */
export const plainReply = (body: string, price: Price | undefined): ChatReply | undefined => {
  if (body.length >= LONG_REPLY) return undefined;
  try {
    const { choices, usage, model, error } = parseJson(body) as Completion;
    const choice = choices?.[0];
    const text = choice?.message?.content;
    const [promptTokens, sampledTokens] = [usage?.prompt_tokens, usage?.completion_tokens];
    if (typeof text !== "string" || text.trim() === "" || MARKED.test(text) || error != null) return undefined;
    if (choice?.finish_reason !== "stop" || choice.logprobs != null || choice.message?.tool_calls != null)
      return undefined;
    if (!isCount(promptTokens) || !isCount(sampledTokens)) return undefined;
    const { prompt_tokens_details: details, total_tokens: total = promptTokens + sampledTokens } = usage ?? {};
    const isPlain =
      total === promptTokens + sampledTokens && Object.keys(usage ?? {}).every((one) => COUNTS.includes(one));
    const cachedTokens = isCount(details?.cached_tokens) ? details.cached_tokens : undefined;
    if (!isPlain || (cachedTokens ?? 0) > promptTokens) return undefined;
    return {
      text,
      promptTokens,
      sampledTokens,
      finish: "stop",
      ...defined({
        cachedTokens,
        model: typeof model === "string" ? model : undefined,
        dollars: dollarsOf({ promptTokens, cachedTokens, sampledTokens }, price),
      }),
    };
  } catch {
    // No JSON, or of another shape: whoever reads everything says what it is.
    return undefined;
  }
};

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0;
