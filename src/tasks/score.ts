import { listOf, number, objectWith, oneOf, required, ruleOf, text } from "../options.ts";
import type { Reward } from "../task.ts";
import { finalAnswer, normaliseText, readDate, readNumber } from "./exact-match.ts";
import { solvesTwentyFour } from "./expression-24.ts";

/** What a task of a file is scored by. */
export interface AnswerKey {
  readonly kind: "text" | "number" | "choice" | "expression24" | "boolean";
  /** All that count as right. Of a choice: the letter, or the text of the option. */
  readonly answers: readonly string[];
  readonly choices?: readonly string[];
  /** Taken off a number when the answer repeats it. */
  readonly unit?: string;
  /** Of `expression24`: the numbers to use, each once. */
  readonly numbers?: readonly number[];
}

/** How an answer was scored: right or not, and for texts the overlap of words beside it. */
export interface Score {
  readonly correct: boolean;
  /** Of texts: F1 over words, the best over all accepted answers (as in SQuAD). */
  readonly f1?: number;
}

const aKey = required(
  ruleOf<AnswerKey>(
    {
      kind: required(oneOf("text", "number", "choice", "expression24", "boolean")),
      answers: required(listOf(text)),
      choices: listOf(text),
      unit: text,
      numbers: listOf(number({ least: Number.NEGATIVE_INFINITY })),
    },
    { others: "any" },
  ),
);

/** Longer outputs are no answers. */
const LONGEST = 20_000;

/** Scores an output by rules alone. What claims to be right, or lists all that it could be, is not right by that. */
export const scoreAnswer = (key: AnswerKey, output: string | undefined): Score => {
  aKey(key, "scoreAnswer: the key");
  if (output !== undefined) text(output, "scoreAnswer: the output");
  if (output === undefined || output.length > LONGEST)
    return { correct: false, ...(key.kind === "text" ? { f1: 0 } : {}) };
  const given = finalAnswer(output);
  if (key.kind === "number") return { correct: key.answers.some((answer) => sameNumber(answer, given, key.unit)) };
  if (key.kind === "choice") return { correct: sameChoice(key, given) };
  if (key.kind === "boolean")
    return { correct: key.answers.some((answer) => truth(answer) !== undefined && truth(answer) === truth(given)) };
  if (key.kind === "expression24") return { correct: solvesTwentyFour(given, key.numbers ?? []) };
  return {
    correct: key.answers.some((answer) => sameText(answer, given)),
    f1: Math.max(0, ...key.answers.map((answer) => overlap(answer, given))),
  };
};

/** Tasks with an answer key, as a reward: 1 for a right answer, 0 for any other and for none. */
export const answerReward: Reward<AnswerKey> = (task, answer) => {
  objectWith("a task with an answer key")(task, "answerReward: the task");
  return scoreAnswer(task.sealed, answer).correct ? 1 : 0;
};

/** Numbers in other scripts look like ours and are not. */
const plainDigits = (text: string): boolean => !/[\p{Nd}\p{No}\p{Nl}]/u.test(text.replace(/[0-9]/g, ""));

const sameNumber = (answer: string, given: string, unit: string | undefined): boolean => {
  if (!plainDigits(given)) return false;
  // A number and perhaps its unit; a sentence around it could say anything.
  if (given.trim().split(/\s+/).length > 2 && !/[\\{}]/.test(given)) return false;
  const bare = given.replace(/^\$+|\$+$/g, "").replace(/^(?:x|answer)\s*=\s*/i, "");
  const [expected, found] = [readNumber(answer, unit), readNumber(bare, unit)];
  if (expected === undefined || found === undefined)
    return normaliseText(answer) !== "" && normaliseText(answer) === normaliseText(given);
  return Math.abs(expected - found) <= 1e-9 * Math.max(1, Math.abs(expected));
};

const sameText = (answer: string, given: string): boolean => {
  const [expected, found] = [normaliseText(answer), normaliseText(given)];
  if (expected !== "" && expected === found) return true;
  const [date, other] = [readDate(answer), readDate(given)];
  return date !== undefined && date === other;
};

const words = (text: string): string[] =>
  normaliseText(text)
    .split(" ")
    .filter((word) => word !== "");

const overlap = (answer: string, given: string): number => {
  const [expected, found] = [words(answer), words(given)];
  const left = new Map<string, number>();
  for (const word of expected) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of found) {
    const times = left.get(word) ?? 0;
    if (times > 0) common += 1;
    left.set(word, times - 1);
  }
  if (common === 0) return 0;
  const [precision, recall] = [common / found.length, common / expected.length];
  return (2 * precision * recall) / (precision + recall);
};

/** The letter of an option: `B`, `(B)`, `B.`, `B. text`, or the option's whole text. Never something like it. */
const sameChoice = ({ answers, choices = [] }: AnswerKey, given: string): boolean => {
  const letterOf = (text: string): string | undefined => {
    const letter = /^\s*\(?([A-Z])\)?\s*[.:]?\s*$/i.exec(text)?.[1]?.toUpperCase();
    if (letter !== undefined) return letter;
    const [, named, rest] = /^\s*\(?([A-Z])\s*[).:]\s*(.+)$/is.exec(text) ?? [];
    const at = choices.findIndex((choice) => bareChoice(choice) === normaliseText(rest ?? text));
    const found = at < 0 ? undefined : String.fromCharCode(65 + at);
    // A letter beside another option's text is no answer.
    if (named !== undefined) return found === named.toUpperCase() ? found : undefined;
    return found;
  };
  const letter = letterOf(
    given.replace(/^\s*(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)\s*/i, "").replace(/[.\s]+$/, ""),
  );
  return letter !== undefined && answers.some((answer) => letterOf(answer) === letter);
};

/** An option without its letter. */
const bareChoice = (choice: string): string => normaliseText(choice.replace(/^\s*\(?[A-Z]\s*[).:]\s*/i, ""));

const truth = (text: string): boolean | undefined => {
  const word = normaliseText(text);
  if (word === "yes" || word === "true") return true;
  return word === "no" || word === "false" ? false : undefined;
};
