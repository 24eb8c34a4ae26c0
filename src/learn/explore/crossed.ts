import { type MemoryEntry, type Step, stepOf } from "../../trajectory.ts";
import { comparisons, VALUE_OF_TEXT } from "../planners/candidates.ts";
import { referred, renumbered, wayTo } from "../planners/references.ts";
import type { Found, Way } from "./seen.ts";

/** Calls that lead from one thing to a field that is calculated with. */
export interface Ending {
  /** They refer to each other (`@1` is the first of them) and to the thing as `q1`. */
  readonly calls: readonly Step[];
  readonly field: string;
  /** Whether the field holds a text. */
  readonly isText: boolean;
}

interface Operand extends Ending {
  readonly thing: number;
}

type Calls = readonly Pick<MemoryEntry, "step">[];

/**
 * The operands of a plan's last call, in their order. Empty where that is a lookup or compares, or one of them takes more
 * than one thing.
 */
const operandsIn = ({ asked, plan }: Pick<Found, "asked" | "plan">): readonly Operand[] => {
  if (asked === undefined) return [];
  const isText = asked.operation === VALUE_OF_TEXT;
  const memory: Calls = plan.map((action) => ({ step: stepOf(action) }));
  const [operation = "", ...references] = (memory.at(-1)?.step.subGoal ?? "").split(" ");
  if (Object.hasOwn(comparisons, operation)) return [];
  const operands = references.flatMap((reference): readonly Operand[] => {
    const [, entry, field = ""] = /^@(\d+)\.(\S+)$/u.exec(reference) ?? [];
    const way = entry === undefined ? undefined : wayTo(Number(entry), memory);
    return way === undefined ? [] : [{ thing: way.thing, calls: way.calls.map(({ step }) => step), field, isText }];
  });
  return operands.length === references.length ? operands : [];
};

/** How plans come to the fields that they calculate with, each way once. */
export const endingsIn = (plans: readonly Pick<Found, "asked" | "plan">[]): readonly Ending[] =>
  once(plans.flatMap(operandsIn).map(({ thing: _, ...ending }) => ending));

const nameOf = ({ calls, field }: Ending): string => [...calls.map(({ raw }) => raw), field].join("; ");

const once = (endings: readonly Ending[]): readonly Ending[] => [
  ...new Map(endings.map((ending) => [nameOf(ending), ending])).values(),
];

/**
 * Plans in which one operand is come by as an own way begins and another plan's way ends, from a result of the same tool on.
 * Walks come upon ways that answer a task by coincidence, or in a detour; what was found for other tasks may be what this one
 * asks. Compare the one-point crossover of genetic programming.
 */
export const crossed = (found: Found, endings: readonly Ending[]): readonly Way[] => {
  const { asked, plan } = found;
  const operands = operandsIn(found);
  if (asked === undefined) return [];
  const last = stepOf(plan.at(-1) ?? "");
  const [operation = ""] = last.subGoal.split(" ");
  const isValue = operation === "value";
  return operands.flatMap((own, place) =>
    once(endings.filter(({ isText }) => isValue || !isText).flatMap((ending) => joined(own, ending)))
      .filter((ending) => nameOf(ending) !== nameOf(own))
      .map((ending): Way => {
        const taken = operands.map((one, i): Operand => (i === place ? { ...ending, thing: one.thing } : one));
        const fields = taken.map(({ field }) => field).sort();
        const read = isValue && ending.isText ? VALUE_OF_TEXT : operation;
        return { asked: { operation: read, fields }, plan: planOf(taken, `${last.tool} ${operation}`) };
      }),
  );
};

/** The first calls of one way with the last ones of another, wherever both have called the same tool. */
const joined = (one: Ending, other: Ending): readonly Ending[] => {
  const own = one.calls.map((step) => ({ step }));
  return own.flatMap(({ step: { tool } }, i) =>
    other.calls.flatMap((call, k): readonly Ending[] => {
      const rest = other.calls.slice(k + 1);
      // What is left refers to nothing before.
      const isOwn = rest.every(({ subGoal }) => referred(subGoal).every((entry) => entry > k));
      const way = wayTo(i + 1, own);
      if (call.tool !== tool || !isOwn || way === undefined) return [];
      const begun = way.calls.map(({ step }) => step);
      const moved = rest.map((step) => renumbered(step, (entry) => entry + begun.length - 1 - k));
      return [{ calls: [...begun, ...moved], field: other.field, isText: other.isText }];
    }),
  );
};

/** The calls for all operands, none twice, and then the calculation. */
const planOf = (operands: readonly Operand[], calculation: string): readonly string[] => {
  const plan: string[] = [];
  const references = operands.map(({ thing, calls, field }) => {
    const places: number[] = [];
    for (const call of calls) {
      const { raw } = renumbered(
        call,
        (entry) => places[entry - 1] ?? entry,
        () => thing,
      );
      const known = plan.indexOf(raw);
      places.push(known < 0 ? plan.push(raw) : known + 1);
    }
    return `@${places.at(-1)}.${field}`;
  });
  return [...plan, [calculation, ...references].join(" ")];
};
