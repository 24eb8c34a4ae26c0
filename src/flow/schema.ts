import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { AnyTool, JsonSchema } from "../tool.ts";

type InputSchema = AnyTool["inputSchema"];

/** An input that fits, as the tool wants it, or one line that says what does not fit. */
export type Parsed = { readonly value: unknown } | { readonly problem: string };

const isStandard = (schema: InputSchema): schema is StandardSchemaV1 => "~standard" in schema;

/** Checks an input by a tool's schema: Standard Schema by its own `validate`, else the JSON Schema subset of tools. */
export const parseInput = (schema: InputSchema, input: unknown): Parsed | Promise<Parsed> => {
  if (!isStandard(schema)) {
    const problem = checkJson(schema, input, "input", 0);
    return problem === undefined ? { value: input } : { problem };
  }
  const result = schema["~standard"].validate(input);
  return result instanceof Promise ? result.then(parsedOf) : parsedOf(result);
};

const parsedOf = (result: StandardSchemaV1.Result<unknown>): Parsed => {
  if (result.issues === undefined) return { value: result.value };
  const issue = result.issues[0];
  const path = issue?.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return { problem: `${path ? `${path}: ` : ""}${issue?.message ?? "does not fit the schema"}` };
};

/** The plain JSON Schema of a tool's input, when it has one or can give one. */
export const jsonSchemaOf = (schema: InputSchema): JsonSchema | undefined => {
  if (!isStandard(schema)) return schema;
  const standard: Partial<StandardJSONSchemaV1.Props> = schema["~standard"];
  return standard.jsonSchema?.input({ target: "draft-2020-12" });
};

const DEPTH_LIMIT = 16;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const typeOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

const hasType = (type: unknown, value: unknown): boolean => {
  if (type === "integer") return Number.isInteger(value);
  return type === "number" ? Number.isFinite(value) : typeOf(value) === type;
};

/** One line about the first thing that does not fit; undefined when all fits. */
const checkJson = (schema: JsonSchema, value: unknown, path: string, depth: number): string | undefined => {
  if (depth > DEPTH_LIMIT) return `${path} is nested deeper than ${DEPTH_LIMIT} levels`;
  const { type, enum: allowed } = schema;
  if (typeof type === "string" && !hasType(type, value))
    return `${path} must be of type ${type}, it is ${typeOf(value)}`;
  if (Array.isArray(type) && !type.some((one) => hasType(one, value)))
    return `${path} must be of type ${type.join(" or ")}, it is ${typeOf(value)}`;
  if (Array.isArray(allowed) && !allowed.includes(value))
    return `${path} must be one of ${allowed.map((one) => JSON.stringify(one)).join(", ")}`;
  if (isRecord(value)) return checkObject(schema, value, path, depth);
  if (Array.isArray(value) && isRecord(schema.items)) {
    for (const [i, item] of value.entries()) {
      const problem = checkJson(schema.items, item, `${path}[${i}]`, depth + 1);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
};

const checkObject = (
  schema: JsonSchema,
  value: Record<string, unknown>,
  path: string,
  depth: number,
): string | undefined => {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  if (Array.isArray(schema.required)) {
    for (const name of schema.required)
      if (!Object.hasOwn(value, String(name))) return `${path} lacks "${String(name)}"`;
  }
  for (const name of Object.keys(value)) {
    const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (isRecord(inner)) {
      const problem = checkJson(inner, value[name], path === "input" ? name : `${path}.${name}`, depth + 1);
      if (problem !== undefined) return problem;
    } else if (inner === undefined && schema.additionalProperties === false) return `${path} must not have "${name}"`;
  }
  return undefined;
};
