import { ConfigError, ModelError, messageOf } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import {
  type ChatModel,
  type ChatReply,
  type ChatRequest,
  type Price,
  type PromptStyle,
  priceRule,
  promptStyleRule,
} from "../model.ts";
import {
  callback,
  checked,
  count,
  listOf,
  name,
  number,
  type Rules,
  recordOf,
  required,
  seconds,
  text,
} from "../options.ts";
import type { HeldSecrets } from "../secrets/held-secrets.ts";
import { refusalOf } from "./openai-refusal.ts";
import { readReply, readStream } from "./openai-reply.ts";
import { dollarsOf } from "./price.ts";
import { pooledTransport, type Transport } from "./transport.ts";

export interface OpenAICompatibleOptions {
  /** Up to and with `/v1`, such as `http://127.0.0.1:8000/v1`. */
  readonly baseURL: string;
  readonly model: string;
  /** Sent as a bearer token, to this endpoint alone; it appears in no reply and in no error. @default none */
  readonly apiKey?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further secrets that are taken out of what the endpoint says. @default none */
  readonly secrets?: readonly string[] | undefined;
  readonly price?: Price | undefined;
  /** @default "json" */
  readonly promptStyle?: PromptStyle | undefined;
  /** Of requests that name none. @default the endpoint's own */
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  /** Of requests that name none. @default 1024 */
  readonly maxTokens?: number | undefined;
  /** Deadline of one request. @default 120 */
  readonly timeoutSeconds?: number;
  /** Longest reply that is read. @default 4 MiB */
  readonly maxBytes?: number;
  /** @default a pool of connections of its own */
  readonly transport?: Transport;
}

/** Longer replies, such as those with log-probabilities of many tokens, are read in a thread. */
const LONG_REPLY = 2 ** 17;

/** How an endpoint is asked for JSON, the strictest first. */
const optionRules: Rules<OpenAICompatibleOptions> = {
  baseURL: required(text),
  model: required(name),
  apiKey: text,
  headers: recordOf(text),
  price: priceRule,
  promptStyle: promptStyleRule,
  temperature: number(),
  topP: number({ above: 0, most: 1 }),
  maxTokens: count,
  timeoutSeconds: seconds,
  maxBytes: count,
  transport: callback,
  secrets: listOf(text),
};

const formats = ["json_schema", "json_object", "none"] as const;

/** What an endpoint was found not to know; it is not asked for it again. */
interface Habits {
  format: (typeof formats)[number];
  tokenLimit: "max_tokens" | "max_completion_tokens";
  temperature: boolean;
  logProbs: boolean;
}

/**
 * A model behind an OpenAI-compatible endpoint (`POST /chat/completions`): streaming, structured output with fallbacks
 * where the endpoint lacks it, log-probabilities and token ids where it offers them, counts of cached prompt tokens.
 * Throws `ModelError`s that say whether a later try may succeed. It asks again only without what the endpoint says it
 * does not know; trying again is for `resilient`.
 *
 * @example
 * ```ts
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small", temperature: 0 });
 * const { text } = await model.complete({ messages: [{ role: "user", content: "What is 8 times 5?" }] });
 * ```
 */
export const openaiCompatible = (options: OpenAICompatibleOptions): ChatModel => {
  checked("openaiCompatible", options, optionRules);
  const { model, price, promptStyle = "json", timeoutSeconds = 120, maxBytes = 4 * 2 ** 20 } = options;
  const transport = options.transport ?? pooledTransport();
  const url = `${addressOf(options.baseURL)}/chat/completions`;
  const habits: Habits = { format: "json_schema", tokenLimit: "max_tokens", temperature: true, logProbs: true };
  const headers = {
    "content-type": "application/json",
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    ...options.headers,
  };

  let held: Promise<HeldSecrets> | undefined;
  const ownSecrets = (): Promise<HeldSecrets> => {
    held ??= import("../secrets/held-secrets.ts").then(({ heldSecrets }) =>
      heldSecrets(options.apiKey ?? "", options.headers ?? {}, options.secrets ?? []),
    );
    return held;
  };
  // What finds secrets is loaded where there may be one.
  const isOpen = options.apiKey === undefined && options.headers === undefined && options.secrets === undefined;

  const ask = async (request: ChatRequest): Promise<ChatReply> => {
    const redact = isOpen ? request.redact : (await ownSecrets()).redactorWith(request.redact);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutSeconds * 1000);
    const stop = (): void => deadline.abort();
    request.abortSignal?.addEventListener("abort", stop, { once: true });
    try {
      request.abortSignal?.throwIfAborted();
      const body = JSON.stringify(bodyOf(request, options, habits));
      const reply = await transport({ url, headers, body, signal: deadline.signal });
      const bytes = bounded(reply.body, maxBytes, model);
      if (reply.status !== 200) throw refusalOf(reply, await textOf(bytes), model, redact);
      const streams = request.onText !== undefined && (reply.header("content-type") ?? "").includes("event-stream");
      if (streams) return await readStream(bytes, model, request.onText, redact);
      const text = await textOf(bytes);
      if (text.length < LONG_REPLY) return readReply(text, model, { redact });
      const { readLongReply } = await import("./long-reply.ts");
      const said = await readLongReply(text, model, deadline.signal);
      return redact === undefined ? said : redactedReply(said, redact);
    } catch (thrown) {
      // An abort by the caller is not the model's fault.
      request.abortSignal?.throwIfAborted();
      const error =
        thrown instanceof ModelError
          ? thrown
          : new ModelError(
              deadline.signal.aborted
                ? `${model} gave no reply within ${timeoutSeconds} seconds.`
                : `${model} at ${new URL(url).host} cannot be reached, or broke off: ${reasonOf(thrown)}.`,
              { retryable: true, cause: thrown },
            );
      throw redact === undefined ? error : redact.error(error);
    } finally {
      clearTimeout(timer);
      request.abortSignal?.removeEventListener("abort", stop);
    }
  };

  return {
    id: model,
    promptStyle,
    ...(isOpen ? {} : { secrets: async () => (await ownSecrets()).secrets }),
    complete: async (request) => {
      if (request.messages.length === 0) throw new ModelError("The request has no message to reply to.");
      for (;;) {
        const asked = { ...habits };
        try {
          const reply = await ask(request);
          const dollars = dollarsOf(reply, price);
          return dollars === undefined ? reply : { ...reply, dollars };
        } catch (error) {
          const unknown = error instanceof ModelError && (error.status === 400 || error.status === 422);
          // Another request may have learnt it meanwhile: then this one is asked again by the new habits.
          if (!unknown || !(unlearn(habits, request, error.message) || !same(asked, habits))) throw error;
        }
      }
    },
  };
};

