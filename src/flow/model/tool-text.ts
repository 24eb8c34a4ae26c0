import type { AnyTool, JsonSchema, Toolset } from "../../tool.ts";
import { jsonSchemaOf } from "../schema.ts";
import { oneLine } from "./entry-text.ts";

/** Longest list of tools, in characters: the more tools, the shorter what is said of each. */
const LIST_LENGTH = 6000;

/** A list of tools for a prompt: name, arguments, description; a line each. Bounded but for the names, which are all there. */
export const toolList = (tools: Toolset): string => {
  const entries = Object.entries(tools);
  const each = Math.min(400, Math.floor(LIST_LENGTH / Math.max(1, entries.length)));
  return entries
    .map(([name, tool]) => `- ${name}${oneLine(`(${argumentNames(tool).join(", ")}): ${described(tool)}`, each)}`)
    .join("\n");
};

/** What a tool does, and of one that says so when to take it and what it cannot do. */
const described = ({ description, metadata }: AnyTool): string =>
  [
    description,
    ...(metadata?.bestUse === undefined ? [] : [`Best for: ${metadata.bestUse}`]),
    ...(metadata?.limits === undefined ? [] : [`Limits: ${metadata.limits}`]),
  ].join(" ");

/** Names of a tool's arguments; a `?` marks those that may be left out. */
const argumentNames = (tool: AnyTool): string[] => {
  const { properties, required } = jsonSchemaOf(tool.inputSchema) ?? {};
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.keys((properties as JsonSchema | undefined) ?? {}).map((name) =>
    needed.includes(name) ? name : `${name}?`,
  );
};
