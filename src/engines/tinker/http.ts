/** A request of the Tinker API, as data: what a client sends and a server gets. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** With the query, from the root of the server. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** @default 60 */
  readonly timeoutSeconds?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Carries a request to a server. Throws what kept it from getting an answer, which may have been lost on its way back. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** Where all paths of the API begin. */
export const API = "/api/v1/";
export const JSON_TYPE = "application/json";
export const PROTOBUF_TYPE = "application/x-protobuf";
