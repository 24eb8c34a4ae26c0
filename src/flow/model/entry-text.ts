import type { Field } from "../../tool.ts";
import type { MemoryEntry, Observation } from "../../trajectory.ts";
import { fieldText } from "../field-text.ts";

const FIELD_LIMIT = 24;
const VALUE_LENGTH = 120;
/** Longest rendering of one entry, in characters. */
const ENTRY_LENGTH = 900;

/** One line of at most `length` characters; what was cut ends in an ellipsis. */
export const oneLine = (text: string, length: number): string => {
  const line = text.replace(/\s+/gu, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
};

const ANSWER_LENGTH = 2000;

/** An answer as it is given: one line, bounded; undefined for an empty one. */
export const answerLine = (text: string): string | undefined => oneLine(text, ANSWER_LENGTH) || undefined;

const withUnit = (field: Field): string =>
  `${oneLine(fieldText(field), VALUE_LENGTH)}${field.unit === undefined ? "" : ` ${field.unit}`}${field.label === undefined ? "" : ` (${oneLine(field.label, 40)})`}`;

/** What came of a call, in words: fields with their values, else its text, else why there is nothing. One line, bounded. */
export const observationText = (observation: Observation): string => {
  if (observation.status !== "ok") return `${observation.status}: ${oneLine(observation.error, ENTRY_LENGTH - 20)}`;
  const names = Object.keys(observation.fields);
  if (names.length === 0) return oneLine(observation.text, ENTRY_LENGTH) || "done, without a result";
  const shown: string[] = [];
  let length = 0;
  for (const name of names.slice(0, FIELD_LIMIT)) {
    const field = observation.fields[name];
    if (field === undefined) continue;
    const text = `${oneLine(name, 40)}: ${withUnit(field)}`;
    length += text.length + 2;
    if (length > ENTRY_LENGTH - 20) break;
    shown.push(text);
  }
  const left = names.length - shown.length;
  return left === 0 ? shown.join("; ") : [...shown, `${left} more`].join("; ");
};

/** The names of what a call brought, with their labels, else what went wrong. One line, bounded. */
export const namesText = (observation: Observation): string => {
  if (observation.status !== "ok") return `${observation.status}: ${oneLine(observation.error, 80)}`;
  const names = Object.entries(observation.fields)
    .slice(0, FIELD_LIMIT)
    .map(([name, { label }]) => oneLine(label === undefined ? name : `${name} ${label}`, 40));
  return names.length === 0 ? "a text" : names.join(", ");
};

/** An entry of memory in words: what was done and what came of it. */
export const entryText = ({ index, step, observation }: Pick<MemoryEntry, "index" | "step" | "observation">): string =>
  `@${index} ${step.tool === "" ? "(no action)" : oneLine(`${step.tool} ${step.subGoal}`, 200)} → ${observationText(observation)}`;
