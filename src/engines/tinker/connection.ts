import { parseJson } from "../../bounded-json.ts";
import type { Clock } from "../../clock.ts";
import { EngineError, messageOf, retryableStatus } from "../../errors.ts";
import { Expired, failureOf } from "./failures.ts";
import { API, type HttpRequest, type HttpResponse, JSON_TYPE, PROTOBUF_TYPE, type Transport } from "./http.ts";

/** An answer in JSON: an object. */
export type Json = Readonly<Record<string, unknown>>;

export interface CallOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** @default the connection's */
  readonly patienceSeconds?: number | undefined;
}

/** Requests to one server, each sent again until it is answered or patience ends. This is the one layer that tries again. */
export interface Connection {
  get(path: string): Promise<Json>;
  post(path: string, body: object | Uint8Array, options?: CallOptions): Promise<Json>;
  delete(path: string, options?: CallOptions): Promise<void>;
  /** One attempt, for a sign of life. Returns the status. */
  beat(path: string, body: object): Promise<number>;
  /**
   * Waits for the result of an operation, by long polls. Throws `Expired` when it has to be asked for again, `Lost` when
   * the server knows nothing of it, `EngineError` when it failed.
   */
  result(request: Json, type: string, options?: CallOptions): Promise<Json | Uint8Array>;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly apiKey: string;
  readonly clock: Clock;
  /** How long a server may be out of reach. */
  readonly patienceSeconds: number;
}

const POLL_SECONDS = 45;
/** A refusal of a poll that a proxy may have said, or of a request that is being executed. */
const NOISE = 4;
/** Between two polls that a server answers at once. */
const PACE_MS = 20;
const LIMITS = { depth: 32, values: 4_000_000 };

