import { TaskError } from "../errors.ts";
import { seed as aSeed, checked, defined, name, oneOf, required } from "../options.ts";
import { pacer } from "../pacer.ts";
import { random, randomKey } from "../random.ts";
import { lastBox } from "../reply.ts";
import type { Task } from "../task.ts";
import { choiceFault } from "./check-keys.ts";
import { lettered, letterOf, namedByKey } from "./choice.ts";
import { type KeyStyle, keyOf } from "./key.ts";
import { type RecordOf, readRecords } from "./records.ts";
import { type AnswerKey, kinds } from "./score.ts";

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
 * (`question`, `answer` or `answers`, and if wanted `id`, `kind`, `choices`, `unit`, `tolerance`). Of a task there are at
 * most 26 options, 32 numbers and 100,000 letters of answers. Throws `TaskError` naming file, record, line and field, also
 * where an answer is empty or a key names no option or several.
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
  const known = format ?? detect(first.record, path);
  const ids = new Map<string, number>();
  const pace = pacer(PACE);
  const tasks: FileTask[] = [];
  for (const [index, { record, place }] of records.entries()) {
    const { id: itsId = "", question: asked, key } = readers[known](record, fieldsOf(record, path, place), seed);
    const [id, question] = [itsId === "" ? String(index) : String(itsId), stripped(asked)];
    const problem = problemOf(id, question, key);
    if (problem !== undefined) throw new TaskError(`${path}, ${place}: ${problem}.`);
    const times = ids.get(id) ?? 0;
    ids.set(id, times + 1);
    tasks.push({ id: times === 0 ? id : `${id}#${times}`, question, sealed: indexed(key) });
    await pace(question.length + lettersOf(key) + 500);
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
  if (answers.some((answer) => answer.trim() === ""))
    return "an answer is empty; accepted is a text or a number. Fill it in, or leave the record out";
  if (id.length > LONGEST_ID) return `the id has ${id.length} letters; accepted are ${LONGEST_ID}`;
  if (choices.length > MOST_CHOICES) return `there are ${choices.length} options; accepted are ${MOST_CHOICES}`;
  if (numbers.length > MOST_NUMBERS) return `there are ${numbers.length} numbers; accepted are ${MOST_NUMBERS}`;
  const letters = lettersOf(key);
  if (letters > ANSWER_LETTERS)
    return `the answers and options have ${letters} letters; accepted are ${ANSWER_LETTERS}`;
  return choiceFault(key);
};

/** With the option that the key names, found once: what an answer is compared with. */
const indexed = (key: FileSealed): FileSealed => {
  const { kind, answers, choices = [], index } = key;
  if (kind !== "choice" || choices.length === 0 || index !== undefined) return key;
  return { ...key, ...defined({ index: namedByKey(answers[0] ?? "", choices)[0] }) };
};

/** The first fields of a record by name. */
const namesOf = (record: RecordOf): string => Object.keys(record).slice(0, 20).join(", ").slice(0, 400);

/** Reads fields of a record, with errors that name them. */
interface Fields {
  text(...names: readonly string[]): string;
  maybe(...names: readonly string[]): unknown;
  texts(...names: readonly string[]): string[];
}

