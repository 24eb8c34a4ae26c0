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

/** Longer outputs are not answers. */
const LONGEST = 20_000;

/**
 * Scores an output by rules alone. What claims to be right, or lists all that it could be, is not right by that.
 *
 * @example
 * ```ts
 * import { scoreAnswer } from "agentflow/tasks";
 *
 * const { correct } = scoreAnswer({ kind: "choice", answers: ["B"], choices: ["Accra", "Lagos"] }, "Lagos");
 * ```
 */
export const scoreAnswer = (key: AnswerKey, output: string | undefined): Score => {
  aKey(key, "scoreAnswer: the key");
  if (output !== undefined) text(output, "scoreAnswer: the output");
  if (output === undefined || output.length > LONGEST)
    return { correct: false, ...(key.kind === "text" ? { f1: 0 } : {}) };
  const given = finalAnswer(output);
  if (key.kind === "number") return { correct: sameNumber(key, given) };
  if (key.kind === "choice") return { correct: sameChoice(key, given) };
  if (key.kind === "boolean")
    return { correct: key.answers.some((answer) => truth(answer) !== undefined && truth(answer) === truth(given)) };
  if (key.kind === "expression24") return { correct: solvesTwentyFour(given, key.numbers ?? []) };
  return scoreText(key, given);
};

/**
 * Tasks with an answer key, as a reward: 1 for a right answer, 0 for any other and for none.
 *
 * @example
 * ```ts
 * import { answerReward, readTaskFile } from "agentflow/tasks";
 *
 * const [task] = await readTaskFile("tasks.jsonl");
 * if (task !== undefined) console.log(await answerReward(task, "42"));
 * ```
 */
export const answerReward: Reward<AnswerKey> = (task, answer) => {
  objectWith("a task with an answer key")(task, "answerReward: the task");
  return scoreAnswer(task.sealed, answer).correct ? 1 : 0;
};

/** Numbers in other scripts look like ours and are not. */
const plainDigits = (text: string): boolean => !/[\p{Nd}\p{No}\p{Nl}]/u.test(text.replace(/[0-9]/g, ""));

const sameNumber = ({ answers, unit }: AnswerKey, given: string): boolean => {
  if (!plainDigits(given)) return false;
  // A number and perhaps its unit; a sentence around it could say anything.
  if (given.trim().split(/\s+/).length > 2 && !/[\\{}]/.test(given)) return false;
  const bare = given.replace(/^\$+|(?<!\$)\$+$/g, "").replace(/^(?:x|answer)\s*=\s*/i, "");
  const [found, text] = [readNumber(bare, unit), normaliseText(given)];
  return answers.some((answer) => {
    const expected = readNumber(answer, unit);
    if (expected === undefined || found === undefined) return text !== "" && text === normaliseText(answer);
    return Math.abs(expected - found) <= 1e-9 * Math.max(1, Math.abs(expected));
  });
};

/** The given text is read once, however many answers are accepted. */
const scoreText = ({ answers }: AnswerKey, given: string): Score => {
  const [text, date] = [normaliseText(given), readDate(given)];
  const found = words(text);
  const counts = new Map<string, number>();
  for (const word of found) counts.set(word, (counts.get(word) ?? 0) + 1);
  let [correct, f1] = [false, 0];
  for (const answer of answers) {
    const expected = normaliseText(answer);
    correct ||= (expected !== "" && expected === text) || (date !== undefined && readDate(answer) === date);
    f1 = Math.max(f1, overlap(words(expected), found.length, counts));
  }
  return { correct, f1 };
};

const words = (normalised: string): string[] => normalised.split(" ").filter((word) => word !== "");

/** F1 of expected words over those that were found, each of which counts as often as it came. */
const overlap = (expected: readonly string[], found: number, counts: ReadonlyMap<string, number>): number => {
  const used = new Map<string, number>();
  let common = 0;
  for (const word of expected) {
    const times = used.get(word) ?? 0;
    if (times < (counts.get(word) ?? 0)) common += 1;
    used.set(word, times + 1);
  }
  if (common === 0) return 0;
  const [precision, recall] = [common / found, common / expected.length];
  return (2 * precision * recall) / (precision + recall);
};

/** The letter of an option: `B`, `(B)`, `B.`, `B. text`, or the option's whole text. Never something like it. */
const sameChoice = ({ answers, choices = [] }: AnswerKey, given: string): boolean => {
  const letterByText = new Map<string, string>();
  for (const [at, choice] of choices.entries()) {
    const text = bareChoice(choice);
    if (!letterByText.has(text)) letterByText.set(text, String.fromCharCode(65 + at));
  }
  const letterOf = (text: string): string | undefined => {
    const letter = /^\(?([A-Z])\)?\s*[.:]?$/i.exec(text.trim())?.[1]?.toUpperCase();
    if (letter !== undefined) return letter;
    const [, named, rest] = /^\s*\(?([A-Z])\s*[).:]\s*(.+)$/is.exec(text) ?? [];
    const found = letterByText.get(normaliseText(rest ?? text));
    // A letter beside another option's text is not an answer.
    if (named !== undefined) return found === named.toUpperCase() ? found : undefined;
    return found;
  };
  const letter = letterOf(
    given
      .replace(/^\s*(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)\s*/i, "")
      .replace(/(?<![.\s])[.\s]+$/, ""),
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
