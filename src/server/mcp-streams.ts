import { BODY_BYTES } from "./body.ts";

/** Where a client's messages come from, and go to. */
export interface McpStreams {
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Gets whole messages, a line each. */
  readonly write: (text: string) => void;
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: { readonly requestId?: unknown };
}

/**
 * The lines of a client, and its answers: a line that is not JSON is answered with −32700, as JSON-RPC asks, and the lines end
 * only when every request has its answer, so that none is lost to a client that has said all it had to say.
 */
export const answeredLines = ({ input, write }: McpStreams): McpStreams => {
  const pending = new Set<unknown>();
  let settled = (): void => undefined;
  const settle = (id: unknown): void => {
    pending.delete(id);
    if (pending.size === 0) settled();
  };
  const refuse = (code: number, message: string): void =>
    write(`${JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } })}\n`);
  const heard = (line: string): boolean => {
    if (line.trim() === "") return false;
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      refuse(-32700, "The line is not JSON: accepted is one message of JSON-RPC 2.0 a line.");
      return false;
    }
    if (message?.method === "notifications/cancelled") settle(message.params?.requestId);
    else if (message?.method !== undefined && message.id !== undefined) pending.add(message.id);
    return true;
  };
  return {
    input: (async function* lines() {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const part of input) {
        rest += typeof part === "string" ? part : decoder.decode(part, { stream: true });
        const whole = rest.split("\n");
        rest = whole.pop() ?? "";
        if (rest.length > BODY_BYTES) {
          refuse(-32700, `A line has more than ${BODY_BYTES} characters.`);
          return;
        }
        for (const line of whole) if (heard(line)) yield Buffer.from(`${line}\n`);
      }
      if (heard(rest)) yield Buffer.from(`${rest}\n`);
      if (pending.size > 0)
        await new Promise<void>((done) => {
          settled = done;
        });
    })(),
    write: (text) => {
      write(text);
      for (const line of text.split("\n").filter((one) => one !== "")) {
        const { id, method } = JSON.parse(line) as Message;
        if (method === undefined) settle(id);
      }
    },
  };
};