const fieldsOf = (record: RecordOf, path: string, place: string): Fields => {
  const maybe = (...names: readonly string[]): unknown =>
    names.map((name) => record[name]).find((value) => value !== undefined);
  const missing = (names: readonly string[], value: unknown): TaskError =>
    new TaskError(
      value === undefined
        ? `${path}, ${place}: the field ${names.join(" or ")} is missing. It has ${namesOf(record)}.`
        : `${path}, ${place}: ${names[0]} is ${JSON.stringify(value).slice(0, 60)}, which is not what stands there.`,
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

const keyed = (answers: readonly string[], style: KeyStyle, of?: unknown): FileSealed => ({
  ...keyOf(answers, style),
  ...family(of),
});
const hasItems = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);
const family = (value: unknown): Partial<FileSealed> =>
  typeof value === "string" || typeof value === "number" ? { family: String(value) } : {};
/** Options as sets write them: a list of texts or of `{ key, value }`, an object by letters, or `{ text, label }`. */
const optionsOf = (given: unknown): { readonly choices: readonly string[]; readonly letters: readonly string[] } => {
  const { text, label, ...others }: RecordOf = Array.isArray(given) ? {} : Object(given);
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(given)
    ? given.map((option, i) => {
        const { key = letterOf(i), value = option } = Object(option) as RecordOf;
        return [key, value];
      })
    : Array.isArray(text)
      ? text.map((option, i) => [Array.isArray(label) ? label[i] : letterOf(i), option])
      : Object.entries(others).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    choices: lettered(pairs.map(([, option]) => String(option))),
    letters: pairs.map(([letter]) => String(letter).trim().toUpperCase()),
  };
};

/** The key of a choice: an index or a letter where the file has one, and a text, which name the same option if both are there. */
const choiceKey = (
  {
    choices,
    letters = choices.map((_, i) => letterOf(i)),
  }: { choices: readonly string[]; letters?: readonly string[] },
  at: unknown,
  answers: readonly string[] = [],
): FileSealed => {
  const index = typeof at === "string" ? letters.indexOf(at.trim().toUpperCase()) : at;
  if (typeof index !== "number") return { kind: "choice", answers, choices };
  if (typeof at === "string" && index < 0) return { kind: "choice", answers: [at], choices };
  const named = answers.flatMap((answer) => namedByKey(answer, choices));
  const isOne = named.length === 0 || (named.length === 1 && named[0] === index);
  return isOne
    ? { kind: "choice", answers: [letterOf(index)], choices, index }
    : { kind: "choice", answers: [letterOf(index), ...answers], choices };
};
const withOptions = (question: string, options: readonly string[]): string =>
  options.every((option) => question.includes(option)) ? question : `${question}\n${options.join("\n")}`;

