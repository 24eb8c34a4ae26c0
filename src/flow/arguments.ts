import { numberOf } from "../number-text.ts";
import { defined } from "../options.ts";
import type { AnyTool, Field, JsonSchema } from "../tool.ts";
import { fieldText } from "./field-text.ts";
import { jsonSchemaOf } from "./schema.ts";

/** An argument of a tool: its name, its JSON type and, where only some values are allowed, these. */
export interface Argument {
  readonly name: string;
  /** Of JSON Schema; undefined where it says none or several. */
  readonly type: string | undefined;
  readonly choices?: readonly string[];
}

/** The arguments of a tool, in the order of its schema. */
export interface Arguments {
  readonly required: readonly Argument[];
  /** Those that can be written as one word: texts, numbers, truth values. */
  readonly optional: readonly Argument[];
}

/** The arguments of a tool; none for a tool without a readable schema. */
export const argumentsOf = ({ inputSchema }: AnyTool): Arguments => {
  const schema = jsonSchemaOf(inputSchema);
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const needed: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const argumentOf = (name: string): Argument => {
    const property = properties[name] ?? {};
    const choices = Object.hasOwn(property, "const") ? [property.const] : property.enum;
    return { name, type: typeOf(property), ...defined({ choices: choicesOf(choices) }) };
  };
  return {
    required: needed.filter((name) => typeof name === "string").map(argumentOf),
    optional: Object.keys(properties)
      .filter((name) => !needed.includes(name))
      .map(argumentOf)
      .filter(({ type, choices }) => choices !== undefined || (type !== undefined && WORDS.includes(type))),
  };
};

const WORDS = ["string", "number", "integer", "boolean"];

/** Whether a whole sub-goal is the one text that a tool takes. */
export const isWholeText = ([only, ...more]: readonly Argument[]): boolean =>
  only?.type === "string" && more.length === 0;

const choicesOf = (choices: unknown): readonly string[] | undefined =>
  Array.isArray(choices) ? choices.map(String) : undefined;

/** The one type that is not `null`. */
const typeOf = ({ type, anyOf, enum: choices }: JsonSchema): string | undefined => {
  const named = Array.isArray(anyOf) ? anyOf.map((one) => Object(one).type) : type;
  const types = (Array.isArray(named) ? named : [named]).filter((one) => one !== "null");
  if (types.length === 1 && typeof types[0] === "string") return types[0];
  const kinds = new Set(Array.isArray(choices) ? choices.map((choice) => typeof choice) : []);
  return kinds.size === 1 ? [...kinds][0] : undefined;
};

/** A field's value as an argument of a JSON type; `text` is how a string argument spells it. What does not fit, or not exactly, stays text. */
export const argumentValue = (field: Field, type: string | undefined, text = fieldText(field)): unknown => {
  if (type === "number" || type === "integer") {
    if (typeof field.value === "number") return field.value;
    return numberOf(text) ?? numberOf(text.replace(/^([-+]?)0+(?=\d)/u, "$1")) ?? text;
  }
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
};
