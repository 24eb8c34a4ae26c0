/** One way in which an endpoint talks or fails, as data: what it sends, and what has to come of it. */
export interface Dialect {
  readonly name: string;
  /** The n-th request gets the n-th of these; the last one serves for all further ones. */
  readonly replies: readonly Sent[];
  /** What it refuses instead of that. */
  readonly refuses?: readonly Refused[];
  /** @default false */
  readonly streams?: boolean;
  readonly asks?: {
    readonly maxTokens?: number;
    readonly temperature?: number;
    readonly topP?: number;
    readonly stop?: readonly string[];
    readonly seed?: number;
    readonly json?: boolean;
    readonly logProbs?: boolean;
    readonly tools?: boolean;
  };
  readonly right: Right;
  /** Requests until then, of a model that tries three times. */
  readonly requests: number;
}

export interface Sent {
  /** @default 200 */
  readonly status?: number;
  /** @default "application/json" */
  readonly type?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is reset behind the body. */
  readonly cut?: boolean;
}

/** Requests with this field (`when` its value is so) are refused with these words. */
export interface Refused {
  readonly field: string;
  readonly when?: (value: unknown) => boolean;
  /** @default 400 */
  readonly status?: number;
  readonly body: unknown;
}

/** What the caller gets; `usage`: prompt and sampled tokens that were paid for, those of thrown-away replies included. */
export type Right =
  | { readonly text: string; readonly usage?: readonly [number, number]; readonly cached?: number }
  | { readonly error: RegExp; readonly usage?: readonly [number, number]; readonly retryable?: boolean };

export const json = (value: unknown, more: Omit<Sent, "body"> = {}): Sent => ({ ...more, body: JSON.stringify(value) });

export const sse = (...events: readonly unknown[]): Sent => ({
  type: "text/event-stream",
  body: events.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join(""),
});

/** A completion; `message` and `choice` replace what is in it. */
export const completion = (
  content: unknown,
  { message = {}, choice = {}, usage = { prompt_tokens: 10, completion_tokens: 5 }, ...more }: More = {},
): object => ({
  id: "c",
  object: "chat.completion",
  model: "double",
  choices: [{ index: 0, message: { role: "assistant", content, ...message }, finish_reason: "stop", ...choice }],
  usage,
  ...more,
});

export interface More {
  readonly message?: object;
  readonly choice?: object;
  readonly usage?: object | null;
  readonly [name: string]: unknown;
}

/** A part of a stream. */
export const part = (content: unknown, choice: object = {}, more: object = {}): object => ({
  id: "c",
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta: { content }, finish_reason: null, ...choice }],
  ...more,
});

export const end = (finish: unknown = "stop"): object => ({
  id: "c",
  choices: [{ index: 0, delta: {}, finish_reason: finish }],
});
export const counted = (prompt = 10, sampled = 5): object => ({
  id: "c",
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: sampled },
});
export const error = (message: string, more: object = {}): object => ({ error: { message, ...more } });