const readers: Readonly<Record<TaskFormat, (record: RecordOf, fields: Fields, seed: number) => ReadTask>> = {
  hotpotqa: (record, { text, texts }) => ({
    id: record._id ?? record.id ?? record.pid ?? record.idx,
    question: text("question", "query"),
    key: keyed(texts("answer"), "words", record.type),
  }),
  "2wiki": (record, { text, texts }) => ({
    id: record._id ?? record.id ?? record.pid,
    question: text("question", "query"),
    key: keyed(texts("answer"), "words", record.type),
  }),
  musique: (record, { text, texts, maybe }) => ({
    id: record.id ?? record.pid,
    question: text("question", "query"),
    key: keyed([...texts("answer"), ...(hasItems(maybe("answer_aliases")) ? texts("answer_aliases") : [])], "words"),
  }),
  bamboogle: (record, { text, texts }) => ({
    id: record.pid ?? record.idx,
    question: text("Question", "question", "query"),
    key: keyed(texts("Answer", "answer"), "words"),
  }),
  gaia: (record, { text, texts }) => ({
    id: record.task_id ?? record.pid,
    question: text("Question", "question", "query"),
    key: keyed(texts("Final answer", "answer"), "lists", record.Level),
  }),
  gpqa: (record, { text, maybe }, seed) => {
    const question = text("Question", "question", "query");
    if (record.choices !== undefined) {
      const options = optionsOf(record.choices);
      return {
        id: record.pid ?? record.id,
        question: withOptions(question, options.choices),
        key: choiceKey(options, maybe("answer_idx"), maybe("answer") === undefined ? [] : [text("answer")]),
      };
    }
    const right = text("Correct Answer").trim();
    const wrong = [1, 2, 3].map((n) => `Incorrect Answer ${n}`).filter((name) => maybe(name) !== undefined);
    const options = [right, ...wrong.map((name) => text(name).trim())];
    const shuffled = random(randomKey(seed, "choices", question)).shuffle(options);
    const choices = lettered(shuffled);
    return {
      id: record["Record ID"],
      question: withOptions(question, choices),
      key: choiceKey({ choices }, shuffled.indexOf(right), [right]),
    };
  },
  medqa: (record, { text, maybe }) => {
    const options = optionsOf(record.options);
    const at = maybe("answer_idx");
    return {
      id: record.pid ?? record.idx ?? record.id,
      question: withOptions(text("question", "query"), options.choices),
      key: choiceKey(options, at, at !== undefined && maybe("answer") === undefined ? [] : [text("answer")]),
    };
  },
  aime: (record, { text, texts }) => ({
    id: record.ID ?? record.pid ?? record.id,
    question: text("Problem", "problem", "question", "query"),
    key: keyed(texts("Answer", "answer"), "mathematics"),
  }),
  amc: (record, { text, texts, maybe }) => {
    // MATH as it was published has its answer in the solution alone.
    const box = maybe("answer") === undefined ? lastBox(String(maybe("solution") ?? "")) : undefined;
    return {
      id: record.unique_id ?? record.id ?? record.pid,
      question: text("problem", "question", "query"),
      key: keyed(box === undefined ? texts("answer") : [box.inner], "mathematics", record.subject ?? record.type),
    };
  },
  gsm8k: (record, { text }) => ({
    id: record.id,
    question: text("question"),
    key: keyed([text("answer").split("####").at(-1)?.trim() ?? ""], "any"),
  }),
  game24: (record, { text, texts }) => {
    const given = record.Puzzles ?? record.question ?? record.numbers;
    const numbers =
      (Array.isArray(given) ? given.map(Number) : text("Puzzles", "question").match(/\d+/g)?.map(Number)) ?? [];
    return {
      id: record.Rank ?? record.rank ?? record.pid,
      question: `Use the numbers ${numbers.join(", ")}, each exactly once, with + - * / and parentheses to make 24. Answer with the expression.`,
      // Solutions, where the file has some: any other one is as right.
      key: { kind: "expression24", answers: Array.isArray(record.answer) ? texts("answer") : [], numbers },
    };
  },
  flashrag: (record, { text, texts, maybe }) => {
    const truth =
      (record.extra_info as RecordOf | undefined)?.ground_truth ??
      (record.reward_model as { ground_truth?: { target?: unknown } } | undefined)?.ground_truth?.target;
    // Several answers in one text.
    const answers = typeof truth === "string" ? truth.split("; ") : truth;
    return {
      id: record.id,
      question: text("question"),
      key: keyed(
        answers === undefined ? texts("golden_answers", "result", "answer") : [answers].flat().map(String),
        "any",
        maybe("source"),
      ),
    };
  },
  plain: (record, { text, texts, maybe }) => {
    const [kind, unit, tolerance] = [kinds.find((one) => one === maybe("kind")), maybe("unit"), maybe("tolerance")];
    const question = text("question", "problem");
    const more = defined({
      kind,
      unit: typeof unit === "string" && unit.trim() !== "" ? unit : undefined,
      tolerance: typeof tolerance === "number" ? tolerance : undefined,
    });
    if (record.choices === undefined)
      return { id: record.id, question, key: { ...keyed(texts("answers", "answer"), "any", record.family), ...more } };
    const options = optionsOf(record.choices);
    const [at, letter] = [maybe("answers", "answer"), maybe("answerKey")];
    // A whole number is an index, whatever the options say.
    const key =
      typeof at === "number" || letter !== undefined
        ? choiceKey(options, at ?? letter)
        : choiceKey(options, undefined, texts("answers", "answer"));
    return {
      id: record.id,
      question: withOptions(question, options.choices),
      key: { ...key, ...more, ...family(record.family ?? record.subject) },
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
  if (has("metadata", "problem", "answer")) return "plain";
  if (has("problem") && (has("answer") || has("solution"))) return "amc";
  if (typeof record.answer === "string" && record.answer.includes("####")) return "gsm8k";
  if (has("question") && (has("answer") || has("answers") || has("answerKey"))) return "plain";
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
