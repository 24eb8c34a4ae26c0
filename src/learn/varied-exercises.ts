import { dateOf } from "../flow/dates.ts";
import { ANSWER_FIELD } from "../flow/observation.ts";
import { numberOf } from "../number-text.ts";
import { deriveKey, type Random, type RandomKey, random } from "../random.ts";
import type { Field } from "../tool.ts";
import {
  type Analysis,
  type MemoryEntry,
  type Observation,
  type Step,
  stepOf,
  type Trajectory,
} from "../trajectory.ts";
import { isNamedIn, type UnitWords, withFields } from "./asked-words.ts";
import { isNoun } from "./fragments.ts";
import { fieldsTaken } from "./planners/references.ts";

/** Most of a question's words that are left out of it. */
const MOST_LEFT_OUT = 0.2;
/** How often no word is. */
const WHOLE = 0.4;
/** How often the kind of the answer is left out. */
const UNIT_LEFT_OUT = 0.25;

const REFERENCE = /q\d/u;

/**
 * A trajectory whose question lacks some of its words, never what it refers to and what names one of `fields`: a planner that
 * imitates it cannot tell what is asked by one word that happens to go with it, and has to read them all.
 */
export const thinned = (trajectory: Trajectory, key: RandomKey, fields: readonly string[] = []): Trajectory => {
  const draws = random(key);
  if (draws.next() < WHOLE) return trajectory;
  const share = draws.next() * MOST_LEFT_OUT;
  const { unit, ...analysis } = trajectory.analysis;
  const isKept = (word: string): boolean =>
    REFERENCE.test(word) || wordsOf(word).some((one) => fields.some((field) => isNoun(one, field)));
  const template = analysis.template
    .split(" ")
    .filter((word) => draws.next() >= share || isKept(word))
    .join(" ");
  const withUnit = unit !== undefined && draws.next() >= UNIT_LEFT_OUT;
  return { ...trajectory, analysis: { ...analysis, template, ...(withUnit && { unit }) } };
};

/** The words of a word, such as the two of `lead-time,`. */
const wordsOf = (word: string): readonly string[] => word.match(/[\p{L}\p{N}]+/gu) ?? [];

/** How often an exercise is one of another thing, and how often one whose names have changed places. */
const TRANSPLANTED = 0.5;
const EXCHANGED = 0.3;

/** All exercises that there are, to make others of. */
export interface Exercises {
  readonly all: readonly Trajectory[];
  readonly names: Names;
}

export const exercisesOf = (all: readonly Trajectory[]): Exercises => ({ all, names: namesIn(all) });

/** An exercise as a planner is shown it: as it was made, of another thing, or with other names and often fewer words. */
export const varied = (trajectory: Trajectory, { all, names }: Exercises, key: RandomKey): Trajectory => {
  const draws = random(deriveKey(key, "varied"));
  const drawn = draws.next();
  if (drawn < TRANSPLANTED) {
    const other = transplanted(trajectory, draws.pick(all));
    if (other !== undefined) return other;
  }
  if (drawn >= TRANSPLANTED + EXCHANGED) return trajectory;
  return thinned(exchanged(trajectory, names, deriveKey(key, "exchanged")), deriveKey(key, "thinned"));
};

/** The one field that an exercise calculates with, and the result that brought it. */
const askedIn = ({
  memory,
}: Trajectory):
  | {
      readonly name: string;
      readonly row: MemoryEntry;
      readonly kind: Field["kind"];
      readonly unit: string | undefined;
    }
  | undefined => {
  const last = memory.at(-1)?.step.subGoal ?? "";
  const names = once(fieldsTaken(last));
  const [name] = names;
  const row = memory[Number(/@(\d+)\./u.exec(last)?.[1]) - 1];
  if (name === undefined || names.length > 1 || row?.observation.status !== "ok") return undefined;
  const field = row.observation.fields[name];
  return field === undefined ? undefined : { name, row, kind: field.kind, unit: field.unit };
};

/**
 * A trajectory that asks for another field of what it came to: by its name where the question has the name, and by its
 * unit. So a planner reads which field is asked. Undefined where there is no such field.
 */
export const reread = (trajectory: Trajectory, draws: Random, words?: UnitWords): Trajectory | undefined => {
  const asked = askedIn(trajectory);
  if (asked === undefined) return undefined;
  const { name, kind, unit, row } = asked;
  const others = fieldsIn(row.observation).filter(
    ([other, field]) => other !== name && field.kind === kind && other !== ANSWER_FIELD,
  );
  if (others.length === 0) return undefined;
  const [other, field] = draws.pick(others);
  const fields = new Map([[name, other]]);
  const analysis = withFields(trajectory.analysis, [name], fields, [unit, field.unit], words);
  if (analysis.template === trajectory.analysis.template) return undefined;
  const { unit: _, ...rest } = trajectory.analysis;
  const last = trajectory.memory.length - 1;
  return {
    ...trajectory,
    analysis: { ...rest, ...analysis },
    memory: trajectory.memory.map((entry, i) =>
      i === last ? { ...entry, step: inStep(entry.step, fields, new Map()) } : entry,
    ),
  };
};

/**
 * An exercise that asks the same of another exercise's thing: its field, its tool with all that it brings, what its question
 * is about. So each calculation is seen with each field, in surroundings that are its own. Undefined where the question does
 * not name its field or its unit, or the fields are of different kinds.
 */
