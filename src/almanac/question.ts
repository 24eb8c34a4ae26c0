import { TaskError } from "../errors.ts";
import type { Random } from "../random.ts";
import type { Asked, Operation } from "./grid.ts";
import { type PathName, paths, targetKind } from "./paths.ts";
import { type FieldWords, fieldWords, templates } from "./phrases.ts";

/** An asked field with the words that name its entry page. */
export interface Subject extends Asked {
  readonly clue: string;
}

/** A field's words; an event's date is the event itself, while a release's date is its release. */
const wordsOf = ({ path, field }: Asked): FieldWords => {
  const key = field === "date" && targetKind(path) === "event" ? "happened" : field;
  return fieldWords[key as keyof typeof fieldWords];
};

/** The templates of an operation on a field: all but the last are for training. */
const templatesOf = (operation: Operation, asked: Asked): readonly string[] =>
  templates[operation]?.[wordsOf(asked).type] ?? [];

/** Capitalised words that would read as a part of the sentence. */
const functionWords =
  /\b(?:The|A|Of|And|In|On|At|To|For|By|Will|May|Can|First|Second|One|Two|Get|Use|Name|State|Count)\b/;

/** Plain capitalised words, numbers, codes and versions stand as they are; every other name is quoted. */
const shown = (clue: string): string =>
  !functionWords.test(clue) &&
  /^(?:\p{Lu}\p{Ll}+(?: \p{Lu}\p{Ll}+)*|[A-Z]{3}|\d+|\p{Lu}\p{Ll}?|Node\.js [\d.]+)$/u.test(clue)
    ? clue
    : `"${clue}"`;

const nounPhrase = (path: PathName, clue: string, random: Random): string =>
  random.pick<string>(paths[path].phrases).replace("{}", () => shown(clue));

/** The question that an operation on one or two subjects asks, in words drawn by `random`. */
export const composeQuestion = (
  operation: Operation,
  subjects: readonly Subject[],
  random: Random,
  paraphrase: "trained" | "heldOut",
): string => {
  const [first] = subjects;
  if (first === undefined) throw new TaskError("A question needs a subject.");
  const words = wordsOf(first);
  const choices = templatesOf(operation, first);
  const template = paraphrase === "heldOut" ? (choices.at(-1) ?? "") : random.pick(choices.slice(0, -1));
  const filled = subjects.map((subject) => {
    const noun = nounPhrase(subject.path, subject.clue, random);
    const own = wordsOf(subject);
    return own.type === "date" ? random.pick(own.of).replace("{}", () => noun) : noun;
  });
  const parts: Readonly<Record<string, string>> = {
    a: filled[0] ?? "",
    b: filled[1] ?? "",
    n: words.type === "measure" ? random.pick(words.nouns) : "",
    u: words.type === "measure" ? words.unit : "",
    t: words.type === "count" ? words.things : "",
  };
  return template.replace(/\{(\w)\}/g, (_, name: string) => parts[name] ?? "");
};
