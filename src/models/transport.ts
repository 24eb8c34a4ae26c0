import { abortSignal, address, checked, count, recordOf, required, ruleOf, text } from "../options.ts";
/** One HTTP request with a body; what an OpenAI-compatible client needs of the network. */
export interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  /** Leaving the loop over it closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Posts a request. Throws whatever the network throws, and the signal's reason once it is aborted. */
export type Transport = (request: HttpRequest) => Promise<HttpReply>;

const aRequest = ruleOf<HttpRequest>({
  url: required(address),
  headers: required(recordOf(text)),
  body: required(text),
  signal: required(abortSignal),
});

/**
 * The portable transport.
 *
 * @example
 * ```ts
 * import { fetchTransport, openaiCompatible } from "agentflow/models";
 *
 * const baseURL = "http://127.0.0.1:8000/v1";
 * const model = openaiCompatible({ baseURL, model: "small", transport: fetchTransport });
 * ```
 */
export const fetchTransport: Transport = async (request) => {
  aRequest(request, "fetchTransport: the request");
  const { url, headers, body, signal } = request;
  const reply = await fetch(url, { method: "POST", headers, body, signal, redirect: "error" });
  return {
    status: reply.status,
    header: (name) => reply.headers.get(name) ?? undefined,
    body: reply.body === null ? nothing : (reply.body as unknown as AsyncIterable<Uint8Array>),
  };
};

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

/**
 * A pool of connections of its own, over undici's `request`, which costs about half of what `fetch` does; `fetch` where
 * undici is not installed. A request on a connection that the server has just closed fails: `resilient` sends it again.
 *
 * @example
 * ```ts
 * import { openaiCompatible, pooledTransport } from "agentflow/models";
 *
 * const transport = pooledTransport({ connections: 32 });
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small", transport });
 * ```
 */
export const pooledTransport = (options: { readonly connections?: number } = {}): Transport => {
  const { connections = 128 } = checked("pooledTransport", options, { connections: count });
  let opened: Promise<Transport> | undefined;
  return async (request) => {
    opened ??= openPool(connections);
    return (await opened)(request);
  };
};

const openPool = async (connections: number): Promise<Transport> => {
  const undici = await import("undici").catch(() => undefined);
  if (undici === undefined) return fetchTransport;
  const agent = new undici.Agent({ connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return async ({ url, headers, body, signal }) => {
    const reply = await undici.request(url, { method: "POST", headers, body, signal, dispatcher: agent });
    return {
      status: reply.statusCode,
      header: (name) => {
        const value = reply.headers[name];
        return Array.isArray(value) ? value[0] : value;
      },
      body: reply.body,
    };
  };
};
