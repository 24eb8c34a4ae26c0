import { text as aText, listOf, required } from "../options.ts";
import { readDate } from "./date.ts";
import { plainLatex } from "./latex.ts";
import { elementsOf } from "./list.ts";
import { isNumber } from "./number.ts";
import type { AnswerKey } from "./score.ts";

/** What keys of a file may be: words only, formulas as in contests of mathematics, lists as in GAIA, or anything. */
export type KeyStyle = "words" | "mathematics" | "lists" | "any";

/** Longer answers are words. */
const LONGEST = 1000;

const isTruth = (answer: string): boolean => /^(?:yes|no|true|false)$/i.test(answer.trim());
/** Three letters in a row that are no function and no command of LaTeX. */
const hasWords = (answer: string): boolean =>
  /\p{L}{3}/u.test(
    plainLatex(answer)
      .replace(/\\[a-zA-Z]{1,20}/g, " ")
      .replace(/sqrt|sin|cos|tan|log|exp|mod/g, " "),
  );
const isFormula = (answer: string): boolean => /\\[a-zA-Z]{2}|^[a-zA-Z] ?=/.test(answer.trim()) && !hasWords(answer);
const isList = (answer: string): boolean => elementsOf(answer).length > 1 && readDate(answer) === undefined;

/**
 * What answers are scored by, told by all of them and each one whole: `12 km` is a number, `12 Angry Men` are words.
 *
 * @example
 * ```ts
 * import { keyOf, scoreAnswer } from "agentflow/tasks";
 *
 * console.log(scoreAnswer(keyOf(["3 hours"]), "180 minutes").correct);
 * ```
 */
export const keyOf = (answers: readonly string[], style: KeyStyle = "any"): AnswerKey => {
  required(listOf(aText))(answers, "keyOf: the answers");
  const isShort = answers.length > 0 && answers.every(({ length }) => length <= LONGEST);
  const every = (is: (answer: string) => boolean): boolean => isShort && answers.every(is);
  const kindOf = (): AnswerKey["kind"] => {
    if (every(isTruth)) return "boolean";
    if (style === "words") return "text";
    if (every(isNumber)) return "number";
    if (style === "mathematics") return every((answer) => !hasWords(answer)) ? "mathematics" : "text";
    if (every(isFormula)) return "mathematics";
    if (every((answer) => isList(answer) && (style === "lists" || elementsOf(answer).every(isNumber)))) return "list";
    return "text";
  };
  return { kind: kindOf(), answers };
};
