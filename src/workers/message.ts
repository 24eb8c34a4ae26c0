import { parseJson } from "../bounded-json.ts";
import type { Message } from "./queue.ts";

/** A trajectory, or the prompt of a sample. */
const LIMITS = { depth: 64, values: 4_000_000 };

/** A message from its text. Throws `SyntaxError` for anything else. */
export const readMessage = (text: string): Message => {
  const value = parseJson(text, LIMITS);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Message;
  throw new SyntaxError("a message is a JSON object");
};
