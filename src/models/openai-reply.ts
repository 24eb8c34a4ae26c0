import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { ModelError } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import type { ChatReply } from "../model.ts";
import { defined } from "../options.ts";
import type { Redactor } from "../secrets/redact.ts";
import { dataOf } from "./server-sent-events.ts";

interface Choice {
  readonly message?: { readonly content?: unknown; readonly refusal?: unknown };
  readonly delta?: { readonly content?: unknown };
  readonly finish_reason?: unknown;
  readonly logprobs?: { readonly content?: readonly { readonly logprob?: unknown }[] | null } | null;
  /** vLLM, with `return_token_ids`. */
  readonly token_ids?: unknown;
}

/** What is read of a completion or of a part of one; everything else is left alone. */
interface Completion {
  readonly model?: unknown;
  readonly choices?: readonly Choice[];
  readonly usage?: {
    readonly prompt_tokens?: unknown;
    readonly completion_tokens?: unknown;
    readonly prompt_tokens_details?: { readonly cached_tokens?: unknown } | null;
  } | null;
  readonly error?: { readonly message?: unknown } | null;
}

/** A whole reply. Throws a retryable `ModelError` for anything else. */
export const readReply = (
  text: string,
  model: string,
  { redact, ...limits }: JsonLimits & { readonly redact?: Redactor | undefined } = {},
): ChatReply => {
  const completion = parse(text, model, limits);
  const [choice] = completion.choices ?? [];
  const content = choice?.message?.content;
  if (choice === undefined || typeof content !== "string") {
    const refusal = choice?.message?.refusal;
    throw new ModelError(
      typeof refusal === "string"
        ? `${model} refused to answer: ${firstOf(refusal, redact)}`
        : `${model} sent a reply without a text.`,
      { retryable: true },
    );
  }
  const reply = replyOf(completion, content, choice.finish_reason, tokensOf(choice), model);
  return redact === undefined ? reply : redactedReply(reply, redact);
};

/** A streamed reply, whose text is passed on as it comes. Throws a retryable `ModelError` when it breaks off. */
export const readStream = async (
  body: AsyncIterable<Uint8Array>,
  model: string,
  onText: (delta: string) => void = () => undefined,
  redact?: Redactor,
): Promise<ChatReply> => {
  const clean = redact?.stream();
  const tell = (delta: string): void => {
    if (delta !== "") onText(delta);
  };
  let text = "";
  let parts = 0;
  let finish: unknown;
  let last: Completion = {};
  let ended = false;
  const ids: number[] = [];
  const logProbs: number[] = [];
  for await (const data of dataOf(body)) {
    if (data === "[DONE]") {
      ended = true;
      break;
    }
    const completion = parse(data, model);
    if (completion.error != null)
      throw new ModelError(`${model} broke off: ${firstOf(String(completion.error.message), redact)}`, {
        retryable: true,
      });
    const [choice] = completion.choices ?? [];
    last = { ...last, ...completion, usage: completion.usage ?? last.usage ?? null };
    if (choice === undefined) continue;
    finish = choice.finish_reason ?? finish;
    const delta = choice.delta?.content;
    const tokens = tokensOf(choice);
    for (const id of tokens?.ids ?? []) ids.push(id);
    for (const logProb of tokens?.logProbs ?? []) logProbs.push(logProb);
    if (typeof delta !== "string" || delta === "") continue;
    parts += 1;
    text += delta;
    tell(clean?.push(delta) ?? delta);
  }
  tell(clean?.end() ?? "");
  if (!ended && finish == null)
    throw new ModelError(`${model} broke off in the middle of a reply.`, { retryable: true });
  const sampled = count(last.usage?.completion_tokens);
  // Each part holds one token or more: with more parts than tokens, some came twice.
  if (sampled !== undefined && parts > sampled)
    throw new ModelError(`${model} sent ${parts} parts of a reply of ${sampled} tokens: some came twice.`, {
      retryable: true,
    });
  const tokens = logProbs.length === 0 ? undefined : { ...(ids.length === logProbs.length ? { ids } : {}), logProbs };
  const reply = replyOf(last, text, finish, tokens, model);
  return redact === undefined ? reply : redactedReply(reply, redact);
};

/** The beginning of what an endpoint says, cut after its secrets are out. */
const firstOf = (said: string, redact: Redactor | undefined): string => (redact?.(said) ?? said).slice(0, 200);

const replyOf = (
  { usage, model: called }: Completion,
  text: string,
  finish: unknown,
  tokens: ChatReply["tokens"],
  model: string,
): ChatReply => {
  if (text.trim() === "") throw new ModelError(`${model} sent an empty reply.`, { retryable: true });
  const cached = count(usage?.prompt_tokens_details?.cached_tokens);
  return {
    text,
    promptTokens: count(usage?.prompt_tokens) ?? 0,
    // An endpoint that counts nothing still spends: a token is about four characters.
    sampledTokens: count(usage?.completion_tokens) ?? tokens?.logProbs.length ?? Math.ceil(text.length / 4),
    finish: finish === "length" ? "length" : "stop",
    ...defined({ cachedTokens: cached, tokens }),
    ...(typeof called === "string" ? { model: called } : {}),
  };
};

const tokensOf = ({ logprobs, token_ids }: Choice): ChatReply["tokens"] => {
  const logProbs = (logprobs?.content ?? []).map(({ logprob }) => logprob);
  if (logProbs.length === 0 || !logProbs.every((value) => typeof value === "number")) return undefined;
  const ids = Array.isArray(token_ids) && token_ids.every(Number.isInteger) ? (token_ids as number[]) : undefined;
  return { ...(ids?.length === logProbs.length ? { ids } : {}), logProbs: logProbs as number[] };
};

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;

const parse = (text: string, model: string, limits: JsonLimits = {}): Completion => {
  let value: unknown;
  try {
    value = parseJson(text, limits);
  } catch (error) {
    throw new ModelError(`${model} sent ${text.trim() === "" ? "an empty body" : "a reply that is not JSON"}.`, {
      retryable: true,
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ModelError(`${model} sent a reply that is not a completion.`, { retryable: true });
  const { choices } = value as Completion;
  if (
    choices !== undefined &&
    !(Array.isArray(choices) && choices.every((one) => typeof one === "object" && one !== null))
  )
    throw new ModelError(`${model} sent a reply that is not a completion.`, { retryable: true });
  return value as Completion;
};
