import type { Random } from "../random.ts";
import type { Field } from "../tool.ts";
import { type MemoryEntry, stepOf, type Trajectory } from "../trajectory.ts";
import {
  callsOf,
  differs,
  type Fragment,
  groupsOf,
  isNoun,
  nameOf,
  nounsIn,
  type Place,
  type Placed,
} from "./fragments.ts";
import { withFragment } from "./recombined.ts";

/** Words that say what is calculated with: a thing and which of its fields, such as "the birth of {1}". */
interface Operand extends Fragment {
  readonly field: string;
  readonly kind: Field["kind"];
  readonly unit: string | undefined;
}

interface Slot {
  readonly route: Trajectory;
  readonly place: Place & Operand;
  /** What may stand there instead, by how it says it. */
  readonly fitting: readonly (readonly Operand[])[];
}

/** Routes that calculate with what could be another operand, by their plans. */
export type Operands = readonly (readonly Slot[])[];

/** The operands that routes can exchange: of one kind and unit, where they stand after the same words in some question. */
export const operandsOf = (routes: readonly Placed[]): Operands => {
  const operands = routes.flatMap(([route, places]) =>
    places.flatMap((place) => {
      const operand = operandAt(route, place);
      return operand === undefined ? [] : [{ route, place: { ...place, ...operand } }];
    }),
  );
  const alike = groupsOf(operands, ({ place }) => frameOf(place));
  // Words say which field is meant where others in their place mean another one; then they say so anywhere.
  const isTold = ({ place }: Pick<Slot, "place">): boolean =>
    (alike.get(frameOf(place)) ?? []).some(
      ({ place: other }) => other.field !== place.field && differs(place.text, other.text),
    );
  const told = new Set(
    operands.filter((slot) => isTold(slot) || isNamed(slot.place)).map(({ place }) => wordingOf(place)),
  );
  const slots = operands.filter(({ place }) => told.has(wordingOf(place)));
  const standing = slots.flatMap((slot) => placeNamesOf(slot.place).map((name) => ({ name, slot })));
  const after = groupsOf(standing, ({ name }) => name);
  const places = groupsOf(slots, ({ place }) => wordingOf(place));
  /** What means something else and stands somewhere after the same words: then either may stand wherever the other does. */
  const alikeOf = (standing: readonly Pick<Slot, "place">[]): readonly (readonly Operand[])[] => {
    const names = new Set(standing.flatMap(({ place }) => placeNamesOf(place)));
    const meanings = new Set(standing.map(({ place }) => meaningOf(place)));
    const others = [...names].flatMap((name) => after.get(name) ?? []).map(({ slot }): Operand => slot.place);
    return [
      ...groupsOf(
        others.filter((other) => !meanings.has(meaningOf(other))),
        wordingOf,
      ).values(),
    ];
  };
  const fitting = new Map([...places].map(([wording, standing]) => [wording, alikeOf(standing)]));
  const all = slots.map(({ route, place }): Slot => ({ route, place, fitting: fitting.get(wordingOf(place)) ?? [] }));
  return [
    ...groupsOf(
      all.filter(({ fitting }) => fitting.length > 0),
      ({ route, place }) => [place.field, ...route.memory.map(({ step }) => step.raw)].join("; "),
    ).values(),
  ];
};

/** What the last call calculates with at a place, where nothing else takes it. */
const operandAt = (
  { memory }: Trajectory,
  { entries, needed }: Place,
): Pick<Operand, "field" | "kind" | "unit"> | undefined => {
  const [field, ...more] = needed;
  const end = entries.at(-1);
  if (field === undefined || more.length > 0 || end === undefined) return undefined;
  const others = memory.slice(0, -1).some(({ step }) => step.subGoal.includes(`@${end + 1}.${field}`));
  const observation = memory[end]?.observation;
  const brought = observation?.status === "ok" ? observation.fields[field] : undefined;
  return others || brought === undefined ? undefined : { field, kind: brought.kind, unit: brought.unit };
};

const frameOf = ({ frame }: Place): string => frame.replace(/@this\.\S+/gu, "@this");

/** Where an operand stands: after these words, and where it has a noun of its own, wherever others have. */
const placeNamesOf = (place: Place & Operand): readonly string[] => {
  const { before, kind, unit } = place;
  return [before, ...(isNamed(place) ? ["a noun"] : [])].map((name) => [name, kind, unit].join("; "));
};

/** Whether its words begin with a noun that names its field, such as "the founding of the label of {1}". */
const isNamed = ({ text, field, before }: Operand): boolean => {
  const nouns = nounsIn(text.replace(/\{(\d+)\}/gu, "q$1").split(" "), before.split(" ").at(-1));
  return nouns.some((noun) => isNoun(noun, field));
};

const wordingOf = (operand: Operand): string => `${nameOf(operand)}; ${operand.field}`;

/** By which calls an operand is come by, however it is said. */
const meaningOf = (operand: Operand): string => `${callsOf(operand)}; ${operand.field}`;

/**
 * A route that calculates with another operand: "the days between the birth of q1 and the release of q2" becomes those to the
 * death of q2, or to an event. So what is calculated, of which fields and of which things are learnt each for itself.
 * Undefined where nothing can be exchanged.
 */
export const withOtherOperand = (operands: Operands, draws: Random): Trajectory | undefined => {
  if (operands.length === 0) return undefined;
  const { route, place, fitting } = draws.pick(draws.pick(operands));
  const other = draws.pick(draws.pick(fitting));
  const made = withFragment(route, place, other);
  if (made === undefined) return undefined;
  const [first = 0] = place.entries;
  const end = first + other.calls.length;
  const last = made.memory.length - 1;
  const inStep = (entry: MemoryEntry): MemoryEntry => ({
    ...entry,
    step: stepOf(entry.step.raw.replaceAll(`@${end}.${place.field}`, `@${end}.${other.field}`)),
  });
  return { ...made, memory: made.memory.map((entry, i) => (i === last ? inStep(entry) : entry)) };
};
