import { ModelError } from "../errors.ts";

/** Characters of one event; a part of a reply has hundreds. */
const LONGEST_EVENT = 2 ** 18;
const LINES_PER_TURN = 1000;

/**
 * The data of each server-sent event of a body, as text, and each line that is a JSON object without an event around it.
 * What has no end, or is no event at all, comes last: the body was cut, or is a complaint. Each character is looked at once, however the body is cut into parts. Throws a retryable `ModelError` for an event that
 * is longer than any part of a reply.
 */
export const dataOf = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let line = "";
  let data: string[] = [];
  let size = 0;
  /** The last part ended in a carriage return, whose newline may come with the next one. */
  let returned = false;
  let lines = 0;
  /** What stands in no event, while there was none. */
  let stray: string | undefined = "";
  for await (const bytes of body) {
    const text = decoder.decode(bytes, { stream: true });
    let at = returned && text.startsWith("\n") ? 1 : 0;
    if (text !== "") returned = text.endsWith("\r");
    const from = at;
    for (const { 0: end, index } of text.slice(from).matchAll(/\r\n|\r|\n/g)) {
      line += text.slice(at, from + index);
      at = from + index + end.length;
      lines += 1;
      // Parts that came already are handed on without a turn of the event loop in between.
      if (lines % LINES_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve));
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      else if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
        stray = undefined;
      } else if (line.startsWith("{") && line.endsWith("}")) {
        yield line;
        stray = undefined;
      } else if (stray !== undefined && stray.length < LONGEST_EVENT && !FIELD.test(line)) stray += `${line}\n`;
      size = line === "" ? 0 : size + line.length;
      line = "";
      if (size > LONGEST_EVENT) throw tooLong();
    }
    line += text.slice(at);
    if (line.length > LONGEST_EVENT) throw tooLong();
  }
  if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  else if (line.startsWith("{")) yield line;
  else if (stray !== undefined && data.length === 0 && (stray + line).trim() !== "") yield stray + line;
  if (data.length > 0) yield data.join("\n");
};

/** A comment, or a field of an event. */
const FIELD = /^(?::|(?:event|id|retry):)/;

const tooLong = (): ModelError =>
  new ModelError(`The endpoint sent an event of more than ${LONGEST_EVENT} characters; the reply was dropped.`, {
    retryable: true,
  });
