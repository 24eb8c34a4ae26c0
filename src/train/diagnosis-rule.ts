/** What the rules of a diagnosis have in common. */
import type { DiagnosedStep } from "./diagnosed-step.ts";
import { type Course, windowOf } from "./diagnosis-course.ts";

/** What a rule has found: since which step (its index), what is seen, what to do, and the families that are meant. */
export interface Observation {
  readonly since: number;
  readonly seen: string;
  readonly advice: string;
  readonly families?: readonly string[] | undefined;
}

/** Looks at the course of a run: what it sees, if anything. */
export type Rule = (course: Course) => Observation | undefined;

/** From this mean reward on, a run that stands still is at its end and not stuck. */
export const GOOD = 0.9;
/** Steps without a new best mean reward after which a run stands still; or a whole window, where that is longer. */
const STILL = 20;
/** Standard errors by which a change must exceed chance. */
export const CLEAR = 4.5;

/** `1 step`, `2 steps`. */
export const counted = (value: number, thing: string): string =>
  `${Math.round(value)} ${thing}${Math.round(value) === 1 ? "" : "s"}`;

/** Names that a sentence lists, and letters of a name. */
export const SHOWN = 4;
const LETTERS = 40;

/** A name of at most 40 letters. */
export const shortened = (name: string): string => {
  const letters = [...name.slice(0, 4 * LETTERS)];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS - 1).join("")}…` : name;
};

/** A few names of a list, and how many more there are. */
export const named = (names: readonly string[]): string => {
  const shown = names.slice(0, SHOWN).map(shortened).join(", ");
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
};

/** Index of the first step of a window. */
export const since = (steps: readonly DiagnosedStep[]): number => steps[0]?.index ?? 0;

/** Whether the mean reward has had no new best for a while, and is not near its end. */
export const standsStill = (course: Course): boolean => {
  const { level, best } = course;
  if (level === undefined || best === undefined || level.mean >= GOOD) return false;
  return level.index - best.index >= Math.max(STILL, windowOf(course, "groups")?.length ?? 0);
};
