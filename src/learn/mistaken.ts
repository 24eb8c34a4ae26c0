import { resolve } from "../flow/references.ts";
import type { Random } from "../random.ts";
import { type MemoryEntry, type Step, stepOf, type Trajectory } from "../trajectory.ts";
import { FIELD, wayTo } from "./planners/references.ts";

type Mistake = Pick<MemoryEntry, "step" | "observation">;

/** Of the mistakes in a field, those where two fields have changed places. */
const EXCHANGED = 0.5;

const REFERENCE = /@(\d+)\.(\S+)/gu;

/** What was made before a step, and how it refers to that (`Recipe.references`). */
export interface Made extends Pick<Trajectory, "query" | "analysis" | "memory"> {
  readonly references: "entries" | "things";
}

/**
 * A step with a mistake in it, and what comes of that: the right arguments for the tool of another step, a field of another
 * step, or two fields in each other's place, such as the date of a person and the birth of an event. Undefined where what it
 * takes is there: then nothing would come of it that shows the mistake.
 */
export const mistaken = (right: Step, other: Step, made: Made, draws: Random): Mistake | undefined => {
  const { tool, subGoal } = right;
  const isField = draws.next() < 0.5 && /@\d+\.\S/u.test(subGoal);
  if (!isField)
    return {
      step: stepOf(`${other.tool} ${subGoal}`),
      observation: { status: "failed", reason: "tool-error", error: "" },
    };
  const field = /@\d+\.(\S+)/u.exec(other.subGoal)?.[1] ?? "value";
  const wrong = draws.next() < EXCHANGED ? exchanged(subGoal) : subGoal.replace(/(@\d+\.)\S+/u, `$1${field}`);
  return refused(`${tool} ${wrong}`, made);
};

const exchanged = (subGoal: string): string => {
  const [first, second] = subGoal.match(FIELD) ?? [];
  const swapped = [second, first];
  return subGoal.replace(FIELD, (field) => swapped.shift() ?? field);
};

/** A call that takes a field which is not there, written as the planner would: that is refused. Undefined where all are there. */
const refused = (action: string, made: Made): Mistake | undefined => {
  const { memory, references } = made;
  let isRefused = false;
  const written = action.replace(REFERENCE, (reference, digits: string, field: string) => {
    const entry = Number(digits);
    if (has(memory[entry - 1], field)) return reference;
    const thing = references === "things" ? wayTo(entry, memory)?.thing : undefined;
    const taken = thing === undefined ? reference : `q${thing}.${field}`;
    isRefused ||= resolve(taken, made) === undefined;
    return taken;
  });
  if (!isRefused) return undefined;
  return { step: stepOf(written), observation: { status: "refused", reason: "bad-reference", error: "" } };
};

const has = (entry: MemoryEntry | undefined, field: string): boolean =>
  entry?.observation.status === "ok" && Object.hasOwn(entry.observation.fields, field);

/**
 * The last call of a route, made before the one at `at`: with what its things have brought until then, which does not have
 * the fields yet. `placeOf` says which entries they are of what was made so far. Undefined where that is no mistake, or a
 * thing has brought nothing.
 */
export const tooEarly = (
  memory: readonly MemoryEntry[],
  at: number,
  placeOf: readonly number[],
  made: Made,
): Mistake | undefined => {
  const { step: last } = memory.at(-1) ?? {};
  if (last === undefined || at >= memory.length - 1) return undefined;
  let isWhole = true;
  const subGoal = last.subGoal.replace(REFERENCE, (_, digits: string, field: string) => {
    const entry = Number(digits);
    const thing = wayTo(entry, memory)?.thing;
    const newest =
      entry <= at ? entry : memory.slice(0, at).findLastIndex((_, i) => wayTo(i + 1, memory)?.thing === thing) + 1;
    isWhole &&= thing !== undefined && newest > 0;
    return `@${placeOf[newest - 1]}.${field}`;
  });
  return isWhole ? refused(`${last.tool} ${subGoal}`, made) : undefined;
};
