import type { Random } from "../random.ts";
import { type MemoryEntry, type Step, stepOf } from "../trajectory.ts";
import { wayTo } from "./planners/references.ts";

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

/**
 * The last call of a route, made before the one at `at`: with what its things have brought until then, which does not have
 * the fields yet. `placeOf` says which entries they are. Undefined where that is no mistake, or a thing has brought nothing.
 */
export const tooEarly = (
  memory: readonly MemoryEntry[],
  at: number,
  placeOf: readonly number[],
): Pick<MemoryEntry, "step" | "observation"> | undefined => {
  const { step: last } = memory.at(-1) ?? {};
  if (last === undefined || at >= memory.length - 1) return undefined;
  let [isEarly, isWhole] = [false, true];
  const subGoal = last.subGoal.replace(/@(\d+)\.(\S+)/gu, (reference, digits: string, field: string) => {
    const entry = Number(digits);
    const thing = wayTo(entry, memory)?.thing;
    const newest =
      entry <= at ? entry : memory.slice(0, at).findLastIndex((_, i) => wayTo(i + 1, memory)?.thing === thing) + 1;
    const brought = memory[newest - 1]?.observation;
    isEarly ||= newest !== entry;
    isWhole &&=
      thing !== undefined &&
      newest > 0 &&
      !(entry > at && brought?.status === "ok" && Object.hasOwn(brought.fields, field));
    return isWhole ? `@${placeOf[newest - 1]}.${field}` : reference;
  });
  if (!isEarly || !isWhole) return undefined;
  return {
    step: stepOf(`${last.tool} ${subGoal}`),
    observation: { status: "refused", reason: "bad-reference", error: "" },
  };
};
