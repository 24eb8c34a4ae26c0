import { parseJson } from "../bounded-json.ts";
import { ToolError } from "../errors.ts";
import { exactJson } from "../number-text.ts";

/** Bytes of one reply, and of one event of a stream. */
const MOST_BYTES = 16 * 2 ** 20;

/** A tool that nests too deep is left out of a list by itself (`mcp-listing.ts`): this is for what no reader survives. */
const DEEPEST = 512;

const tooMuch = (): ToolError => new ToolError(`The server sent more than ${MOST_BYTES} bytes at once.`);

/**
 * A `fetch` for libraries that read a body as it comes: a reply that is too long, or JSON that is too deep or has too many
 * values, fails before it is parsed, and whole numbers that a double does not keep become texts. Event streams are passed on, bounded event by event.
 */
export const boundedFetch =
  (send: typeof fetch = fetch): typeof fetch =>
  async (address, options) => {
    const reply = await send(address, options);
    const { status, statusText, headers } = reply;
    if (reply.body === null) return reply;
    if ((headers.get("content-type") ?? "").includes("event-stream"))
      return new Response(reply.body.pipeThrough(boundedEvents()), { status, statusText, headers });
    const text = await boundedText(reply.body);
    if (text.trim() === "" || !(headers.get("content-type") ?? "").includes("json"))
      return new Response(text, { status, statusText, headers });
    parseJson(text, { depth: DEEPEST });
    return new Response(exactJson(text), { status, statusText, headers });
  };

const boundedText = async (body: ReadableStream<Uint8Array>): Promise<string> => {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw tooMuch();
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
};

const NEWLINE = 10;
const RETURN = 13;
/** Of JSON in one event: brackets and commas, wherever they stand. */
const MOST_MARKS = 40_000;
const MARKS: ReadonlySet<number> = new Set([0x2c, 0x5b, 0x7b]);

/** Fails for an event that is too long or has too many brackets and commas. A blank line ends an event. */
const boundedEvents = (): TransformStream<Uint8Array, Uint8Array> => {
  let size = 0;
  let marks = 0;
  let atStart = true;
  return new TransformStream({
    transform: (bytes, controller) => {
      for (const byte of bytes) {
        size += 1;
        if (MARKS.has(byte)) marks += 1;
        if (byte === NEWLINE || byte === RETURN) {
          if (atStart) {
            size = 0;
            marks = 0;
          }
          atStart = true;
        } else atStart = false;
        if (size > MOST_BYTES || marks > MOST_MARKS) throw tooMuch();
      }
      controller.enqueue(bytes);
    },
  });
};
