import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigError, messageOf } from "../errors.ts";
import type { AnyTool, JsonSchema, Toolset } from "../tool.ts";
import { boundsProblem } from "./input/bounds.ts";
import { librarySchema, withoutNothing } from "./input/library-schema.ts";
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
  try {
    const result = schema["~standard"].validate(input);
    return result instanceof Promise ? result.then(parsedOf, threw) : parsedOf(result);
  } catch (thrown) {
    return threw(thrown);
  }
};

/** A check of somebody's own that throws refuses the input. */
const threw = (thrown: unknown): Parsed => ({ problem: messageOf(thrown) || "its schema fails on it" });

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
  const plain = readSchema(jsonSchemaOf(schema), "The tool");
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
  try {
    const result = await validate(input);
    return result.success ? { value: result.value } : { problem: result.error.message };
  } catch (thrown) {
    return threw(thrown);
  }
};

/** A schema of the AI SDK, also where a function makes it; undefined for a plain JSON Schema. */
const sdkSchemaOf = (schema: JsonSchema | (() => unknown)): SdkSchema | undefined => {
  const made: unknown = typeof schema === "function" ? schema() : schema;
  return typeof made === "object" && made !== null && "jsonSchema" in made && !("type" in made)
    ? (made as SdkSchema)
    : undefined;
};

/** JSON Schemas by the schemas that gave them: a library takes longer to convert than a call takes. */
const converted = new WeakMap<InputSchema, JsonSchema>();

/**
 * The plain JSON Schema of a tool's input. What JSON does not have (a `Date`) is left out of it where it may be left out.
 * Throws `ConfigError` that names the tool and, where one is the reason, the argument.
 */
export const jsonSchemaOf = (schema: InputSchema, of = "The tool"): JsonSchema => {
  const known = converted.get(schema);
  if (known !== undefined) return known;
  const made = isStandard(schema) ? standardJson(schema, of) : plainSchemaOf(schema, of);
  converted.set(schema, made);
  return made;
};

const unusable = (of: string, reason: string): ConfigError =>
  new ConfigError(`${of} has an inputSchema that cannot be used: ${reason}.`);

const plainSchemaOf = (schema: JsonSchema, of: string): JsonSchema => {
  const plain = given(() => sdkSchemaOf(schema)?.jsonSchema ?? schema, of);
  if (typeof plain !== "object" || plain === null || typeof Object(plain).then === "function")
    throw unusable(of, "accepted is a Standard Schema, or a JSON Schema that is there at once and not as a promise");
  return plain as JsonSchema;
};

const standardJson = (schema: StandardSchemaV1, of: string): JsonSchema => {
  const made = given(() => librarySchema(schema), of);
  if (made === undefined)
    throw unusable(
      of,
      `${schema["~standard"].vendor} does not say it as JSON Schema: give it as a JSON Schema, or by the library's converter to one`,
    );
  if (made.type !== undefined && made.type !== "object")
    throw unusable(of, `it is of type ${JSON.stringify(made.type)}, but an input is an object`);
  const { schema: kept, problem } = withoutNothing(made);
  if (problem === undefined) return kept;
  throw unusable(
    of,
    `JSON has no value for its argument "${problem}", and it is required: accept a text or a number and convert it, or let it be left out`,
  );
};

/** What foreign code gives, or why it does not. */
const given = <Made>(make: () => Made, of: string): Made => {
  try {
    return make();
  } catch (cause) {
    throw unusable(of, `its library says "${messageOf(cause).slice(0, 300)}"`);
  }
};

/** Refuses tools whose schemas cannot be read: throws `ConfigError` that names the tool, the place and what is accepted. */
export const readSchemas = (tools: Toolset): void => {
  for (const [name, { inputSchema }] of Object.entries(tools)) {
    const of = `The tool "${name}"`;
    const schema = jsonSchemaOf(inputSchema, of);
    if (!isStandard(inputSchema) && !checks.has(inputSchema)) readSchema(schema, of);
  }
};