export const transplanted = (
  trajectory: Trajectory,
  donor: Trajectory,
  unitWords?: UnitWords,
): Trajectory | undefined => {
  const [from, to] = [askedIn(trajectory), askedIn(donor)];
  if (from === undefined || to === undefined || from.kind !== to.kind || from.name === to.name) return undefined;
  const fields = new Map([[from.name, to.name]]);
  const { analysis, memory } = trajectory;
  const referred = new Set(memory.slice(0, -1).flatMap(({ step }) => fieldsTaken(step.subGoal)));
  const brought = to.row.observation.status === "ok" ? to.row.observation.fields : {};
  const others = donor.analysis.entities.filter(isName);
  let at = 0;
  const { template, unit } = withFields(analysis, [from.name], fields, [from.unit, to.unit], unitWords);
  if (template === analysis.template) return undefined;
  return {
    ...trajectory,
    analysis: {
      template,
      ...(unit !== undefined && { unit }),
      entities: analysis.entities.map((entity) => (isName(entity) ? (others[at++] ?? entity) : entity)),
    },
    memory: memory.map((entry, i): MemoryEntry => {
      const { step, observation } = entry;
      if (i === memory.length - 1) return { ...entry, step: inStep(step, fields, new Map()) };
      if (step.tool !== from.row.step.tool || observation.status !== "ok") return entry;
      // What later calls refer to stays there.
      const kept = Object.entries(observation.fields).filter(([name]) => referred.has(name) && name !== from.name);
      return {
        ...entry,
        step: stepOf(`${to.row.step.tool} ${step.subGoal}`),
        observation: { ...observation, fields: { ...Object.fromEntries(kept), ...brought } },
      };
    }),
  };
};

/** Names that may take each other's place. */
export interface Names {
  /** Of fields whose values are computed with, by kind. */
  readonly numbers: readonly string[];
  readonly dates: readonly string[];
  /** Tools that look up. */
  readonly tools: readonly string[];
  /** What questions name, numbers and dates aside. */
  readonly entities: readonly string[];
}

/** The names in exercises, each once. Their last action calculates. */
export const namesIn = (exercises: readonly Trajectory[]): Names => {
  const entries = exercises.flatMap(({ memory }) => memory.slice(0, -1));
  const fields = entries.flatMap(({ observation }) => fieldsIn(observation));
  const ofKind = (kind: Field["kind"]): readonly string[] =>
    once(fields.flatMap(([name, field]) => (field.kind === kind && name !== ANSWER_FIELD ? [name] : [])));
  return {
    numbers: ofKind("number"),
    dates: ofKind("date"),
    tools: once(entries.map(({ step }) => step.tool)),
    entities: once(exercises.flatMap(({ analysis }) => analysis.entities.filter(isName))),
  };
};

const once = (names: readonly string[]): readonly string[] => [...new Set(names)];

/** Whether a thing of a question is a name, and no number or date. */
export const isName = (entity: string): boolean => numberOf(entity) === undefined && dateOf(entity) === undefined;

const fieldsIn = (observation: Observation): readonly (readonly [string, Field])[] =>
  observation.status === "ok" ? Object.entries(observation.fields) : [];

/**
 * An exercise whose names have changed places: those of fields in results, in the calculation and, where it names them, in
 * the question; those of tools and of what the question is about. So nothing but the words of the question says what
 * is asked, and a planner learns to look for the field that they name, whatever it is.
 */
export const exchanged = (trajectory: Trajectory, names: Names, key: RandomKey): Trajectory => {
  const draws = random(key);
  const { memory, analysis } = trajectory;
  const asked = (memory.at(-1)?.step.subGoal ?? "").matchAll(/@\d+\.(\S+)/gu);
  const isNamed = (name: string): boolean => isNamedIn(name, analysis.template);
  // A name that the question does not say stays: nothing would tell that another one is meant.
  const kept = new Set([...asked].flatMap(([, name = ""]) => (isNamed(name) ? [] : [name])));
  const fields = new Map([...permuted(names.numbers, kept, draws), ...permuted(names.dates, kept, draws)]);
  const tools = permuted(names.tools, new Set(), draws);
  const used = once(fieldsTaken(memory.at(-1)?.step.subGoal ?? ""));
  return {
    ...trajectory,
    analysis: inAnalysis(analysis, used, fields, names.entities, draws),
    memory: memory.map((entry) => inEntry(entry, fields, tools)),
  };
};

/** Each name with the one that takes its place. */
const permuted = (names: readonly string[], kept: ReadonlySet<string>, draws: Random): ReadonlyMap<string, string> => {
  const free = names.filter((name) => !kept.has(name));
  const shuffled = draws.shuffle(free);
  return new Map(free.map((name, i) => [name, shuffled[i] ?? name]));
};

const inAnalysis = (
  analysis: Analysis,
  asked: readonly string[],
  fields: ReadonlyMap<string, string>,
  others: readonly string[],
  draws: Random,
): Analysis => ({
  entities: analysis.entities.map((entity) => (isName(entity) && others.length > 0 ? draws.pick(others) : entity)),
  ...withFields(analysis, asked, fields),
});

const inStep = (
  { tool, subGoal }: Step,
  fields: ReadonlyMap<string, string>,
  tools: ReadonlyMap<string, string>,
): Step => {
  const changed = subGoal.replace(/(@\d+\.)(\S+)/gu, (_, at: string, name: string) => at + (fields.get(name) ?? name));
  return stepOf(`${tools.get(tool) ?? tool} ${changed}`);
};

const inEntry = (
  entry: MemoryEntry,
  fields: ReadonlyMap<string, string>,
  tools: ReadonlyMap<string, string>,
): MemoryEntry => ({
  ...entry,
  step: inStep(entry.step, fields, tools),
  observation: inResult(entry.observation, fields),
});

const inResult = (observation: Observation, fields: ReadonlyMap<string, string>): Observation =>
  observation.status !== "ok"
    ? observation
    : {
        ...observation,
        fields: Object.fromEntries(
          Object.entries(observation.fields).map(([name, field]) => [fields.get(name) ?? name, field]),
        ),
      };
