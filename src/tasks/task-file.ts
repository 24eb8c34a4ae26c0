import { TaskError } from "../errors.ts";
import { seed as aSeed, checked, name, oneOf, required } from "../options.ts";
import { pacer } from "../pacer.ts";
import { random, randomKey } from "../random.ts";
import type { Task } from "../task.ts";
import { readNumber } from "./exact-match.ts";
import { type RecordOf, readRecords } from "./records.ts";
import type { AnswerKey } from "./score.ts";

/** What a file of tasks holds, whatever its format: questions with their answer keys and what else is known about them. */
export interface FileSealed extends AnswerKey {
  /** Of the set, where it names some: a level, a type. */
  readonly family?: string;
  /** Paragraphs that the set gives with a question; the flow does not get them. */
  readonly context?: string;
}

export type FileTask = Task<FileSealed>;

export const formats = [
  "hotpotqa",
  "2wiki",
  "musique",
  "bamboogle",
  "gaia",
  "gpqa",
  "medqa",
  "aime",
  "amc",
  "gsm8k",
  "game24",
  "flashrag",
  "plain",
] as const;
export type TaskFormat = (typeof formats)[number];

export interface TaskFileOptions {
  /** @default told from the fields of the first record */
  readonly format?: TaskFormat;
  /** Decides the order of options where a set gives them unshuffled. @default 7 */
  readonly seed?: number;
}

/**
 * Reads a file of tasks: a JSON array, JSON lines, CSV or Parquet, in the fields of a known benchmark or of this project
 * (`question`, `answer` or `answers`, and if wanted `id`, `kind`, `choices`, `unit`). Of a task there are at most 26
 * options, 32 numbers and 100,000 letters of answers. Throws `TaskError` naming file, record and field.
 *
 * @example
 * ```ts
 * import { readTaskFile } from "agentflow/tasks";
 *
 * const tasks = await readTaskFile("hotpotqa.json", { format: "hotpotqa" });
 * console.log(tasks.length, tasks[0]?.question);
 * ```
 */
export const readTaskFile = async (path: string, options: TaskFileOptions = {}): Promise<FileTask[]> => {
  required(name)(path, "readTaskFile: the path");
  const { format, seed = 7 } = checked("readTaskFile", options, { format: oneOf(...formats), seed: aSeed });
  const records = await readRecords(path);
  const [first] = records;
  if (first === undefined) throw new TaskError(`${path} holds no tasks.`);
  const known = format ?? detect(first, path);
  const ids = new Map<string, number>();
  const pace = pacer(PACE);
  const tasks: FileTask[] = [];
  for (const [index, record] of records.entries()) {
    const read = readers[known](record, fieldsOf(record, path, index), seed);
    const [id, question] = [String(read.id ?? index), stripped(read.question)];
    const problem = problemOf(id, question, read.key);
    if (problem !== undefined) throw new TaskError(`${path}, record ${index}: ${problem}.`);
    const times = ids.get(id) ?? 0;
    ids.set(id, times + 1);
    tasks.push({ id: times === 0 ? id : `${id}#${times}`, question, sealed: read.key });
    await pace(question.length + lettersOf(read.key) + 500);
  }
  return tasks;
};

/** Characters of tasks that are read at once; then other work runs. */
const PACE = 100_000;
const LONGEST_ID = 200;
const ANSWER_LETTERS = 100_000;
const MOST_CHOICES = 26;
const MOST_NUMBERS = 32;

const lettersOf = ({ answers, choices = [] }: AnswerKey): number =>
  [...answers, ...choices].reduce((sum, { length }) => sum + length, 0);

/** Why a task is invalid, or cannot be scored in a short time. */
const problemOf = (id: string, question: string, key: AnswerKey): string | undefined => {
  const { kind, answers, choices = [], numbers = [] } = key;
  if (question === "") return "the question is empty";
  if (answers.length === 0 && kind !== "expression24") return "there is no answer";
  if (id.length > LONGEST_ID) return `the id has ${id.length} letters; accepted are ${LONGEST_ID}`;
  if (choices.length > MOST_CHOICES) return `there are ${choices.length} options; accepted are ${MOST_CHOICES}`;
  if (numbers.length > MOST_NUMBERS) return `there are ${numbers.length} numbers; accepted are ${MOST_NUMBERS}`;
  const letters = lettersOf(key);
  return letters > ANSWER_LETTERS
    ? `the answers and options have ${letters} letters; accepted are ${ANSWER_LETTERS}`
    : undefined;
};

/** The first fields of a record by name. */
const namesOf = (record: RecordOf): string => Object.keys(record).slice(0, 20).join(", ").slice(0, 400);

/** Reads fields of a record, with errors that name them. */
interface Fields {
  text(...names: readonly string[]): string;
  maybe(...names: readonly string[]): unknown;
  texts(...names: readonly string[]): string[];
}

