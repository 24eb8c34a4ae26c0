import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { ChatMessage } from "../model.ts";
import { type Fault, isFault } from "./model-faults.ts";

/** What a request to the double held. */
export interface OpenAIRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: {
    readonly model?: string;
    readonly messages?: readonly ChatMessage[];
    readonly stream?: boolean;
    readonly [key: string]: unknown;
  };
}

export interface OpenAIServerOptions {
  /** The text of the assistant's reply. */
  readonly reply: (request: OpenAIRequest) => string | Promise<string>;
  /** What goes wrong with the n-th request (from 0), if anything. @default nothing */
  readonly fault?: (n: number, request: OpenAIRequest) => Fault | undefined;
  /** Names of request fields that it refuses with 400, as endpoints do that lack a feature. @default [] */
  readonly unknownFields?: readonly string[];
  /** Milliseconds before it replies. @default 0 */
  readonly delay?: number;
}

export interface OpenAIServer {
  /** Up to and with `/v1`. */
  readonly baseURL: string;
  /** Every completion that was asked for, in order. */
  readonly requests: readonly OpenAIRequest[];
  close(): Promise<void>;
}

/**
 * An OpenAI-compatible server on loopback that replies and fails as its options say.
 *
 * @example
 * ```ts
 * import { openaiCompatible } from "agentflow/models";
 * import { openaiServer } from "agentflow/testing";
 *
 * const server = await openaiServer({ reply: () => "forty" });
 * const model = openaiCompatible({ baseURL: server.baseURL, model: "double" });
 * await server.close();
 * ```
 */
export const openaiServer = async (options: OpenAIServerOptions): Promise<OpenAIServer> => {
  const requests: OpenAIRequest[] = [];
  const server = createServer((incoming, response) => {
    serve(incoming, response, options, requests).catch(() => response.destroy());
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return { baseURL: `http://127.0.0.1:${port}/v1`, requests, close: () => close(server) };
};

const close = (server: Server): Promise<void> =>
  new Promise((closed) => {
    server.close(() => closed());
    server.closeAllConnections();
  });

const serve = async (
  incoming: IncomingMessage,
  response: ServerResponse,
  { reply, fault, unknownFields = [], delay = 0 }: OpenAIServerOptions,
  requests: OpenAIRequest[],
): Promise<void> => {
  if (incoming.url?.endsWith("/health")) {
    response.end("ok");
    return;
  }
  const request: OpenAIRequest = {
    path: incoming.url ?? "",
    headers: incoming.headers,
    body: JSON.parse((await textOf(incoming)) || "{}") as OpenAIRequest["body"],
  };
  const wrong = fault?.(requests.length, request);
  requests.push(request);
  const refusedField = unknownFields.find((field) => field in request.body);
  if (refusedField !== undefined)
    return sendJson(response, 400, {
      error: {
        message: `Unknown field: ${refusedField}.${refusedField === "max_tokens" ? " Use max_completion_tokens." : ""}`,
      },
    });
  if (delay > 0) await wait(delay);
  if (isFault(wrong, "hang")) return;
  if (isFault(wrong, "reset")) {
    incoming.socket.resetAndDestroy();
    return;
  }
  if (isFault(wrong, "status")) {
    if (wrong.retryAfter !== undefined) response.setHeader("retry-after", String(wrong.retryAfter));
    return sendJson(response, wrong.status, { error: { message: `Fault ${wrong.status}.` } });
  }
  if (isFault(wrong, "huge")) {
    response.setHeader("content-type", "application/json");
    response.end(`{"choices":[{"message":{"content":"${"x".repeat(5 * 2 ** 20)}"}}]}`);
    return;
  }
  const text = isFault(wrong, "text") ? wrong.text : await reply(request);
  if (request.body.stream === true && !isFault(wrong, "body")) return stream(response, request, text, wrong);
  const whole = isFault(wrong, "body") ? wrong.body : JSON.stringify(completionOf(request, text));
  response.setHeader("content-type", "application/json");
  if (isFault(wrong, "truncate")) {
    // A body that says how long it is and then breaks off is seen by the client; one that does not is cut JSON.
    response.end(whole.slice(0, Math.floor(whole.length / 2)));
    return;
  }
  if (!isFault(wrong, "drip")) {
    response.end(whole);
    return;
  }
  for (const byte of Buffer.from(whole)) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await wait(wrong.milliseconds);
  }
  response.end();
};

/** Four characters a token, as a rule of thumb: what counts is that the counts add up. */
const tokensIn = (text: string): string[] => text.match(/[\s\S]{1,4}/g) ?? [];

const usageOf = ({ body }: OpenAIRequest, text: string): object => ({
  prompt_tokens: (body.messages ?? []).reduce((sum, { content }) => sum + tokensIn(String(content)).length, 0),
  completion_tokens: tokensIn(text).length,
  prompt_tokens_details: { cached_tokens: 0 },
});

const completionOf = (request: OpenAIRequest, text: string): object => ({
  id: "completion",
  object: "chat.completion",
  model: request.body.model ?? "double",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: text },
      finish_reason: "stop",
      ...(request.body.logprobs === true
        ? {
            logprobs: { content: tokensIn(text).map((token) => ({ token, logprob: -0.5 })) },
            ...(request.body.return_token_ids === true ? { token_ids: tokensIn(text).map((_, i) => i) } : {}),
          }
        : {}),
    },
  ],
  usage: usageOf(request, text),
});

const stream = async (
  response: ServerResponse,
  request: OpenAIRequest,
  text: string,
  wrong: Fault | undefined,
): Promise<void> => {
  response.setHeader("content-type", "text/event-stream");
  const parts = tokensIn(text);
  const send = (chunk: object): void => {
    response.write(`data: ${JSON.stringify({ id: "completion", object: "chat.completion.chunk", ...chunk })}\n\n`);
  };
  for (const [i, content] of parts.entries()) {
    if (isFault(wrong, "truncate") && i >= parts.length / 2) {
      response.end();
      return;
    }
    if (isFault(wrong, "drip")) await wait(wrong.milliseconds);
    send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
    if (isFault(wrong, "duplicate") && i === 0)
      send({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  send({ choices: [], usage: usageOf(request, text) });
  response.end("data: [DONE]\n\n");
};

const sendJson = (response: ServerResponse, status: number, value: object): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
};

const textOf = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
};
