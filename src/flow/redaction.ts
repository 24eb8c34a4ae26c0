import { defined } from "../options.ts";
import { type Redactor, redactor } from "../secrets/redact.ts";
import type { Field, Toolset } from "../tool.ts";
import type { Observation } from "../trajectory.ts";
import type { FlowParts } from "./loop.ts";

/** The parts of a flow that take these secrets out of all that they say and get. */
export const withoutSecrets = (parts: FlowParts, secrets: readonly string[]): FlowParts => {
  const redact = redactor(secrets);
  const { instructions, tools } = parts;
  return {
    ...parts,
    tools: redactedTools(tools, redact),
    instructions: instructions === undefined ? undefined : redact(instructions),
    redact,
    redactObservation: (observation) => redactedObservation(observation, redact),
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

/** An observation without secrets: in its text, its source and its error, and in names, values, units and labels of fields. */
const redactedObservation = (observation: Observation, redact: Redactor): Observation => {
  const clean = redact.value(observation);
  if (clean === observation) return observation;
  // Words of ours are not secrets, whatever somebody chose for a password.
  if (observation.status !== "ok")
    return { ...clean, status: observation.status, reason: observation.reason, error: redact(observation.error) };
  const fields = Object.entries(observation.fields).map(([name, field]) => [
    redact(name),
    redactedField(field, redact),
  ]);
  return {
    ...clean,
    status: "ok",
    text: redact(observation.text),
    fields: Object.fromEntries(fields),
    ...defined({ trust: observation.trust }),
  };
};

const kinds: readonly unknown[] = ["text", "number", "date", "address"];

const redactedField = (field: Field, redact: Redactor): Field => {
  const clean = redact.value(field);
  if (clean === field || !kinds.includes(field.kind)) return clean;
  return { ...clean, kind: typeof field.value === "number" && clean.value !== field.value ? "text" : field.kind };
};
