import type { OfferedTool } from "../../model.ts";
import type { AnyTool, JsonSchema, Toolset } from "../../tool.ts";
import { jsonSchemaOf } from "../schema.ts";
import { oneLine } from "./entry-text.ts";

/** Longest list of tools, in characters: the more tools, the shorter what is said of each. */
const LIST_LENGTH = 6000;

/**
 * A list of tools for a prompt: name, arguments, description; a line each. Bounded but for the names, which are all there.
 * `typed`: with the types and descriptions of the arguments.
 */
export const toolList = (tools: Toolset, { typed = false }: { readonly typed?: boolean } = {}): string => {
  const entries = Object.entries(tools);
  const each = Math.min(400, Math.floor(LIST_LENGTH / Math.max(1, entries.length)));
  return entries
    .map(
      ([name, tool]) => `- ${name}${oneLine(`(${argumentNames(tool, typed).join(", ")}): ${described(tool)}`, each)}`,
    )
    .join("\n");
};

/** What a tool does, and of one that says so when to take it and what it cannot do. */
const described = ({ description, metadata }: AnyTool): string =>
  [
    description,
    ...(metadata?.bestUse === undefined ? [] : [`Best for: ${metadata.bestUse}`]),
    ...(metadata?.limits === undefined ? [] : [`Limits: ${metadata.limits}`]),
  ].join(" ");

/** Tools as a model that calls them sees them; undefined where a name is longer than endpoints take. */
export const offeredTools = (tools: Toolset): OfferedTool[] | undefined =>
  Object.keys(tools).every((name) => /^[A-Za-z_][\w-]{0,63}$/.test(name))
    ? Object.entries(tools).map(([name, tool]) => ({
        name,
        description: oneLine(described(tool), DESCRIPTION_LENGTH),
        parameters: jsonSchemaOf(tool.inputSchema) ?? { type: "object" },
      }))
    : undefined;

const DESCRIPTION_LENGTH = 1000;

/** Names of a tool's arguments, with what is known of them; a `?` marks those that may be left out. */
const argumentNames = (tool: AnyTool, typed: boolean): string[] => {
  const { properties, required } = jsonSchemaOf(tool.inputSchema) ?? {};
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.entries((properties as JsonSchema | undefined) ?? {}).map(([name, about]) => {
    const said = needed.includes(name) ? name : `${name}?`;
    return typed ? `${said}${typeText(about)}` : said;
  });
};

/** `: integer (how many)`, `: "km" | "mi"`, or nothing. */
const typeText = (about: unknown): string => {
  const { type, enum: values, description } = (about ?? {}) as Readonly<Record<string, unknown>>;
  const kind = Array.isArray(values)
    ? values.map((one) => JSON.stringify(one)).join(" | ")
    : [type]
        .flat()
        .filter((one) => typeof one === "string")
        .join(" | ");
  const words = typeof description === "string" && description !== "" ? ` (${oneLine(description, 120)})` : "";
  return `${kind === "" ? "" : `: ${oneLine(kind, 120)}`}${words}`;
};
