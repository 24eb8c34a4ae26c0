import { type MemoryEntry, type Step, stepOf } from "../../trajectory.ts";

const ENTRY = /@(\d+)/g;
const ENTITY = /(?<![\p{L}\p{N}_@.-])q(\d+)(?![\p{L}\p{N}_])/gu;

/** Entries of memory that an action refers to, from 1. */
export const referred = (action: string): number[] => [...action.matchAll(ENTRY)].map(([, entry]) => Number(entry));

/** The name of a field that an action takes from an entry: `country` of `@4.country`. */
export const FIELD = /(?<=@\d+\.)\S+/gu;

export const fieldsTaken = (action: string): readonly string[] => action.match(FIELD) ?? [];

/** Entries that an action refers to, directly or by the actions of others, in order, from 1. */
export const neededBy = (action: string, memory: readonly Pick<MemoryEntry, "step">[]): readonly number[] => {
  const needed = new Set<number>();
  const need = (text: string): void => {
    for (const entry of referred(text)) {
      if (needed.has(entry)) continue;
      needed.add(entry);
      need(memory[entry - 1]?.step.subGoal ?? "");
    }
  };
  need(action);
  return [...needed].sort((a, b) => a - b);
};

/** What an action or a question mentions of the question's things, from 1. */
export const mentioned = (text: string): number[] => [...text.matchAll(ENTITY)].map(([, entity]) => Number(entity));

/** A text whose mentions of the question's things have other numbers, or are something else. */
export const withMentions = (text: string, other: (entity: number) => string): string =>
  text.replace(ENTITY, (_, entity: string) => other(Number(entity)));

/** A step that refers to other entries, and mentions things by other numbers. */
export const renumbered = (
  { tool, subGoal }: Step,
  entryOf: (entry: number) => number,
  entityOf: (entity: number) => number = (entity) => entity,
): Step => {
  const entries = subGoal.replace(ENTRY, (_, entry: string) => `@${entryOf(Number(entry))}`);
  return stepOf(`${tool} ${withMentions(entries, (entity) => `q${entityOf(entity)}`)}`);
};

/**
 * The calls that an entry comes from, itself the last of them, where all go back to one thing of the question. They refer to
 * each other (`@1` is the first of them) and to the thing as `q1`. Undefined where it takes more than one thing, or none.
 */
export const wayTo = <Entry extends Pick<MemoryEntry, "step">>(
  entry: number,
  memory: readonly Entry[],
): { readonly thing: number; readonly calls: readonly Entry[] } | undefined => {
  const places = [...neededBy(memory[entry - 1]?.step.subGoal ?? "", memory), entry];
  const calls = places.flatMap((place) => memory[place - 1] ?? []);
  const things = new Set(calls.flatMap(({ step }) => mentioned(step.subGoal)));
  const [thing] = things;
  if (thing === undefined || things.size > 1) return undefined;
  const own = (step: Step): Step =>
    renumbered(
      step,
      (one) => places.indexOf(one) + 1,
      () => 1,
    );
  return { thing, calls: calls.map((call) => ({ ...call, step: own(call.step) })) };
};
