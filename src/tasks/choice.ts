import { undressed } from "../reply.ts";
import { readWords, sameWords } from "./words.ts";

export const letterOf = (index: number): string => String.fromCharCode(65 + index);

const indexOf = (letter: string): number => letter.toUpperCase().charCodeAt(0) - 65;

const LABEL = /^\s{0,8}[([]?([A-Z])\s{0,2}[\]).:]\s{0,8}/i;

/** Options without their letters, where each has its own (`A. red`, `(B) blue`): the C of `C. difficile` is part of a name. */
const withoutLetters = (choices: readonly string[]): readonly string[] =>
  choices.every((choice, i) => LABEL.exec(choice)?.[1]?.toUpperCase() === letterOf(i))
    ? choices.map((choice) => choice.replace(LABEL, ""))
    : choices;

/** Options with their letters. */
export const lettered = (choices: readonly string[]): readonly string[] =>
  withoutLetters(choices) === choices ? choices.map((choice, i) => `${letterOf(i)}. ${choice}`) : choices;

const literal = (text: string): string =>
  undressed(text).normalize("NFC").replace(/\s+/g, " ").replace(/\.$/, "").trim().toLowerCase();

const where = (choices: readonly string[], fits: (choice: string) => boolean): readonly number[] =>
  choices.flatMap((choice, i) => (fits(choice) ? [i] : []));

/** The options that are written like a text. */
const written = (text: string, choices: readonly string[]): readonly number[] => {
  const exact = where(choices, (choice) => choice.trim() === text.trim());
  return exact.length > 0 ? exact : where(choices, (choice) => literal(choice) === literal(text));
};

/** The options whose whole text is this: as it is written if there is one, else by its words. */
const byText = (text: string, choices: readonly string[]): readonly number[] => {
  const found = written(text, choices);
  if (found.length > 0) return found;
  const said = readWords(undressed(text));
  return where(choices, (choice) => sameWords(readWords(undressed(choice)), said));
};

/** The options that a key names: by the whole text first, then as a letter. A key names exactly one, or is none. */
export const namedByKey = (key: string, choices: readonly string[]): readonly number[] => {
  // With its letter an option has to be written alike: in words, "A. red" is "a red".
  for (const found of [written(key, choices), byText(key, withoutLetters(choices))]) if (found.length > 0) return found;
  const at = bareLetter(key);
  return at !== undefined && (choices.length === 0 || at < choices.length) ? [at] : [];
};

/** A letter by itself, in brackets or with a mark behind it. */
const bareLetter = (text: string): number | undefined => {
  const letter = /^[([{（【]?\s?([A-Za-z])\s?[\])}）】]?\s?[.,:;!。、]?$/.exec(undressed(text).normalize("NFKC"))?.[1];
  return letter === undefined ? undefined : indexOf(letter);
};

const LEAD =
  /^(?:(?:(?:the|my) )?(?:(?:correct|right|best|final) ){0,2}(?:option|choice)(?: is|:)?|i(?: would|['’]d| will)? (?:choose|pick|select|go with|think|say)|it is|it['’]s|that is)[: ] {0,4}/i;

const MARKED = /^[([（]?(?<letter>[A-Za-z])(?:[\]).:,）]{1,2}\s{0,4}|\s[-–—]\s)(?<rest>.+)$/s;
const SPACED = /^(?<letter>[A-Za-z])\s(?<rest>.+)$/s;
const BEHIND = /^(?<rest>.+?)[,:]?\s[([（](?<letter>[A-Za-z])[\])）]$/s;
/** A label in bold before an option's text: `**(B)** blue`. */
const BOLD = /^(?:(\*\*|__|\*|_|`)(\(?[A-Za-z][).:]{0,2})\1|\\text(?:bf)?\s?\{(\(?[A-Za-z][).:]{0,2})\}\\?)(?=[\s.:])/;

/** The option that an answer chooses: a letter in any usual dress, an option's whole text, or both where they agree. */
export const chosen = (answer: string, choices: readonly string[]): number | undefined => {
  const bare = undressed(undressed(answer).replace(LEAD, ""));
  const options = withoutLetters(choices);
  const at = bareLetter(bare) ?? bareLetter(bare.replace(LEAD, ""));
  if (at !== undefined) return choices.length === 0 || at < choices.length ? at : undefined;
  // A letter beside another option's text is not an answer.
  const labelled = (form: RegExp): number | undefined => {
    const { letter, rest } = form.exec(bare.replace(BOLD, "$2$3"))?.groups ?? {};
    if (letter === undefined || rest === undefined) return undefined;
    const named = indexOf(letter);
    return byText(rest, options).includes(named) ? named : -1;
  };
  const only = (found: readonly number[]): number | undefined =>
    found.length === 0 ? undefined : found.length === 1 ? found[0] : -1;
  const found =
    only(written(bare, choices)) ??
    only(written(bare, options)) ??
    labelled(MARKED) ??
    only(byText(bare, options)) ??
    labelled(SPACED) ??
    labelled(BEHIND);
  return found === -1 ? undefined : found;
};
