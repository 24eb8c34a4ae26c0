import { ModelError } from "../errors.ts";

/** Characters of one event; a part of a reply has hundreds. */
const LONGEST_EVENT = 2 ** 18;

/**
 * The data of each server-sent event of a body, as text. An event whose end never comes is not given: the body was cut.
 * Each character is looked at once, however the body is cut into parts. Throws a retryable `ModelError` for an event that
 * is longer than any part of a reply.
 */
export const dataOf = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let line = "";
  let data: string[] = [];
  let size = 0;
  /** The last part ended in a carriage return, whose newline may come with the next one. */
  let returned = false;
  for await (const bytes of body) {
    const text = decoder.decode(bytes, { stream: true });
    let at = returned && text.startsWith("\n") ? 1 : 0;
    if (text !== "") returned = text.endsWith("\r");
    for (let end = endOfLine(text, at); end !== undefined; end = endOfLine(text, at)) {
      line += text.slice(at, end.start);
      at = end.next;
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      else if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
      }
      size = line === "" ? 0 : size + line.length;
      line = "";
      if (size > LONGEST_EVENT) throw tooLong();
    }
    line += text.slice(at);
    if (line.length > LONGEST_EVENT) throw tooLong();
  }
};

const tooLong = (): ModelError =>
  new ModelError(`The endpoint sent an event of more than ${LONGEST_EVENT} characters; the reply was dropped.`, {
    retryable: true,
  });

const endOfLine = (text: string, from: number): { readonly start: number; readonly next: number } | undefined => {
  const newline = text.indexOf("\n", from);
  const until = newline < 0 ? text.length : newline;
  for (let at = from; at < until; at += 1) {
    if (text.charCodeAt(at) !== 13) continue;
    return { start: at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
  }
  return newline < 0 ? undefined : { start: newline, next: newline + 1 };
};
