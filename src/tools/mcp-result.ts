import { parseJson } from "../bounded-json.ts";
import { fieldsOf } from "../fields.ts";
import { exactJson, fieldOfText } from "../number-text.ts";
import type { Field } from "../tool.ts";
import { plainLine } from "./plain-line.ts";

const MOST_PARTS = 64;
const LONGEST = 16_384;
/** A text that is one value, such as `12,5 kg`. */
const LONGEST_VALUE = 200;

type Fields = Readonly<Record<string, unknown>>;

/** What a result of a server says, bounded. */
export interface ResultRead {
  readonly text: string;
  /** What its structured content states, or its one text where that is JSON or a value; and its links, by number. */
  readonly fields: Readonly<Record<string, Field>>;
  readonly failed: boolean;
}

/** Reads a result: its texts, those of its resources, and of anything else what it is and where it lies. */
export const readResult = (result: unknown): ResultRead => {
  const { content, structuredContent, isError } = recordOf(result);
  const parts = (Array.isArray(content) ? content.slice(0, MOST_PARTS) : []).map(recordOf);
  const texts: string[] = [];
  let room = LONGEST;
  for (const part of parts) {
    const text = partText(part, room);
    texts.push(text);
    room -= text.length + 1;
    if (room <= 0) break;
  }
  const [only = ""] = parts.length === 1 ? [parts[0]?.text] : [];
  const stated = structuredContent === undefined ? statedBy(only) : fieldsOf(structuredContent);
  const said = texts.join("\n");
  // Most servers say it again as text, and some do not.
  const isSaid = said !== "" && Object.values(stated).every(({ value }) => said.includes(String(value)));
  if (structuredContent !== undefined && !isSaid) texts.push(JSON.stringify(structuredContent));
  return {
    text: texts.join("\n").slice(0, LONGEST),
    fields: { ...linksOf(parts), ...stated },
    failed: isError === true,
  };
};

/** What one text states: the fields of its JSON, or the text itself as a value where it is a short line. */
const statedBy = (text: unknown): Readonly<Record<string, Field>> => {
  if (typeof text !== "string" || text.trim() === "") return {};
  try {
    const value = parseJson(exactJson(text));
    return Array.isArray(value) ? fieldsOf({ result: value }) : fieldsOf(value);
  } catch {
    // No JSON: words.
    const line = text.trim();
    return line.length <= LONGEST_VALUE && !line.includes("\n") ? { value: fieldOfText(line) } : {};
  }
};

/** Addresses of resources, as later calls can refer to them. */
const linksOf = (parts: readonly Fields[]): Readonly<Record<string, Field>> => {
  const links = parts.flatMap(({ uri, name, title, resource }): Field[] => {
    const address = uri ?? recordOf(resource).uri;
    if (typeof address !== "string" || address === "" || address.length > 1000) return [];
    const label = plainLine(String(title ?? name ?? recordOf(resource).name ?? ""), 60);
    return [{ kind: "address", value: address, ...(label !== "" && { label }) }];
  });
  return Object.fromEntries(links.map((link, i) => [`link_${i + 1}`, link]));
};

const recordOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

const word = (value: unknown): string => (typeof value === "string" ? ` ${plainLine(value, 200)}` : "");

/** One part: a text, a resource with its text, or the kind and the address of what is not text. */
const partText = (part: Fields, room: number): string => {
  if (typeof part.text === "string") return part.text.slice(0, room);
  const resource = recordOf(part.resource);
  const head = `[${word(part.type ?? "part").trim()}${word(part.mimeType ?? resource.mimeType)}${word(part.name)}${word(part.uri ?? resource.uri)}]${word(part.description)}`;
  const text = resourceText(resource);
  return text === undefined ? head : `${head}\n${text.slice(0, room)}`;
};

/** The text of a resource, also where it comes as bytes of a kind that is text. */
const resourceText = ({ text, blob, mimeType }: Fields): string | undefined => {
  if (typeof text === "string") return text;
  const isText = typeof mimeType === "string" && /^text\/|[/+](?:json|xml|yaml|javascript|csv)\b/i.test(mimeType);
  return typeof blob === "string" && isText
    ? Buffer.from(blob.slice(0, 2 * LONGEST), "base64").toString("utf8")
    : undefined;
};
