import { ConfigError, ModelError, messageOf, retryableStatus } from "../errors.ts";
import type { ChatModel, ChatReply, ChatRequest, Price, PromptStyle } from "../model.ts";
import { readReply, readStream } from "./openai-reply.ts";
import { dollarsOf } from "./price.ts";
import { type HttpReply, pooledTransport, type Transport } from "./transport.ts";

export interface OpenAICompatibleOptions {
  /** Up to and with `/v1`, such as `http://127.0.0.1:8000/v1`. */
  readonly baseURL: string;
  readonly model: string;
  /** Sent as a bearer token; it never appears in an error. @default none */
  readonly apiKey?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
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

/** How an endpoint is asked for JSON, the strictest first. */
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
 */
export const openaiCompatible = (options: OpenAICompatibleOptions): ChatModel => {
  const { model, price, promptStyle = "json", timeoutSeconds = 120, maxBytes = 4 * 2 ** 20 } = options;
  const transport = options.transport ?? pooledTransport();
  const url = `${addressOf(options.baseURL)}/chat/completions`;
  const habits: Habits = { format: "json_schema", tokenLimit: "max_tokens", temperature: true, logProbs: true };
  const headers = {
    "content-type": "application/json",
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    ...options.headers,
  };

  const ask = async (request: ChatRequest): Promise<ChatReply> => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutSeconds * 1000);
    const stop = (): void => deadline.abort();
    request.abortSignal?.addEventListener("abort", stop, { once: true });
    try {
      request.abortSignal?.throwIfAborted();
      const body = JSON.stringify(bodyOf(request, options, habits));
      const reply = await transport({ url, headers, body, signal: deadline.signal });
      const bytes = bounded(reply.body, maxBytes, model);
      if (reply.status !== 200) throw refusalOf(reply, await textOf(bytes), model);
      const streams = request.onText !== undefined && (reply.header("content-type") ?? "").includes("event-stream");
      return streams ? await readStream(bytes, model, request.onText) : readReply(await textOf(bytes), model);
    } catch (error) {
      // The caller's own abort is no fault of the model.
      request.abortSignal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      throw new ModelError(
        deadline.signal.aborted
          ? `${model} gave no reply within ${timeoutSeconds} seconds.`
          : `${model} at ${new URL(url).host} cannot be reached, or broke off: ${reasonOf(error)}.`,
        { retryable: true, cause: error },
      );
    } finally {
      clearTimeout(timer);
      request.abortSignal?.removeEventListener("abort", stop);
    }
  };

  return {
    id: model,
    promptStyle,
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
      `baseURL is ${JSON.stringify(baseURL)}: it must be an address such as http://127.0.0.1:8000/v1.`,
    );
  if (url.username !== "" || url.password !== "")
    throw new ConfigError("baseURL holds a user name or a password: give the key as apiKey.");
  return url.href.replace(/(?<!\/)\/+$/, "");
};

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

const refusalOf = (reply: HttpReply, text: string, model: string): ModelError => {
  const retryAfterSeconds = secondsOf(reply.header("retry-after"));
  return new ModelError(`${model} refused the request with ${reply.status}: ${complaintOf(text)}`, {
    status: reply.status,
    retryable: retryableStatus(reply.status),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
};

/** `Retry-After` in seconds, given as such or as a date. */
const secondsOf = (value: string | undefined): number | undefined => {
  if (value === undefined) return undefined;
  const seconds = /^\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
};

/** The endpoint's own words, in one bounded line. */
const complaintOf = (text: string): string => {
  let said = text;
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } | string };
    said = typeof error === "string" ? error : typeof error?.message === "string" ? error.message : text;
  } catch {
    // Not JSON: a proxy's page, of which the beginning will do.
  }
  const line = said.replace(/\s+/g, " ").trim();
  return line === "" ? "without a word." : line.slice(0, 300);
};

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
