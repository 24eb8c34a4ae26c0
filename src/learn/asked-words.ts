import { NUMBER, TRUTH } from "../flow/rules/fits.ts";
import { isSameUnit } from "../flow/rules/unit-names.ts";
import type { Analysis, Trajectory } from "../trajectory.ts";

/** The ways in which a question may spell a field's name: as it is, and with or without the s of a plural. */
const forms = (name: string): readonly [singular: string, plural: string] => {
  const words = name.replace(/[_-]+/gu, " ").toLowerCase();
  if (words.endsWith("s")) return [words.endsWith("ies") ? `${words.slice(0, -3)}y` : words.slice(0, -1), words];
  if (/[^aeiou]y$/u.test(words)) return [words, `${words.slice(0, -1)}ies`];
  return [words, /(?:x|z|ch|sh)$/u.test(words) ? `${words}es` : `${words}s`];
};

const isLetter = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** Whether a question has the name of a field, in one of its forms. */
export const isNamedIn = (name: string, template: string): boolean =>
  forms(name).some((form) => placesOf(form, template).length > 0);

/** Where words stand in a text, in letters of either size. */
const placesOf = (words: string, text: string): readonly number[] => {
  const lower = text.toLowerCase();
  // Few letters are longer when they are small: then a place in the one text is another place in the other.
  if (lower.length !== text.length) return [];
  const places: number[] = [];
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, at + words.length))
    if (!isLetter(lower[at - 1]) && !isLetter(lower[at + words.length])) places.push(at);
  return places;
};

/** A text in which words have taken the place of others, each place once, the first pair of words going first. */
const withWords = (text: string, pairs: readonly (readonly [from: string, to: string])[]): string => {
  const taken = pairs.flatMap(([from, to]) => placesOf(from, text).map((at) => ({ at, end: at + from.length, to })));
  const kept = taken.filter(({ at, end }, i) => !taken.slice(0, i).some((one) => one.at < end && at < one.end));
  return kept
    .sort((a, b) => b.at - a.at)
    .reduce((changed, { at, end, to }) => changed.slice(0, at) + to + changed.slice(end), text);
};

/** The words by which questions ask for a unit: `dollars` for `USD`. */
export type UnitWords = ReadonlyMap<string, string>;

const noWords: UnitWords = new Map();

const wordsIn = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}°]+/gu) ?? [];

/** The words for the units of what tools bring, as questions have them. */
export const unitWordsIn = (trajectories: readonly Trajectory[]): UnitWords => {
  const observations = trajectories.flatMap(({ memory }) => memory.map(({ observation }) => observation));
  const units = new Set(
    observations.flatMap((one) =>
      one.status === "ok" ? Object.values(one.fields).flatMap(({ unit }) => unit ?? []) : [],
    ),
  );
  const words = [...new Set(trajectories.flatMap(({ analysis }) => wordsIn(analysis.template)))];
  return new Map(
    [...units].flatMap((unit) => {
      const said = words.filter((one) => one === forms(unit)[1] || isSameUnit(one, unit));
      const word = said.find((one) => one.endsWith("s")) ?? said[0];
      return word === undefined ? [] : [[unit, word] as const];
    }),
  );
};

/** What is asked for without the name of a unit: it is the same for another field. */
const KINDS = new Set(["date", "day", "name", NUMBER, TRUTH]);

/** A question that names other fields, and the unit that it then asks for. */
export const withFields = (
  { template, unit }: Analysis,
  asked: readonly string[],
  fields: ReadonlyMap<string, string>,
  [before, after]: readonly (string | undefined)[] = [],
  wordOf: UnitWords = noWords,
): Pick<Analysis, "template" | "unit"> => {
  const words: [string, string][] = [];
  let shown = unit;
  if (before !== undefined && after !== undefined && before !== after) {
    const [from, to] = [forms(before), forms(after)];
    const said = wordOf.get(after) ?? to[1];
    words.push([`in ${from[0]}`, `in ${said}`], [from[1], said], [from[0], to[0]]);
    for (const word of wordsIn(template)) if (isSameUnit(word, before)) words.push([word, said]);
  }
  for (const name of asked) {
    const other = fields.get(name) ?? name;
    if (other === name) continue;
    const [from, to] = [forms(name), forms(other)];
    // The plural first: it holds the singular.
    words.push([from[1], to[1]], [from[0], to[0]]);
    if (unit !== undefined && before !== undefined && isSameUnit(unit, before)) shown = after;
    else if (unit === from[0]) shown = to[0];
    // A unit that is not the name of a field would contradict the new one.
    else if (unit !== undefined && !KINDS.has(unit)) shown = undefined;
  }
  return { template: withWords(template, words), ...(shown !== undefined && { unit: shown }) };
};
