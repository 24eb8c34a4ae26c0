import { ConfigError } from "../errors.ts";
import type { JsonSchema, Toolset } from "../tool.ts";
import { foreignSchema } from "./foreign-schema.ts";
import { plainLine } from "./plain-line.ts";

/** A tool of a server that can be used: under which name a flow knows it, and what it takes. */
export interface ListedTool {
  /** As the server calls it. */
  readonly name: string;
  /** As a flow calls it: letters, digits, `_` and `-`, the prefix in front, and a number where there is another one. */
  readonly as: string;
  /** In the server's words, which are an outsider's. */
  readonly description: string;
  readonly inputSchema: JsonSchema;
}

export interface Listing {
  readonly tools: readonly ListedTool[];
  /** A line for each tool that is left out, with the reason. */
  readonly skipped: readonly string[];
}

export interface ListingOptions {
  /** The server, for messages. */
  readonly of: string;
  readonly prefix: string;
  readonly wanted: readonly string[] | undefined;
  readonly besides: Toolset;
}

const MOST_TOOLS = 256;
const LONGEST_NAME = 64;
const LONGEST_DESCRIPTION = 4096;
const SHOWN_DESCRIPTION = 1000;
const LONGEST_SCHEMA = 32_768;
const DEEPEST_SCHEMA = 16;

/** Tools that come with AgentFlow: a server's tool of such a name would be taken for it. */
const BUILT_IN = [
  "web_search",
  "web_page",
  "wikipedia_search",
  "corpus_search",
  "calculate",
  "python",
  "base_generator",
] as const;

/**
 * The tools of a list as a server sent it, which is untrusted. One that cannot be used is skipped. Those of the server that a
 * reader would confuse are numbered; one that would be taken for another's tool is refused: throws `ConfigError`.
 */
export const listingOf = (sent: readonly unknown[], { of, prefix, wanted, besides }: ListingOptions): Listing => {
  const tools: ListedTool[] = [];
  const skipped: string[] = [];
  const taken = new Map<string, string>();
  for (const name of BUILT_IN) taken.set(folded(name), `the built-in tool ${name}`);
  for (const name of Object.keys(besides)) taken.set(folded(name), `the tool ${name} that there is already`);
  const own = new Set<string>();
  for (const [i, entry] of sent.entries()) {
    const fields: Readonly<Record<string, unknown>> = typeof entry === "object" && entry !== null ? { ...entry } : {};
    const { name } = fields;
    if (wanted !== undefined && !(typeof name === "string" && wanted.includes(name))) continue;
    const shown = typeof name === "string" ? `"${plainLine(name, 80)}"` : `number ${i + 1}`;
    const read = tools.length < MOST_TOOLS ? readTool(fields, prefix) : `${MOST_TOOLS} tools of a server are the most`;
    if (typeof read === "string") {
      skipped.push(`The MCP server ${of}: its tool ${shown} is left out: ${read}.`);
      continue;
    }
    const other = taken.get(folded(read.as));
    if (other !== undefined)
      throw new ConfigError(
        `The MCP server ${of} has a tool ${shown}, which would be called ${read.as}, as ${other}. Name the tools to take (tools: […]), or put something in front of their names (prefix: "…").`,
      );
    if (tools.some((one) => one.name === read.name)) {
      skipped.push(`The MCP server ${of}: its tool ${shown} is left out: there is another one of exactly this name.`);
      continue;
    }
    tools.push({ ...read, as: distinct(read.as, own) });
  }
  return { tools, skipped };
};

/** A name that none of the server's own tools has yet: a second `a_b` is `a_b_2`. */
const distinct = (name: string, own: Set<string>): string => {
  let as = name;
  for (let n = 2; own.has(folded(as)); n += 1) as = `${name.slice(0, LONGEST_NAME - 4)}_${n}`;
  own.add(folded(as));
  return as;
};

/** Names that differ in case, or in `-` and `_`, look alike to people and to models. */
const folded = (name: string): string => name.toLowerCase().replaceAll("-", "_");

/** A tool, or why it cannot be used. */
const readTool = (fields: Readonly<Record<string, unknown>>, prefix: string): ListedTool | string => {
  const { name, description, inputSchema } = fields;
  if (typeof name !== "string" || !/^[\w./: -]+$/.test(name))
    return "its name is not a word of letters, digits and . / : _ -";
  const plain = `${prefix}${name}`.replace(/[^\w-]/g, "_");
  const as = /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
  if (as.length > LONGEST_NAME) return `its name is longer than ${LONGEST_NAME} characters`;
  if (description !== undefined && typeof description !== "string") return "its description is not text";
  if (description !== undefined && description.length > LONGEST_DESCRIPTION)
    return `its description is longer than ${LONGEST_DESCRIPTION} characters`;
  const schema = readSchema(inputSchema);
  if (typeof schema === "string") return schema;
  return { name, as, description: plainLine(description ?? name, SHOWN_DESCRIPTION), inputSchema: schema };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The input schema as far as it is used here, or why it cannot be. */
const readSchema = (sent: unknown): JsonSchema | string => {
  if (!isRecord(sent)) return "it has no input schema";
  if (depthOf(sent, 0) > DEEPEST_SCHEMA) return `its input schema is nested deeper than ${DEEPEST_SCHEMA} levels`;
  if (JSON.stringify(sent).length > LONGEST_SCHEMA)
    return `its input schema is longer than ${LONGEST_SCHEMA} characters`;
  if (sent.type !== "object" || "~standard" in sent) return "its input schema is not that of an object";
  const { properties = {}, required = [] } = sent;
  if (!isRecord(properties) || !Object.values(properties).every((one) => isRecord(one) || typeof one === "boolean"))
    return "the properties of its input schema are not schemas";
  const names = Object.keys(properties);
  if (!Array.isArray(required) || !required.every((name) => typeof name === "string" && names.includes(name)))
    return "its input schema requires what it does not describe";
  if (!names.every((name) => /^[\w$.-]{1,64}$/.test(name))) return "the names of its arguments are not words";
  return foreignSchema(plainSchema(sent));
};

const depthOf = (value: unknown, depth: number): number => {
  if (typeof value !== "object" || value === null || depth > DEEPEST_SCHEMA) return depth;
  return Object.values(value).reduce<number>((most, inner) => Math.max(most, depthOf(inner, depth + 1)), depth);
};

/** Words of a schema in one line each. Patterns are left out: the server checks its own, and a pattern can take for ever. */
const plainSchema = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plainSchema);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => !(name === "pattern" && typeof inner === "string") && name !== "__proto__")
      .map(([name, inner]) => [
        name,
        (name === "description" || name === "title") && typeof inner === "string"
          ? plainLine(inner, 300)
          : plainSchema(inner),
      ]),
  );
};
