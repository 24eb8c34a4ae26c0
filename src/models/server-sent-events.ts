/**
 * The data of each server-sent event of a body, as text. An event whose end never comes is not given: the body was cut.
 */
export const dataOf = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    for (let end = endOfEvent(rest); end !== undefined; end = endOfEvent(rest)) {
      const data = rest
        .slice(0, end.start)
        .split(/\r\n|\r|\n/)
        .flatMap((line) => (line.startsWith("data:") ? line.slice(5).replace(/^ /, "") : []));
      rest = rest.slice(end.next);
      if (data.length > 0) yield data.join("\n");
    }
  }
};

const endOfEvent = (text: string): { readonly start: number; readonly next: number } | undefined => {
  const found = /\r\n\r\n|\n\n|\r\r/.exec(text);
  return found === null ? undefined : { start: found.index, next: found.index + found[0].length };
};
