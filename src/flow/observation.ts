import { FIELD_LIMIT, fieldName, fieldOf, fieldsOf, isFieldName, VALUE_LENGTH } from "../fields.ts";
import type { Field, ToolOutput } from "../tool.ts";
import type { ErrorReason, Observation } from "../trajectory.ts";

/** Longest text of an observation, in characters. */
export const TEXT_LIMIT = 16_384;
const ERROR_LENGTH = 500;

/** A call that never reached a tool. */
export const refused = (reason: ErrorReason, error: string): Observation & { status: "refused" | "failed" } => ({
  status: "refused",
  reason,
  error,
});

/** A call that reached its tool and failed there. */
export const failed = (reason: ErrorReason, error: string): Observation & { status: "refused" | "failed" } => ({
  status: "failed",
  reason,
  error: error.length > ERROR_LENGTH ? `${error.slice(0, ERROR_LENGTH)}…` : error,
});

/**
 * Any value that a tool may return, as a bounded observation. Never throws. Secrets are taken out of its texts before they
 * are cut: half a key would not be found.
 *
 * @example
 * ```ts
 * import { observe } from "agentflow";
 *
 * const observation = observe({ text: "12 of A-17", fields: { value: { kind: "number", value: 12 } } });
 * if (observation.status === "ok") console.log(observation.fields.value);
 * ```
 */
export const observe = (value: unknown, limit = TEXT_LIMIT, redact: (text: string) => string = asItIs): Observation => {
  try {
    return isToolOutput(value) ? ofOutput(value, limit, redact) : ofValue(value, limit, redact);
  } catch {
    // A getter or proxy of the tool's own making: its text cannot be had, which is what the planner then sees.
    return failed("tool-error", "The tool returned a value that cannot be read.");
  }
};

type Clean = (text: string) => string;
const asItIs: Clean = (text) => text;

const isToolOutput = (value: unknown): value is ToolOutput =>
  typeof value === "object" && value !== null && typeof (value as ToolOutput).text === "string";

const ofOutput = ({ text, fields, source, trust }: ToolOutput, limit: number, redact: Clean): Observation => ({
  status: "ok",
  text: bound(redact(text), limit),
  fields: fields === undefined ? {} : boundFields(fields, trust === undefined || trust === "trusted"),
  ...(source === undefined ? {} : { source: bound(redact(String(source)), VALUE_LENGTH) }),
  // Whatever else a tool says of trust, such as a misspelt word, is not trust.
  ...(trust === undefined || trust === "trusted" ? {} : { trust: "untrusted" }),
});

/** Name of the field by which a result answers a question, where its tool names no other. */
export const ANSWER_FIELD = "value";

/** Name of the field by which a result answers a question. */
export const answerFieldOf = (observation: Observation): string =>
  (observation.status === "ok" ? observation.answerField : undefined) ?? ANSWER_FIELD;

/**
 * The field by which a result answers a question. Of outsiders' results there is none: anybody may write a page with a row
 * `Value`, and no rule takes its word for the answer. Planners and models may still refer to it.
 */
export const statedValue = (observation: Observation | undefined): Field | undefined => {
  if (observation?.status !== "ok" || observation.trust === "untrusted") return undefined;
  const name = answerFieldOf(observation);
  return Object.hasOwn(observation.fields, name) ? observation.fields[name] : undefined;
};

/** Fields that can be shown and referred to. Names that outsiders chose are such as a reference can spell. */
const boundFields = (fields: Readonly<Record<string, Field>>, trusted: boolean): Readonly<Record<string, Field>> => {
  const names = Object.keys(fields);
  const fits = (name: string): boolean => isField(fields[name]) && (trusted || isFieldName(name));
  if (names.length <= FIELD_LIMIT && names.every((name) => fits(name) && isFieldName(name))) return fields;
  const kept: [string, Field][] = [];
  for (const name of names) {
    const field = fields[name];
    if (field === undefined || !fits(name)) continue;
    if (kept.push([fieldName(name), field]) === FIELD_LIMIT) break;
  }
  return Object.fromEntries(kept);
};

const isField = (field: Field | undefined): boolean =>
  typeof field === "object" &&
  field !== null &&
  isShort(field.unit ?? "") &&
  isShort(field.label ?? "") &&
  (typeof field.value === "number" ? Number.isFinite(field.value) : isShort(field.value));

const isShort = (text: unknown): boolean => typeof text === "string" && text.length <= VALUE_LENGTH;

/** A plain value: a text as it is, anything else as JSON, with its fields. */
const ofValue = (value: unknown, limit: number, redact: Clean): Observation => {
  // A text says what it says; a date alone is a value, as a number is.
  if (typeof value === "string")
    return {
      status: "ok",
      text: bound(redact(value), limit),
      fields: fieldOf(value)?.kind === "date" ? fieldsOf(value) : {},
    };
  const text = typeof value !== "object" && fieldOf(value) !== undefined ? String(value) : textOf(value);
  return { status: "ok", text: bound(redact(text), limit), fields: fieldsOf(value) };
};

/** JSON that survives cycles, bigints, functions and symbols. */
const textOf = (value: unknown): string => {
  const path: unknown[] = [];
  const text = JSON.stringify(value, function (this: unknown, _key, inner: unknown) {
    if (typeof inner === "bigint" || typeof inner === "symbol") return String(inner);
    if (typeof inner === "function") return "[function]";
    if (typeof inner !== "object" || inner === null) return inner;
    while (path.length > 0 && path.at(-1) !== this) path.pop();
    if (path.includes(inner)) return "[circular]";
    path.push(inner);
    return inner;
  });
  return text ?? String(value);
};

const bound = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit)}\n[cut: ${text.length - limit} more characters]`;
