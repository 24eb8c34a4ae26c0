import { ConfigError, messageOf } from "../errors.ts";
import type { SecretHolder } from "../model.ts";
import type { Redactor } from "../secrets/redact.ts";
import type { Toolset } from "../tool.ts";
import type { FlowOptions } from "./flow-options.ts";
import type { FlowParts } from "./loop.ts";

/**
 * The parts of a flow with its secrets taken out, once its first solve asks for them: those of its options and those that
 * its models, modules and tools hold. The search for secrets is loaded only where there are some.
 */
export const withoutSecrets = (parts: FlowParts, options: FlowOptions): FlowParts | (() => Promise<FlowParts>) => {
  const { model, analyst } = options;
  const { planner, executor, verifier, generator } = parts;
  const players = [model, analyst, planner, executor, verifier, generator];
  const holders: readonly SecretHolder[] = [...players, ...Object.values(parts.tools)].flatMap((holder) =>
    holder?.secrets === undefined ? [] : [holder as SecretHolder],
  );
  if (holders.length === 0 && (options.secrets ?? []).length === 0) return parts;
  let redacted: Promise<FlowParts> | undefined;
  return () => {
    redacted ??= redactedParts(parts, options.secrets ?? [], holders).catch((cause: unknown) => {
      // The next solve asks again: a store of keys may be back.
      redacted = undefined;
      throw new ConfigError(`The secrets of a model or a tool cannot be had: ${messageOf(cause)}`, { cause });
    });
    return redacted;
  };
};

const redactedParts = async (
  parts: FlowParts,
  own: readonly string[],
  holders: readonly SecretHolder[],
): Promise<FlowParts> => {
  const held = await Promise.all(holders.map((holder) => holder.secrets?.() ?? []));
  const secrets = [...own, ...held.flat()].filter((secret) => typeof secret === "string" && secret !== "");
  if (secrets.length === 0) return parts;
  const { redactor } = await import("../secrets/redact.ts");
  const redact = redactor(secrets);
  const { instructions, tools } = parts;
  return {
    ...parts,
    tools: redactedTools(tools, redact),
    instructions: instructions === undefined ? undefined : redact(instructions),
    redact,
  };
};

/** What a tool says of itself may come from outside too, such as from an MCP server. */
const redactedTools = (tools: Toolset, redact: Redactor): Toolset =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      const { description, metadata, inputSchema } = tool ?? {};
      const said = { description, metadata, ...(inputSchema && !("~standard" in inputSchema) ? { inputSchema } : {}) };
      const clean = redact.value(said);
      const known = redact(name);
      return [known === name ? name : known.replace(/[^\w-]/g, "_"), clean === said ? tool : { ...tool, ...clean }];
    }),
  ) as Toolset;
