import type { PlainSchema } from "./plain-schema.ts";

const SCALARS: Readonly<Record<string, string>> = { string: "string", number: "number", boolean: "boolean" };
const ROOT_KEYWORDS = ["type", "properties", "required", "additionalProperties", "$defs"];
const LONGEST = 100_000;
const MOST_MEMBERS = 100;

/**
 * Whether an input fits for certain, for schemas that ask for nothing but members with a scalar type, as those of most tools
 * do: a validator costs as much as a whole turn of the loop. False says nothing: the validator decides. Undefined for any
 * other schema.
 */
export const quickCheckOf = (schema: PlainSchema): ((input: unknown) => boolean) | undefined => {
  const { type, properties = {}, required = [], additionalProperties, $defs = {} } = schema;
  const isFlat =
    type === "object" &&
    (additionalProperties === undefined || additionalProperties === false) &&
    Object.keys($defs).length === 0 &&
    Object.keys(schema).every((key) => ROOT_KEYWORDS.includes(key));
  const types = new Map<string, string>();
  for (const [name, member] of Object.entries(properties)) {
    const scalar =
      typeof member === "object" && Object.keys(member).length === 1 ? SCALARS[String(member.type)] : undefined;
    if (scalar !== undefined) types.set(name, scalar);
  }
  if (!isFlat || types.size !== Object.keys(properties).length || types.size > MOST_MEMBERS || !Array.isArray(required))
    return undefined;
  const needed: readonly string[] = required;
  return (input) => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) return false;
    for (const name of Object.keys(input)) {
      const value: unknown = (input as Readonly<Record<string, unknown>>)[name];
      if (typeof value !== types.get(name)) return false;
      if (typeof value === "string" ? value.length > LONGEST : typeof value === "number" && !Number.isFinite(value))
        return false;
    }
    return needed.every((name) => Object.hasOwn(input, name));
  };
};
