import type { JsonSchema } from "../tool.ts";

const DEEPEST = 6;
const MOST_PARTS = 64;
const MOST_CHOICES = 100;
const LONGEST_NAME = 100;
const LONGEST_TEXT = 300;
/** Larger counts ask a grammar for as many states. */
const LARGEST_COUNT = 1000;

const COUNTS = ["minLength", "maxLength", "minItems", "maxItems"];
const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const TYPES = ["string", "number", "integer", "boolean", "null", "array", "object"];

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string =>
  typeof value === "string" && value.length <= LONGEST_NAME && value !== "__proto__";
const isChoice = (value: unknown): boolean =>
  value === null || ["boolean", "number"].includes(typeof value) || isName(value);

/**
 * The input schema of somebody else's tool, as far as a planner and a grammar need it: types, names, choices and small
 * counts. Patterns, references and what lies deep are left out, so that no schema can make checking an input, or sampling
 * one, take for ever. It then allows more than the server does, which checks its inputs itself.
 */
export const foreignSchema = (schema: unknown): JsonSchema => {
  let parts = 0;
  const copy = (given: unknown, depth: number): JsonSchema => {
    parts += 1;
    if (!isRecord(given) || depth > DEEPEST || parts > MOST_PARTS) return {};
    const kept: Record<string, unknown> = {};
    const { type, description, enum: choices, properties, required, items, additionalProperties, anyOf } = given;
    if (typeof description === "string") kept.description = description.slice(0, LONGEST_TEXT);
    if (Array.isArray(choices) && choices.length <= MOST_CHOICES && choices.every(isChoice)) {
      return { ...kept, enum: choices };
    }
    if (Array.isArray(anyOf) && anyOf.length > 0 && anyOf.length <= MOST_CHOICES)
      return { ...kept, anyOf: anyOf.map((one) => copy(one, depth + 1)) };
    const types = (Array.isArray(type) ? type : [type]).filter((one) => TYPES.includes(one));
    if (types.length > 0) kept.type = types.length === 1 ? types[0] : [...new Set(types)];
    for (const key of BOUNDS) if (typeof given[key] === "number") kept[key] = given[key];
    for (const key of COUNTS) {
      const count = given[key];
      if (Number.isInteger(count) && (count as number) >= 0 && (count as number) <= LARGEST_COUNT) kept[key] = count;
    }
    if (isRecord(items)) kept.items = copy(items, depth + 1);
    if (isRecord(properties)) {
      const names = Object.keys(properties).filter(isName).slice(0, MOST_PARTS);
      kept.properties = Object.fromEntries(names.map((name) => [name, copy(properties[name], depth + 1)]));
    }
    if (Array.isArray(required)) kept.required = required.filter(isName).slice(0, MOST_PARTS);
    if (additionalProperties === false) kept.additionalProperties = false;
    return kept;
  };
  return { ...copy(schema, 0), type: "object" };
};
