import { listOf, number, objectWith, oneOf, required, ruleOf, text } from "../options.ts";
import { bareAnswer, undressed } from "../reply.ts";
import type { Reward } from "../task.ts";
import { chosen, namedByKey } from "./choice.ts";
import { solvesTwentyFour } from "./expression-24.ts";
import { answerAsWritten } from "./final-answer.ts";
import { sameList } from "./list.ts";
import { sameMathematics } from "./mathematics.ts";
import { isNumber, readQuantity, sameQuantity } from "./number.ts";
import { bestOverlap, normaliseText, readWords, sameWords, type Words } from "./words.ts";

export const kinds = ["text", "number", "list", "mathematics", "choice", "expression24", "boolean"] as const;

/** What a task of a file is scored by. */
export interface AnswerKey {
  readonly kind: (typeof kinds)[number];
  /** All that count as right. Of a choice: the letter, or the text of the option. */
  readonly answers: readonly string[];
  readonly choices?: readonly string[] | undefined;
  /** Of a choice: which option is right, from 0. @default the one that the answers name */
  readonly index?: number | undefined;
  /** What a number is in, when its key does not say it. */
  readonly unit?: string | undefined;
  /** How far off a number may be. @default 0 for whole numbers, else 1e-9 of their size */
  readonly tolerance?: number | undefined;
  /** Of `expression24`: the numbers to use, each once. */
  readonly numbers?: readonly number[] | undefined;
}

/** How an answer was scored: right or not, and for texts the overlap of words beside it. */
export interface Score {
  readonly correct: boolean;
  /** Of texts: F1 over words, the best over all accepted answers (as in SQuAD). */
  readonly f1?: number;
}

/** What a key may say, and how. */
export const aKey = required(
  ruleOf<AnswerKey>(
    {
      kind: required(oneOf(...kinds)),
      answers: required(listOf(text)),
      choices: listOf(text),
      index: number({ least: 0, whole: true }),
      unit: text,
      tolerance: number({ least: 0 }),
      numbers: listOf(number({ least: Number.NEGATIVE_INFINITY })),
    },
    { others: "any" },
  ),
);

/** Longer outputs are not answers. */
const LONGEST = 20_000;

/**
 * Scores an output by rules alone. An answer that equals a key is right, whatever its kind; what claims to be right, or
 * lists all that it could be, is not right by that.
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
    return key.kind === "text" ? { correct: false, f1: 0 } : { correct: false };
  const written = answerAsWritten(output);
  const given = bareAnswer(written);
  const said = new Set([written, given].filter((one) => one !== "").map(asIs));
  const isKey = key.answers.some((answer) => said.has(asIs(answer)));
  if (key.kind !== "text") return { correct: isKey || scorers[key.kind](key, given) };
  const reading = readWords(given);
  const readings = written === given ? [reading] : [reading, readWords(written)];
  return {
    correct: isKey || key.answers.some((answer) => isSaid(answer, readings)),
    f1: bestOverlap(reading, key.answers),
  };
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

const asIs = (said: string): string => said.normalize("NFC").trim().replace(/\s+/g, " ");

/** By the kind of a key, texts aside: whether an answer is right. */
const scorers: Readonly<Record<Exclude<AnswerKey["kind"], "text">, (key: AnswerKey, given: string) => boolean>> = {
  number: ({ answers, ...how }, given) => {
    const found = readQuantity(given);
    const said = [readWords(given)];
    return answers.some((answer) => {
      const key = readQuantity(answer);
      if (key === undefined) return isSaid(answer, said);
      return found !== undefined && sameQuantity(key, found, how);
    });
  },
  list: ({ answers }, given) => answers.some((answer) => sameList(answer, given)),
  mathematics: ({ answers }, given) => {
    const found = isNumber(given) ? readQuantity(given) : undefined;
    return answers.some((answer) => {
      const key = found !== undefined && isNumber(answer) ? readQuantity(answer) : undefined;
      if (key !== undefined && found !== undefined) return sameQuantity(key, found);
      return sameMathematics(undressed(answer), given);
    });
  },
  choice: ({ answers, choices = [], index }, given) => {
    const right = index === undefined ? answers.flatMap((answer) => namedByKey(answer, choices)) : [index];
    const at = chosen(given, choices);
    return at !== undefined && right.includes(at);
  },
  boolean: ({ answers }, given) =>
    truth(given) !== undefined && answers.some((answer) => truth(answer) === truth(given)),
  expression24: ({ numbers = [] }, given) => solvesTwentyFour(given, numbers),
};

/** Whether one of several readings of an answer says what a key says, with or without what stands around the key. */
const isSaid = (answer: string, readings: readonly Words[]): boolean =>
  [...new Set([answer, undressed(answer)])].some((key) => {
    const expected = readWords(key);
    return readings.some((said) => sameWords(expected, said));
  });

const truth = (said: string): boolean | undefined => {
  const word = normaliseText(said);
  if (word === "yes" || word === "true") return true;
  return word === "no" || word === "false" ? false : undefined;
};
