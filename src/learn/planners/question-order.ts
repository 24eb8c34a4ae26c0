import { stepOf } from "../../trajectory.ts";
import { comparisons } from "./candidates.ts";
import { mentioned, referred, renumbered } from "./references.ts";

/**
 * A plan with its calls in the order in which the question names what they begin with, each chain to its end before the
 * next one: of the many orders in which the same calls come to the same answer, one. The first `fixed` calls stay.
 */
export const inQuestionOrder = (plan: readonly string[], fixed = 0): readonly string[] => {
  const places = plan.map((_, at) => at);
  const ordered = places.slice(0, fixed);
  const left = new Set(places.slice(fixed));
  /** What the question names first comes first; then what the last call leads to; then the words of the action decide. */
  const rankOf = (at: number): string => {
    const named = String(lastNamed(plan, at)).padStart(4, "0");
    const follows = needs(plan[at]).includes(ordered.at(-1) ?? -1);
    return `${named} ${follows ? 0 : 1} ${plan[at]?.replace(/@\d+/g, "@")}`;
  };
  while (left.size > 0) {
    const open = [...left].filter((at) => needs(plan[at]).every((one) => ordered.includes(one)));
    const [next] = open.sort((a, b) => (rankOf(a) < rankOf(b) ? -1 : 1));
    // A plan with a call that refers to what never comes stays as it is.
    if (next === undefined) return plan;
    left.delete(next);
    ordered.push(next);
  }
  const placeOf = (entry: number): number => ordered.indexOf(entry - 1) + 1;
  return ordered.map((at) => operandsInOrder(renumbered(stepOf(plan[at] ?? ""), placeOf).raw));
};

/** Places of the calls to which an action refers. */
const needs = (action = ""): readonly number[] => referred(action).map((entry) => entry - 1);

/** The last of the question's things on which a call depends: a call that needs two chains comes after both. */
const lastNamed = (plan: readonly string[], at: number): number => {
  const action = plan[at] ?? "";
  return Math.max(0, ...mentioned(action), ...needs(action).map((one) => lastNamed(plan, one)));
};

/** A calculation with its operands in the order of memory, where either order gives the same. */
export const operandsInOrder = (action: string): string => {
  const [tool = "", operation = "", ...references] = action.split(" ");
  const isOpen = references.length > 1 && references.every((one) => one.startsWith("@")) && !(operation in comparisons);
  if (!isOpen) return action;
  return [tool, operation, ...references.sort((a, b) => a.localeCompare(b, "en", { numeric: true }))].join(" ");
};
