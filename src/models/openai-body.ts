import type { ChatReply } from "../model.ts";
import { type Asked, replyIn, saidInBody } from "./any-reply.ts";
import { LONG_REPLY } from "./openai-reply.ts";
import { readStream } from "./openai-stream.ts";

/** A body of events or of lines, whatever it calls itself. */
const STREAM = /^\s*(?:(?:data|event|id|retry)?:|\{[^\n]*\}\r?\n\s*\{)/;

/** The reply in a body that is not plain. Throws `ModelError`; a long one is read in a thread. */
export const readBody = async (body: string, asked: Asked, abortSignal: AbortSignal): Promise<ChatReply> => {
  if (STREAM.test(body)) return readStream(bytesOf(body), asked);
  if (body.length < LONG_REPLY) return replyIn(saidInBody(body, asked.model, asked.redact), asked);
  const { readLongReply } = await import("./long-reply.ts");
  return replyIn(await readLongReply(body, asked.model, abortSignal), asked);
};

const bytesOf = async function* (text: string): AsyncGenerator<Uint8Array, void> {
  yield new TextEncoder().encode(text);
};
