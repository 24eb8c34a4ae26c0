import { plainLine } from "./plain-line.ts";

const MOST_PARTS = 64;
const LONGEST = 16_384;

type Fields = Readonly<Record<string, unknown>>;

/** What a result of a server says, bounded: its texts, and of anything else what it is. */
export const resultText = (result: unknown): { readonly text: string; readonly failed: boolean } => {
  const { content, structuredContent, isError } = recordOf(result);
  const parts = Array.isArray(content) ? content.slice(0, MOST_PARTS) : [];
  const texts: string[] = [];
  let room = LONGEST;
  for (const part of parts) {
    const text = partText(recordOf(part), room);
    texts.push(text);
    room -= text.length + 1;
    if (room <= 0) break;
  }
  if (texts.length === 0 && structuredContent !== undefined) texts.push(JSON.stringify(structuredContent));
  return { text: texts.join("\n").slice(0, LONGEST), failed: isError === true };
};

const recordOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

const word = (value: unknown): string => (typeof value === "string" ? ` ${plainLine(value, 200)}` : "");

/** One part: a text, a resource with its text, or the kind and the address of what is not text. */
const partText = (part: Fields, room: number): string => {
  if (typeof part.text === "string") return part.text.slice(0, room);
  const resource = recordOf(part.resource);
  const head = `[${word(part.type ?? "part").trim()}${word(part.mimeType ?? resource.mimeType)}${word(part.name)}${word(part.uri ?? resource.uri)}]`;
  return typeof resource.text === "string" ? `${head}\n${resource.text.slice(0, room)}` : head;
};