const fieldsOf = (record: RecordOf, path: string, index: number): Fields => {
  const maybe = (...names: readonly string[]): unknown =>
    names.map((name) => record[name]).find((value) => value !== undefined && value !== null);
  const missing = (names: readonly string[], value: unknown): TaskError =>
    new TaskError(
      value === undefined
        ? `${path}, record ${index}: the field ${names.join(" or ")} is missing. It has ${namesOf(record)}.`
        : `${path}, record ${index}: ${names[0]} is ${JSON.stringify(value).slice(0, 60)}, which is not what stands there.`,
    );
  return {
    maybe,
    text: (...names) => {
      const value = maybe(...names);
      if (typeof value === "string" || typeof value === "number") return String(value);
      throw missing(names, value);
    },
    texts: (...names) => {
      const value = maybe(...names);
      const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
      const texts = list.filter((one) => ["string", "number", "boolean"].includes(typeof one)).map(String);
      if (texts.length === 0 || texts.length < list.length) throw missing(names, value);
      return texts;
    },
  };
};

interface ReadTask {
  readonly id?: unknown;
  readonly question: string;
  readonly key: FileSealed;
}

/** A plain answer is a number where all that is accepted are numbers. */
const keyOf = (answers: readonly string[], more: Partial<FileSealed> = {}): FileSealed => ({
  kind: answers.every(
    (answer) => readNumber(answer) !== undefined && /^[-+$\d.,%\\\s/{}a-z]*$/i.test(answer) && /\d/.test(answer),
  )
    ? "number"
    : "text",
  answers,
  ...more,
});

const yesNo = (answers: readonly string[]): boolean =>
  answers.every((answer) => /^(?:yes|no|true|false)$/i.test(answer.trim()));
const textKey = (answers: readonly string[], more: Partial<FileSealed> = {}): FileSealed => ({
  kind: yesNo(answers) ? "boolean" : "text",
  answers,
  ...more,
});
const family = (value: unknown): Partial<FileSealed> =>
  typeof value === "string" || typeof value === "number" ? { family: String(value) } : {};
const lettered = (options: readonly string[]): string[] =>
  options.map((option, i) => (/^\s*\(?[A-Z][).:]/.test(option) ? option : `${String.fromCharCode(65 + i)}. ${option}`));
/** An option by itself or beside its letter, as `{ key, value }`. */
const optionText = (option: unknown): string => {
  const { key, value } = Object(option) as RecordOf;
  return value === undefined ? String(option) : `${String(key)}. ${String(value)}`;
};
const withOptions = (question: string, options: readonly string[]): string =>
  options.every((option) => question.includes(option)) ? question : `${question}\n${options.join("\n")}`;

