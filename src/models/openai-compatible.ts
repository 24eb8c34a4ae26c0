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
import type { Redactor } from "../secrets/redact.ts";
import type { Asked } from "./any-reply.ts";
import { asking } from "./asking.ts";
import { plainReply } from "./openai-reply.ts";
import type { RequestBody } from "./openai-request.ts";
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
  /** @default "tools", which is JSON where an endpoint lacks them */
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
  const { model, price, promptStyle = "tools", timeoutSeconds = 120, maxBytes = 4 * 2 ** 20 } = options;
  const transport = options.transport ?? pooledTransport();
  const url = `${addressOf(options.baseURL)}/chat/completions`;
  const headers = {
    "content-type": "application/json",
    ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
    ...options.headers,
  };
  const hasKey = options.apiKey !== undefined || options.headers !== undefined;

  let held: Promise<HeldSecrets> | undefined;
  const ownSecrets = (): Promise<HeldSecrets> => {
    held ??= import("../secrets/held-secrets.ts").then(({ heldSecrets }) =>
      heldSecrets(options.apiKey ?? "", options.headers ?? {}, options.secrets ?? []),
    );
    return held;
  };
  // What finds secrets is loaded where there may be one.
  const isOpen = options.apiKey === undefined && options.headers === undefined && options.secrets === undefined;

  const ask = async (request: ChatRequest, body: RequestBody, limit: number): Promise<ChatReply> => {
    const redact = isOpen ? request.redact : (await ownSecrets()).redactorWith(request.redact);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutSeconds * 1000);
    const stop = (): void => deadline.abort();
    request.abortSignal?.addEventListener("abort", stop, { once: true });
    const calls = body.tools !== undefined;
    const asked: Asked = { model, messages: request.messages, limit, price, calls, redact };
    try {
      request.abortSignal?.throwIfAborted();
      const reply = await transport({ url, headers, body: JSON.stringify(body), signal: deadline.signal });
      const bytes = bounded(reply.body, maxBytes, model);
      if (reply.status !== 200) {
        const { refusalOf } = await import("./openai-refusal.ts");
        throw refusalOf(reply, await textOf(bytes), { model, hasKey, redact });
      }
      const { onText } = request;
      if (body.stream === true && !(reply.header("content-type") ?? "").startsWith("application/json")) {
        const { readStream } = await import("./openai-stream.ts");
        return cleaned(await readStream(bytes, asked, onText), redact);
      }
      const text = await textOf(bytes);
      const said =
        plainReply(text, price) ?? (await (await import("./openai-body.ts")).readBody(text, asked, deadline.signal));
      const clean = cleaned(said, redact);
      onText?.(clean.text);
      return clean;
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
    priced: price !== undefined,
    ...(isOpen ? {} : { secrets: async () => (await ownSecrets()).secrets }),
    complete: asking(options, ask),
  };
};

const cleaned = (reply: ChatReply, redact: Redactor | undefined): ChatReply =>
  redact === undefined ? reply : redactedReply(reply, redact);

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
