import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigError } from "../errors.ts";
import type { AnyTool, JsonSchema, Toolset } from "../tool.ts";
import { boundsProblem } from "./input/bounds.ts";
import { readSchema } from "./input/read-schema.ts";
import type { Check } from "./input/validator.ts";

type InputSchema = AnyTool["inputSchema"];

/** An input that fits, as the tool wants it, or one line that says what does not fit. */
export type Parsed = { readonly value: unknown } | { readonly problem: string };

/** A schema of the AI SDK: a JSON Schema, and often a function that checks and converts a value. */
interface SdkSchema {
  readonly jsonSchema: unknown;
  readonly validate?: (value: unknown) => SdkResult | PromiseLike<SdkResult>;
}
type SdkResult =
  | { readonly success: true; readonly value: unknown }
  | { readonly success: false; readonly error: Error };

const isStandard = (schema: InputSchema): schema is StandardSchemaV1 => "~standard" in schema;

/** Validators of JSON Schemas by the schemas as their owners wrote them. */
const checks = new WeakMap<JsonSchema, Check>();

/**
 * Checks an input by a tool's schema: a Standard Schema and one of the AI SDK by its own `validate`, a JSON Schema by a
 * validator for draft 2020-12, which is loaded with the first such check. Inputs are bounded before.
 */
export const parseInput = (schema: InputSchema, input: unknown): Parsed | Promise<Parsed> => {
  if (!isStandard(schema)) return parseJson(schema, input);
  const problem = boundsProblem(input, false);
  if (problem !== undefined) return { problem };
  const result = schema["~standard"].validate(input);
  return result instanceof Promise ? result.then(parsedOf) : parsedOf(result);
};

const parseJson = (schema: JsonSchema, input: unknown): Parsed | Promise<Parsed> => {
  const check = checks.get(schema);
  if (check !== undefined) return judged(check, input);
  const validate = sdkSchemaOf(schema)?.validate;
  if (validate === undefined) return checkFor(schema).then((made) => judged(made, input));
  const problem = boundsProblem(input, false);
  return problem === undefined ? validatedBySdk(validate, input) : { problem };
};

const judged = (check: Check, input: unknown): Parsed => {
  const problem = check(input);
  return problem === undefined ? { value: input } : { problem };
};

const checkFor = async (schema: JsonSchema): Promise<Check> => {
  const plain = readSchema(plainSchemaOf(schema), "The tool");
  const { validatorOf } = await import("./input/validator.ts");
  const check = checks.get(schema) ?? validatorOf(plain);
  checks.set(schema, check);
  return check;
};

const parsedOf = (result: StandardSchemaV1.Result<unknown>): Parsed => {
  if (result.issues === undefined) return { value: result.value };
  const issue = result.issues[0];
  const path = issue?.path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return { problem: `${path ? `${path}: ` : ""}${issue?.message ?? "does not fit the schema"}` };
};

const validatedBySdk = async (validate: NonNullable<SdkSchema["validate"]>, input: unknown): Promise<Parsed> => {
  const result = await validate(input);
  return result.success ? { value: result.value } : { problem: result.error.message };
};

/** A schema of the AI SDK, also where a function makes it; undefined for a plain JSON Schema. */
const sdkSchemaOf = (schema: JsonSchema | (() => unknown)): SdkSchema | undefined => {
  const made: unknown = typeof schema === "function" ? schema() : schema;
  return typeof made === "object" && made !== null && "jsonSchema" in made && !("type" in made)
    ? (made as SdkSchema)
    : undefined;
};

const plainSchemaOf = (schema: JsonSchema): JsonSchema => {
  const plain = sdkSchemaOf(schema)?.jsonSchema ?? schema;
  if (typeof plain !== "object" || plain === null || plain instanceof Promise)
    throw new ConfigError("A tool's inputSchema must be a Standard Schema or a JSON Schema that is there at once.");
  return plain as JsonSchema;
};

/** The plain JSON Schema of a tool's input, when it has one or can give one. */
export const jsonSchemaOf = (schema: InputSchema): JsonSchema | undefined => {
  if (!isStandard(schema)) return plainSchemaOf(schema);
  const standard: Partial<StandardJSONSchemaV1.Props> = schema["~standard"];
  return standard.jsonSchema?.input({ target: "draft-2020-12" });
};

/** Refuses tools whose JSON Schemas cannot be read: throws `ConfigError` that names the tool, the place and what is accepted. */
export const readSchemas = (tools: Toolset): void => {
  for (const [name, { inputSchema }] of Object.entries(tools))
    if (!isStandard(inputSchema) && !checks.has(inputSchema))
      readSchema(plainSchemaOf(inputSchema), `The tool "${name}"`);
};