const readers: Readonly<Record<TaskFormat, (record: RecordOf, fields: Fields, seed: number) => ReadTask>> = {
  hotpotqa: (record, { text, texts }) => ({
    id: record._id ?? record.id ?? record.pid ?? record.idx,
    question: text("question", "query"),
    key: textKey(texts("answer"), family(record.type)),
  }),
  "2wiki": (record, { text, texts }) => ({
    id: record._id ?? record.id ?? record.pid,
    question: text("question", "query"),
    key: textKey(texts("answer"), family(record.type)),
  }),
  musique: (record, { text, texts, maybe }) => ({
    id: record.id ?? record.pid,
    question: text("question", "query"),
    key: textKey([
      ...texts("answer"),
      ...(maybe("answer_aliases") === undefined || (maybe("answer_aliases") as unknown[]).length === 0
        ? []
        : texts("answer_aliases")),
    ]),
  }),
  bamboogle: (record, { text, texts }) => ({
    id: record.pid ?? record.idx,
    question: text("Question", "question", "query"),
    key: textKey(texts("Answer", "answer")),
  }),
  gaia: (record, { text, texts }) => ({
    id: record.task_id ?? record.pid,
    question: text("Question", "question", "query"),
    key: keyOf(texts("Final answer", "answer"), family(record.Level)),
  }),
  gpqa: (record, { text, maybe }, seed) => {
    const question = text("Question", "question", "query");
    if (Array.isArray(record.choices)) {
      const choices = lettered(record.choices.map(String));
      const at = typeof record.answer_idx === "number" ? record.answer_idx : -1;
      return {
        id: record.pid,
        question: withOptions(question, choices),
        key: { kind: "choice", answers: [choices[at] ?? text("answer")], choices },
      };
    }
    const right = text("Correct Answer");
    const options = [
      right,
      ...[1, 2, 3].flatMap((n) =>
        maybe(`Incorrect Answer ${n}`) === undefined ? [] : [text(`Incorrect Answer ${n}`)],
      ),
    ].map((option) => option.trim());
    const shuffled = random(randomKey(seed, "choices", question)).shuffle(options);
    const choices = lettered(shuffled);
    return {
      id: record["Record ID"],
      question: withOptions(question, choices),
      key: { kind: "choice", answers: [String.fromCharCode(65 + shuffled.indexOf(right.trim()))], choices },
    };
  },
  medqa: (record, { text }) => {
    const given = record.options;
    const choices = Array.isArray(given)
      ? lettered(given.map(optionText))
      : Object.entries((given ?? {}) as RecordOf).map(([letter, option]) => `${letter}. ${String(option)}`);
    const letter = record.answer_idx;
    return {
      id: record.pid ?? record.idx,
      question: withOptions(text("question", "query"), choices),
      key: { kind: "choice", answers: [typeof letter === "string" ? letter : text("answer")], choices },
    };
  },
  aime: (record, { text, texts }) => ({
    id: record.ID ?? record.pid ?? record.id,
    question: text("Problem", "problem", "question", "query"),
    key: { kind: "number", answers: texts("Answer", "answer") },
  }),
  amc: (record, { text, texts }) => ({
    id: record.id ?? record.pid,
    question: text("problem", "question", "query"),
    key: { kind: "number", answers: texts("answer") },
  }),
  gsm8k: (record, { text }) => ({
    id: record.id,
    question: text("question"),
    key: { kind: "number", answers: [text("answer").split("####").at(-1)?.trim() ?? ""] },
  }),
  game24: (record, { text }) => {
    const given = record.Puzzles ?? record.question ?? record.numbers;
    const numbers =
      (Array.isArray(given) ? given.map(Number) : text("Puzzles", "question").match(/\d+/g)?.map(Number)) ?? [];
    return {
      id: record.Rank ?? record.rank ?? record.pid,
      question: `Use the numbers ${numbers.join(", ")}, each exactly once, with + - * / and parentheses to make 24. Answer with the expression.`,
      key: { kind: "expression24", answers: [], numbers },
    };
  },
  flashrag: (record, { text, texts, maybe }) => {
    const truth =
      (record.extra_info as RecordOf | undefined)?.ground_truth ??
      (record.reward_model as { ground_truth?: { target?: unknown } } | undefined)?.ground_truth?.target;
    const answers =
      truth === undefined
        ? texts("golden_answers", "result", "answer")
        : (Array.isArray(truth) ? truth : [truth]).map(String);
    return {
      id: record.id,
      question: text("question"),
      key: keyOf(
        answers.flatMap((answer) => answer.split("; ")),
        family(maybe("source")),
      ),
    };
  },
  plain: (record, { text, texts, maybe }) => {
    const choices = Array.isArray(record.choices) ? lettered(record.choices.map(String)) : undefined;
    const kind = maybe("kind");
    const answers = texts("answers", "answer");
    const key =
      choices === undefined
        ? yesNo(answers)
          ? textKey(answers)
          : keyOf(answers)
        : { kind: "choice" as const, answers, choices };
    const unit = maybe("unit");
    return {
      id: record.id,
      question: choices === undefined ? text("question") : withOptions(text("question"), choices),
      key: {
        ...key,
        ...(kind === "text" || kind === "number" || kind === "choice" || kind === "boolean" ? { kind } : {}),
        ...(typeof unit === "string" ? { unit } : {}),
        ...family(record.family),
      },
    };
  },
};

/** Told by the fields that one format has and the others have not. */
const detect = (record: RecordOf, path: string): TaskFormat => {
  const has = (...names: readonly string[]): boolean => names.every((name) => record[name] !== undefined);
  if (has("Puzzles") || Array.isArray(record.question) || (Array.isArray(record.numbers) && !has("question")))
    return "game24";
  if (has("Final answer") || has("task_id", "Level")) return "gaia";
  if (has("Correct Answer") || (has("choices", "answer_idx") && typeof record.answer_idx === "number")) return "gpqa";
  if (has("options")) return "medqa";
  if (has("question_decomposition") || has("answer_aliases")) return "musique";
  if (has("supporting_facts")) return has("evidences") ? "2wiki" : "hotpotqa";
  if (has("Problem", "Answer")) return "aime";
  if (has("Question", "Answer")) return "bamboogle";
  if (has("golden_answers") || has("extra_info") || has("reward_model")) return "flashrag";
  if (has("problem", "answer")) return "amc";
  if (typeof record.answer === "string" && record.answer.includes("####")) return "gsm8k";
  if (has("question") && (has("answer") || has("answers"))) return "plain";
  if (has("query", "answer")) return "2wiki";
  throw new TaskError(
    `${path}: its format is not known by the fields ${namesOf(record)}. Name it with --format (${formats.join(", ")}), or use question and answer.`,
  );
};

/** Some sets end their questions with how to answer: said once is enough. */
const stripped = (question: string): string => {
  const end = question.search(/When ready, output the final answer enclosed in <answer>/i);
  return question.slice(0, end < 0 ? undefined : end).trim();
};