const addressOf = (baseURL: string): string => {
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new ConfigError(
      `baseURL is ${JSON.stringify(shownAddress(baseURL))}: it must be an address such as http://127.0.0.1:8000/v1.`,
    );
  if (url.username !== "" || url.password !== "")
    throw new ConfigError("baseURL holds a user name or a password: give the key as apiKey.");
  if (url.search !== "" || url.hash !== "")
    throw new ConfigError(
      `baseURL is ${shownAddress(baseURL)}: it must end with its path. Give a key as apiKey, and other settings as headers.`,
    );
  return url.href.replace(/(?<!\/)\/+$/, "");
};

/** An address without what may open something. */
const shownAddress = (address: string): string => address.replace(/(?<![^/])[^/]*@/, "…@").replace(/[?#].*$/s, "?…");

const bodyOf = (
  { messages, grammar, stop, onText, logProbs, ...request }: ChatRequest,
  { model, ...defaults }: OpenAICompatibleOptions,
  habits: Habits,
): Readonly<Record<string, unknown>> => {
  const temperature = request.temperature ?? defaults.temperature;
  const topP = request.topP ?? defaults.topP;
  const seed = request.randomKey?.low;
  return {
    model,
    messages,
    [habits.tokenLimit]: request.maxTokens ?? defaults.maxTokens ?? 1024,
    ...(temperature === undefined || !habits.temperature ? {} : { temperature }),
    ...(topP === undefined || !habits.temperature ? {} : { top_p: topP }),
    ...(stop === undefined || stop.length === 0 ? {} : { stop }),
    // Taken as a wish: what an endpoint makes of it is its affair.
    ...(seed === undefined ? {} : { seed: seed >>> 1 }),
    ...(grammar?.type === "json" ? formatOf(grammar.schema, habits.format) : {}),
    ...(logProbs === true && habits.logProbs ? { logprobs: true, return_token_ids: true } : {}),
    ...(onText === undefined ? {} : { stream: true, stream_options: { include_usage: true } }),
  };
};

const formatOf = (schema: Readonly<Record<string, unknown>>, format: Habits["format"]): object => {
  if (format === "json_schema")
    return { response_format: { type: "json_schema", json_schema: { name: "reply", schema } } };
  return format === "json_object" ? { response_format: { type: "json_object" } } : {};
};

/** Learns from a refused request what the endpoint does not know. Returns whether there is something to leave out. */
const unlearn = (habits: Habits, { grammar, logProbs }: ChatRequest, message: string): boolean => {
  if (/max_completion_tokens/i.test(message) && habits.tokenLimit === "max_tokens") {
    habits.tokenLimit = "max_completion_tokens";
    return true;
  }
  if (/temperature|top_p/i.test(message) && habits.temperature) {
    habits.temperature = false;
    return true;
  }
  if (logProbs === true && habits.logProbs && /logprobs|token_ids/i.test(message)) {
    habits.logProbs = false;
    return true;
  }
  if (grammar?.type === "json" && habits.format !== "none" && /response_format|json|schema|grammar/i.test(message)) {
    habits.format = formats[formats.indexOf(habits.format) + 1] ?? "none";
    return true;
  }
  return false;
};

const same = (a: Habits, b: Habits): boolean => JSON.stringify(a) === JSON.stringify(b);

/** `fetch` hides what happened in the cause of its error. */
const reasonOf = (error: unknown): string => {
  const { cause } = error as { readonly cause?: unknown };
  return (messageOf(cause instanceof Error ? cause : error) || "no reason given").replace(/\.$/, "");
};

const bounded = async function* (
  body: AsyncIterable<Uint8Array>,
  most: number,
  model: string,
): AsyncGenerator<Uint8Array, void> {
  let size = 0;
  for await (const bytes of body) {
    size += bytes.length;
    if (size > most)
      throw new ModelError(`${model} sent more than ${most} bytes; the reply was dropped.`, { retryable: true });
    yield bytes;
  }
};

const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) text += decoder.decode(bytes, { stream: true });
  return text + decoder.decode();
};
