import { BODY_BYTES } from "./body.ts";

/** Where a client's messages come from, and go to. */
export interface McpStreams {
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Gets whole messages, a line each. */
  readonly write: (text: string) => void;
}

/** Codes of JSON-RPC for what is not JSON, and for JSON that is not a message. */
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;

/** What a line is: a message to pass on, with the id that waits for its answer or waits no longer; or why it is refused. */
type Heard =
  | { readonly asks?: string | number; readonly settles?: unknown }
  | { readonly code: number; readonly message: string; readonly id?: string | number };

const isId = (id: unknown): id is string | number => typeof id === "string" || Number.isSafeInteger(id);

const heardIn = (line: string, pending: ReadonlySet<unknown>): Heard => {
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    return { code: PARSE_ERROR, message: "The line is not JSON: accepted is one message of JSON-RPC 2.0 a line." };
  }
  const { id, method, params } = Object(said) as Readonly<Record<string, unknown>>;
  if (Array.isArray(said) || (typeof method !== "string" && !isId(id)))
    return {
      code: INVALID_REQUEST,
      message: "This is no message: accepted are requests, notifications and responses.",
    };
  if (typeof method !== "string") return {};
  if (method === "notifications/cancelled") return { settles: Object(params).requestId };
  if (id === undefined) return {};
  if (!isId(id))
    return { code: INVALID_REQUEST, message: `The id is ${JSON.stringify(id)}: accepted are texts and whole numbers.` };
  if (pending.has(id))
    return { code: INVALID_REQUEST, message: "A request with this id is under way: give each its own.", id };
  return { asks: id };
};

/**
 * The lines of a client, and its answers: a line that is no message is answered with an error, as JSON-RPC asks, and the
 * lines end only when every request has its answer, so that none is lost to a client that has said all it had to say.
 */
export const answeredLines = ({ input, write }: McpStreams): McpStreams => {
  const pending = new Set<unknown>();
  let settled = (): void => undefined;
  const settle = (id: unknown): void => {
    pending.delete(id);
    if (pending.size === 0) settled();
  };
  const refuse = (code: number, message: string, id: string | number | null = null): void =>
    write(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } })}\n`);
  /** Whether a line is passed to the server. */
  const passes = (line: string): boolean => {
    if (line.trim() === "") return false;
    const heard = heardIn(line, pending);
    if ("code" in heard) refuse(heard.code, heard.message, heard.id);
    else if (heard.asks !== undefined) pending.add(heard.asks);
    else settle(heard.settles);
    return !("code" in heard);
  };
  return {
    input: (async function* lines() {
      for await (const line of linesOf(input))
        if (line === undefined) refuse(PARSE_ERROR, `A line has more than ${BODY_BYTES} characters.`);
        else if (passes(line)) yield Buffer.from(`${line}\n`);
      if (pending.size > 0)
        await new Promise<void>((done) => {
          settled = done;
        });
    })(),
    write: (text) => {
      write(text);
      for (const line of text.split("\n").filter((one) => one !== "")) {
        const { id, method } = JSON.parse(line) as Readonly<Record<string, unknown>>;
        if (method === undefined) settle(id);
      }
    },
  };
};

/** Lines of bytes or texts; undefined for one that is too long, whose rest is left out. */
async function* linesOf(input: McpStreams["input"]): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let isLong = false;
  for await (const part of input) {
    rest += typeof part === "string" ? part : decoder.decode(part, { stream: true });
    const whole = rest.split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) {
      if (!isLong) yield line.length > BODY_BYTES ? undefined : line;
      isLong = false;
    }
    if (rest.length > BODY_BYTES) {
      if (!isLong) yield undefined;
      isLong = true;
      rest = "";
    }
  }
  if (!isLong && rest !== "") yield rest;
}
