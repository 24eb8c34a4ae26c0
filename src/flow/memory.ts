import type { Field } from "../tool.ts";
import type { MemoryEntry } from "../trajectory.ts";
import { ANSWER_FIELD } from "./observation.ts";

/** Most fields of an entry that a rendering names, and the longest name or label in it. */
const FIELD_LIMIT = 24;
const NAME_LENGTH = 24;

/** A yes or no, whatever says it; and a state such as `open` or `high`: one word in small letters, too short for a name. */
const TRUTHS = /^(?:yes|no|true|false)$/iu;
const STATE = /^\p{Ll}{2,12}$/u;

/**
 * The value of a field that says which of a few cases holds, as a planner reads it: a yes or no, or a state in one short word.
 * Undefined for all others: numbers, dates, addresses, names, texts, and what answers a question. A function of the field alone.
 */
export const caseOf = (name: string, { kind, value }: Field): string | undefined => {
  if (kind !== "text") return undefined;
  const text = String(value);
  if (TRUTHS.test(text)) return text.toLowerCase();
  return name !== ANSWER_FIELD && STATE.test(text) ? text : undefined;
};

const clip = (text: string, length: number): string =>
  (text.length > length ? text.slice(0, length) : text).replace(/\s+/gu, "-");

/** What a compact prompt says of each turn beside what came of it. */
export interface EntryForm {
  /** @default false */
  readonly verdicts?: boolean | undefined;
  /** @default true */
  readonly turnsLeft?: boolean | undefined;
  /** Whether a field is of the unit or kind that the question asks for: then it is marked with `*`. @default none is */
  readonly isAsked?: ((field: Field) => boolean) | undefined;
}

/**
 * The compact form of an entry that a planner reads: its number, the names of its fields (with their labels), and the
 * turns left after it, last, unless `turnsLeft` is false. Values are left out, as the planner refers to them by name, but
 * for a yes or no and for states in one short word, by which it decides. With `verdicts` the verdict stands before the
 * turns left, as its cause where it has one. One line, bounded.
 *
 * @example
 * ```ts
 * import { createFlow, renderEntry } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, onStepEnd: (entry) => console.log(renderEntry(entry)) });
 * ```
 */
export const renderEntry = (
  { index, observation, verdict, turnsLeft }: MemoryEntry,
  { verdicts = false, turnsLeft: isShown = true, isAsked }: EntryForm = {},
): string => {
  let text = `@${index}`;
  if (observation.status === "ok") {
    let shown = 0;
    for (const name of Object.keys(observation.fields)) {
      if (shown === FIELD_LIMIT) break;
      const field = observation.fields[name];
      const shownCase = field === undefined ? undefined : caseOf(name, field);
      text += ` ${clip(name, NAME_LENGTH)}`;
      if (field !== undefined && isAsked?.(field) === true) text += "*";
      if (field?.label !== undefined) text += ` ${clip(field.label, NAME_LENGTH)}`;
      if (shownCase !== undefined) text += ` ${shownCase}`;
      shown += 1;
    }
    if (shown === 0) text += " ok";
  } else text += ` ${observation.status} ${observation.reason}`;
  if (verdicts) text += `: ${verdict.cause ?? verdict.decision}`;
  return isShown ? `${text} [${turnsLeft}]\n` : `${text}\n`;
};