export const connect = ({ transport, apiKey, clock, patienceSeconds }: ConnectionOptions): Connection => {
  const sleep = (milliseconds: number, abortSignal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      abortSignal?.throwIfAborted();
      const stop = (): void => {
        cancel();
        reject(abortSignal?.reason);
      };
      const cancel = clock.after(milliseconds, () => {
        abortSignal?.removeEventListener("abort", stop);
        resolve();
      });
      abortSignal?.addEventListener("abort", stop, { once: true });
    });
  const requestOf = (method: HttpRequest["method"], path: string, body?: object | Uint8Array): HttpRequest => {
    const binary = body instanceof Uint8Array;
    const headers: Record<string, string> = { "x-api-key": apiKey, accept: JSON_TYPE };
    if (body !== undefined) headers["content-type"] = binary ? PROTOBUF_TYPE : JSON_TYPE;
    if (path === "asample") headers["x-tinker-sampling-backpressure"] = "1";
    const bytes = body === undefined || binary ? body : new TextEncoder().encode(JSON.stringify(body));
    return { method, path: `${API}${path}`, headers, body: bytes };
  };

  /** Sends until there is an answer that is final. Statuses of `final` are handed over as they are. */
  const send = async (
    request: HttpRequest,
    what: string,
    final: (status: number) => boolean,
    options: CallOptions = {},
  ): Promise<HttpResponse> => {
    const { abortSignal, patienceSeconds: patience = patienceSeconds } = options;
    const begun = clock.now();
    let conflicts = 0;
    for (let attempt = 0; ; attempt += 1) {
      abortSignal?.throwIfAborted();
      let failure: string;
      let wait = Math.min(500 * 2 ** attempt, 10_000);
      try {
        const response = await transport({ ...request, abortSignal });
        const { status } = response;
        conflicts += status === 409 ? 1 : 0;
        if (final(status) || !(retryableStatus(status) || status === 402) || conflicts >= NOISE) return response;
        failure = `the server answered ${status}`;
        wait = retryAfter(response) ?? (status === 402 ? 5000 : wait);
      } catch (error) {
        abortSignal?.throwIfAborted();
        failure = messageOf(error);
      }
      if (clock.now() - begun + wait > 1000 * patience)
        throw new EngineError(`${what} did not succeed within ${patience} s: ${failure}. Is the server running?`);
      await sleep(wait, abortSignal);
    }
  };
  const succeed = ({ status, body }: HttpResponse): boolean => status >= 200 && status < 300 && body !== undefined;
  const call = async (request: HttpRequest, path: string, options?: CallOptions): Promise<Json> => {
    const response = await send(request, path, () => false, options);
    if (!succeed(response)) throw failureOf(path, response.status, detailOf(response));
    return jsonOf(response, path);
  };

  const poll = async (id: string, type: string, options: CallOptions): Promise<Json | Uint8Array> => {
    const request: HttpRequest = {
      ...requestOf("POST", "retrieve_future", { request_id: id, allow_metadata_only: false }),
      timeoutSeconds: POLL_SECONDS,
    };
    const headers = { ...request.headers, accept: PROTOBUF_TYPE, "x-tinker-request-type": type };
    let noise = 0;
    for (let iteration = 0; ; iteration += 1) {
      const asked = clock.now();
      const iterated = { ...headers, "x-tinker-request-iteration": String(iteration) };
      // A time-out of a poll, ours or the server's, says only that it is not done.
      const response = await send({ ...request, headers: iterated }, type, (status) => status === 408, options);
      const { status } = response;
      if (status === 400 && noise < NOISE - 1) noise += 1;
      else if (status !== 408) {
        if (!succeed(response)) throw failureOf(type, status, detailOf(response));
        if (response.headers["content-type"]?.startsWith(PROTOBUF_TYPE)) return response.body;
        const answer = jsonOf(response, type);
        if (typeof answer.error === "string") throw failedOf(type, answer);
        if (answer.type !== "try_again" && answer.status !== "complete_metadata") return answer;
      }
      if (clock.now() - asked < PACE_MS) await sleep(PACE_MS, options.abortSignal);
    }
  };

  return {
    get: (path) => call(requestOf("GET", path), path),
    post: (path, body, options) => call(requestOf("POST", path, body), path, options),
    delete: async (path, options) => {
      const response = await send(requestOf("DELETE", path), path, () => false, options);
      if (!succeed(response) && response.status !== 404) throw failureOf(path, response.status, detailOf(response));
    },
    beat: async (path, body) => (await transport({ ...requestOf("POST", path, body), timeoutSeconds: 10 })).status,
    result: (request, type, options = {}) => poll(textOf(request, "request_id", type), type, options),
  };
};

/** The operation itself failed. In words of what is gone it is lost, not wrong. */
const failedOf = (type: string, { error, category }: Json): EngineError => {
  const failure = failureOf(type, 400, String(error));
  return category === "server" && !(failure instanceof Expired)
    ? new EngineError(`${type} failed at the server: ${String(error).slice(0, 500)}`)
    : failure;
};

const retryAfter = ({ headers }: HttpResponse): number | undefined => {
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(1000 * seconds, 60_000) : undefined;
};

const jsonOf = ({ body }: HttpResponse, what: string): Json => {
  try {
    const value = body.length === 0 ? {} : parseJson(new TextDecoder().decode(body), LIMITS);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch (cause) {
    throw new EngineError(`${what}: the server's answer cannot be read: ${messageOf(cause)}.`, { cause });
  }
  throw new EngineError(`${what}: the server's answer is not an object.`);
};

/** What a refusal says; an answer that echoes a request is cut. */
const detailOf = ({ body }: HttpResponse): string => {
  const text = new TextDecoder().decode(body.subarray(0, 4000));
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: unknown };
    return typeof detail === "string" ? detail : JSON.stringify(detail ?? text).slice(0, 500);
  } catch {
    return text;
  }
};

/** A text of an answer. Throws `EngineError` when it is missing. */
export const textOf = (answer: Json, name: string, what: string): string => {
  const value = answer[name];
  if (typeof value === "string") return value;
  throw new EngineError(`${what}: the server's answer lacks ${name}.`);
};
