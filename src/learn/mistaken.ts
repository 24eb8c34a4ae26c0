import type { Random } from "../random.ts";
import { type MemoryEntry, type Step, stepOf } from "../trajectory.ts";

/** Of the mistakes in a field, those where two fields have changed places. */
const EXCHANGED = 0.5;

const FIELD = /(?<=@\d+\.)\S+/gu;

/**
 * A step with a mistake in it, and what comes of that: the right arguments for the tool of another step, a field of another
 * step, or two fields in each other's place, such as the date of a person and the birth of an event.
 */
export const mistaken = (right: Step, other: Step, draws: Random): Pick<MemoryEntry, "step" | "observation"> => {
  const { tool, subGoal } = right;
  const isField = draws.next() < 0.5 && /@\d+\.\S/u.test(subGoal);
  if (!isField)
    return {
      step: stepOf(`${other.tool} ${subGoal}`),
      observation: { status: "failed", reason: "tool-error", error: "" },
    };
  const field = /@\d+\.(\S+)/u.exec(other.subGoal)?.[1] ?? "value";
  const wrong = draws.next() < EXCHANGED ? exchanged(subGoal) : subGoal.replace(/(@\d+\.)\S+/u, `$1${field}`);
  return {
    step: stepOf(`${tool} ${wrong}`),
    observation: { status: "refused", reason: "bad-reference", error: "" },
  };
};

const exchanged = (subGoal: string): string => {
  const [first, second] = subGoal.match(FIELD) ?? [];
  const swapped = [second, first];
  return subGoal.replace(FIELD, (field) => swapped.shift() ?? field);
};
