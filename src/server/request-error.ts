import { AgentFlowError, ConfigError, ModelError, StoreError } from "../errors.ts";

export interface RequestErrorOptions extends ErrorOptions {
  /** For programs, such as `model_not_found`. */
  readonly code?: string | undefined;
  /** The field of the request that is meant. */
  readonly param?: string | undefined;
  /** Told with a refusal that ends by itself. */
  readonly retryAfterSeconds?: number | undefined;
}

/** A request that is not served, and the HTTP status that says why. */
export class RequestError extends AgentFlowError {
  override readonly name = "RequestError";
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    message: string,
    { code, param, retryAfterSeconds, ...options }: RequestErrorOptions = {},
  ) {
    super(message, options);
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
};

/** What a client learns of anything thrown. Of a fault of ours only that there was one: its words are for the operator. */
export const refusalOf = (thrown: unknown): RequestError => {
  if (thrown instanceof RequestError) return thrown;
  if (thrown instanceof ConfigError) return new RequestError(400, thrown.message, { cause: thrown });
  if (thrown instanceof ModelError)
    return new RequestError(502, thrown.message, { code: "model_unavailable", cause: thrown });
  if (thrown instanceof StoreError)
    return new RequestError(500, thrown.message, { code: "store_error", cause: thrown });
  return new RequestError(500, "The server failed at this request. Its log says why.", {
    code: "internal_error",
    cause: thrown,
  });
};

/** The body of an error as OpenAI's clients read it. */
export const errorBody = ({ status, message, code, param }: RequestError): object => ({
  error: {
    message,
    type: types[status] ?? (status < 500 ? "invalid_request_error" : "server_error"),
    code: code ?? null,
    param: param ?? null,
  },
});

/** A refusal as a response. */
export const errorResponse = (error: RequestError): Response =>
  Response.json(errorBody(error), {
    status: error.status,
    headers: {
      ...(error.retryAfterSeconds !== undefined && { "retry-after": String(error.retryAfterSeconds) }),
      ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
    },
  });
