/**
 * Replies that are nothing but what was asked for, as most are. All others (with thoughts, labels, marks or fences around
 * what counts) are for the readers of `reply.ts`, which are loaded with the first of them. What is read here reads the same
 * there.
 */
import { MARKED } from "../../metered.ts";
import type { Step } from "../../trajectory.ts";

/** A whole number that a double may not keep. */
const LONG_NUMBER = /\d{16}/;

/** The object that a whole text is as JSON; undefined for any other text. */
export const plainObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  if (!text.trimStart().startsWith("{") || LONG_NUMBER.test(text)) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    // An object may be in it.
    return undefined;
  }
};

/** Longest action that is read here, in characters. */
const ACTION_LENGTH = 2000;

/** An action in one line, `tool sub-goal`, or in one object, `{"tool", "subGoal"}`, of one of these tools. */
export const plainAction = (text: string, tools: readonly string[]): Step | undefined => {
  if (text.length > ACTION_LENGTH || MARKED.test(text)) return undefined;
  const line = /^([A-Za-z_][\w-]*) ([^\s:("'`{][^\n{]*)$/u.exec(text.trim());
  const { tool, subGoal } = line === null ? (plainObject(text) ?? {}) : { tool: line[1], subGoal: line[2] };
  if (typeof tool !== "string" || typeof subGoal !== "string" || !tools.includes(tool)) return undefined;
  const goal = line === null ? subGoal.trim() : subGoal.replace(/\s+/gu, " ");
  return goal === "" ? undefined : { tool, subGoal: goal, raw: text };
};

/** What stands around answers, or before them. */
const DRESSED = /ans|<|#{4}|\\boxed|I hope it/i;

/** An answer in one line, with nothing around it. */
export const plainAnswer = (text: string): string | undefined => {
  const said = text.trim();
  return /^[-+−]?[\p{L}\p{N}][^\n]*$/u.test(said) && !DRESSED.test(said) ? said : undefined;
};
