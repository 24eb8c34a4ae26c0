import type { FlowState } from "../../module.ts";
import type { Field, JsonSchema } from "../../tool.ts";
import { argumentValue } from "../arguments.ts";
import { fieldText } from "../field-text.ts";
import { resolveIn } from "../reference-in-text.ts";
import { REFERENCE, resolve } from "../references.ts";
import { coerce } from "./coerce.ts";

/**
 * The input that a planner has written as its sub-goal, with what its references stand for; undefined for a sub-goal in
 * words, and for one that refers to nothing.
 */
export const writtenInput = (
  subGoal: string,
  schema: JsonSchema | undefined,
  state: FlowState,
  { computes = false }: { readonly computes?: boolean } = {},
): Record<string, unknown> | undefined => {
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, { readonly type?: unknown } | undefined>>;
  let missing = false;
  const written = (value: unknown, type: unknown): unknown => {
    if (Array.isArray(value)) return value.map((one) => written(one, undefined));
    if (typeof value !== "string") return value;
    const whole = value.trim();
    const field = whole !== "" && whole.replace(REFERENCE, "") === "" ? resolve(whole, state) : undefined;
    if (field !== undefined)
      return argumentValue(field, typeof type === "string" ? type : "string", textOf(whole, field, state));
    return value.replace(REFERENCE, (reference) => {
      // Inside a text a lone "q" is a letter.
      if (reference === "q") return reference;
      // What is calculated with is a field as it is, and never an entity with something behind it.
      const { name, field: part, rest } = resolveIn(computes ? reference : whole, reference, state);
      missing ||= part === undefined && (name.startsWith("@") || reference.includes("."));
      return part === undefined ? reference : textOf(name, part, state) + rest;
    });
  };
  try {
    const input = JSON.parse(subGoal) as Record<string, unknown>;
    const entries = Object.entries(input).map(([name, value]) => [
      name,
      written(value, Object.hasOwn(properties, name) ? properties[name]?.type : undefined),
    ]);
    return missing ? undefined : coerce(Object.fromEntries(entries), schema);
  } catch {
    // Words that begin with a brace: the model writes the input.
    return undefined;
  }
};

/** As the question wrote it, or as a result has it. */
const textOf = (reference: string, field: Field, { analysis }: FlowState): string =>
  (/^q\d+$/.test(reference) ? analysis.entities[Number(reference.slice(1)) - 1] : undefined) ?? fieldText(field);
