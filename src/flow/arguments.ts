import type { AnyTool, Field } from "../tool.ts";
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
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, { type?: unknown; enum?: unknown }>>;
  const needed: readonly unknown[] = Array.isArray(schema?.required) ? schema.required : [];
  const argumentOf = (name: string): Argument => {
    const { type, enum: choices } = properties[name] ?? {};
    return {
      name,
      type: typeof type === "string" ? type : undefined,
      ...(Array.isArray(choices) && { choices: choices.map(String) }),
    };
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

/** A field's value as an argument of a JSON type; `text` is how a string argument spells it. What does not fit stays text. */
export const argumentValue = (field: Field, type: string | undefined, text = fieldText(field)): unknown => {
  if (type === "number" || type === "integer") {
    const value = typeof field.value === "number" ? field.value : Number(text);
    return text === "" || Number.isNaN(value) ? text : value;
  }
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
};
