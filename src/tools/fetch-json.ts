import { parseJson } from "../bounded-json.ts";
import { messageOf, retryableStatus, ToolError } from "../errors.ts";
import { exactJson } from "../number-text.ts";
import { callback, type Rules, seconds } from "../options.ts";
import { type Redactor, redactor, redactors } from "../secrets/redact.ts";
import { secretsGiven, secretsOfAddress } from "../secrets/secrets.ts";

export interface JsonFetchOptions {
  /** @default the global fetch */
  readonly fetch?: typeof fetch;
  /** @default 20 */
  readonly timeoutSeconds?: number;
}

export interface JsonRequest {
  readonly abortSignal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON by POST; without one it is a GET. */
  readonly body?: unknown;
  readonly method?: string;
  /** Takes further secrets out of the answer. Those of the headers and of the address never stay in it. */
  readonly redact?: Redactor | undefined;
}

/** What the options of a tool that asks an API accept. */
export const jsonFetchRules: Rules<JsonFetchOptions> = { fetch: callback, timeoutSeconds: seconds };

/** Asks an API that answers in JSON. Throws `ToolError` with the host, and never with a key. */
export type FetchJson = (url: string, request: JsonRequest) => Promise<Readonly<Record<string, unknown>>>;

const MOST_BYTES = 4 * 2 ** 20;

/** For the fixed addresses of APIs that a person has configured; pages that a model names go through `guardedFetch`. */
export const fetchJson =
  ({ fetch: send = fetch, timeoutSeconds = 20 }: JsonFetchOptions = {}): FetchJson =>
  async (url, { abortSignal, headers, body, method, redact: others }) => {
    const signal = AbortSignal.any([abortSignal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const { host } = new URL(url);
    const keys = [...secretsGiven(headers ?? {}), ...secretsOfAddress(url)];
    const redact = redactors(keys.length === 0 ? undefined : redactor(keys), others);
    try {
      const reply = await send(url, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal,
        redirect: "error",
      });
      const text = await bounded(reply, host);
      if (!reply.ok) {
        const said = (redact?.(text) ?? text).slice(0, 2000).replace(/\s+/g, " ").slice(0, 200);
        throw new ToolError(`${host} answers with status ${reply.status}: ${said}`, {
          retryable: retryableStatus(reply.status),
        });
      }
      const parsed = parseJson(exactJson(text));
      const value = redact === undefined ? parsed : redact.value(parsed);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        refuseError(value as Record<string, unknown>, host);
        return value as Record<string, unknown>;
      }
      throw new ToolError(`${host} sent a reply that is not a JSON object.`);
    } catch (error) {
      abortSignal.throwIfAborted();
      if (error instanceof ToolError) throw error;
      if (signal.aborted)
        throw new ToolError(`${host} gave no reply within ${timeoutSeconds} seconds.`, { retryable: true });
      if (error instanceof SyntaxError) throw new ToolError(`${host} sent a reply that is not JSON.`);
      const { cause } = error as { readonly cause?: unknown };
      const reason = messageOf(cause instanceof Error ? cause : error);
      throw new ToolError(`${host} cannot be reached: ${redact?.(reason) ?? reason}.`, { retryable: true });
    }
  };

/** Codes of errors that pass: an API that is busy, behind or down. */
const PASSING =
  /maxlag|rate.?limit|too.?many|too.?busy|busy|overload|read.?only|unavailable|time.?out|internal|temporar/i;

/** Some APIs say with status 200 that they failed. Throws `ToolError` with their words. */
const refuseError = ({ error }: Readonly<Record<string, unknown>>, host: string): void => {
  if (error === undefined || error === null || error === false || error === "") return;
  const { code, status, info, message, detail } = Object(error) as Readonly<Record<string, unknown>>;
  const words = [code, status, info ?? message ?? detail ?? (typeof error === "string" ? error : undefined)];
  const said = words.filter((word) => ["string", "number"].includes(typeof word)).join(": ");
  const passes = [code, status].some((one) => typeof one === "number" && retryableStatus(one)) || PASSING.test(said);
  throw new ToolError(`${host} answers with an error: ${said.slice(0, 300) || JSON.stringify(error).slice(0, 300)}`, {
    retryable: passes,
  });
};

const bounded = async (reply: Response, host: string): Promise<string> => {
  if (reply.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of reply.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MOST_BYTES) throw new ToolError(`${host} sent more than ${MOST_BYTES} characters.`);
  }
  return text + decoder.decode();
};
