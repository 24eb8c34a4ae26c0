/** Files in the fields that well-known sets are published in, with items of our own: every key, given back, is right. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TaskError } from "../errors.ts";
import { checkKeys, type FileTask, keyOf, readTaskFile, scoreAnswer } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-shapes-"));
afterAll(() => rm(folder, { recursive: true }));
let files = 0;
const file = async (content: string | Uint8Array, ending: string): Promise<string> => {
  files += 1;
  const path = join(folder, `tasks-${files}.${ending}`);
  await writeFile(path, content);
  return path;
};
const lines = (...records: readonly object[]): string => `${records.map((one) => JSON.stringify(one)).join("\n")}\n`;
const hop = (answer: string) => ({ question: "Which?", answer, type: "bridge", level: "hard" });
const facts = { supporting_facts: { title: ["A"], sent_id: [0] }, context: { title: ["A"], sentences: [["A."]] } };

const shapes: readonly (readonly [name: string, ending: string, content: string, kinds: string])[] = [
  [
    "GSM8K",
    "jsonl",
    lines(
      { question: "How many pears?", answer: "She has 4 and buys <<4+38=42>>42.\n#### 42" },
      { question: "What is left?", answer: "He spends it.\n#### -1,250" },
      { question: "How much a piece?", answer: "Half.\n#### 2.50" },
    ),
    "number number number",
  ],
  [
    "HotpotQA",
    "json",
    JSON.stringify([
      ...["3,677 seated", "A", "The The", "yes", "2–1", "Léa", "from 1969-70 to 1972", "$5 million", "→", "C#"].map(
        (answer, i) => ({ id: `h${i}`, ...hop(answer), ...facts }),
      ),
    ]),
    "text text text boolean text text text text text text",
  ],
  [
    "2WikiMultihopQA",
    "json",
    JSON.stringify([{ _id: "w", ...hop("31 February 2020"), supporting_facts: [], evidences: [], context: [] }]),
    "text",
  ],
  [
    "MuSiQue",
    "jsonl",
    lines({
      id: "2hop__1",
      paragraphs: [],
      question: "When?",
      question_decomposition: [],
      answer: "1954",
      answer_aliases: ["in 1954", "the year 1954"],
      answerable: true,
    }),
    "text",
  ],
  ["Bamboogle", "csv", 'Question,Answer\n"Who, in 1"" or so?",Ann "the" Lee\nWhat is it?,7\n', "text text"],
  [
    "MATH",
    "jsonl",
    lines(
      ...[
        "\\frac{3}{4}",
        "(3,\\frac{\\pi}{2})",
        "\\text{Evelyn}",
        "x \\in [-2,7)",
        "10,\\!000",
        "\\text{(C)}",
        "2516_8",
      ].map((answer, i) => ({
        problem: "Find it.",
        solution: "…",
        answer,
        subject: "Algebra",
        level: 1,
        unique_id: `${i}`,
      })),
    ),
    "number mathematics text mathematics number mathematics mathematics",
  ],
  [
    "MATH, with the answer in the solution",
    "json",
    JSON.stringify([
      {
        problem: "Find it.",
        level: "Level 1",
        type: "Algebra",
        solution: "It is $\\boxed{1}$, or $\\boxed{-\\frac{\\sqrt{3}}{2}}$.",
      },
    ]),
    "mathematics",
  ],
  [
    "MMLU",
    "jsonl",
    lines(
      { question: "How many?", subject: "arithmetic", choices: ["1", "2", "3", "4"], answer: 3 },
      { question: "Which?", subject: "biology", choices: ["E. coli", "C. difficile", "red", "red"], answer: 0 },
    ),
    "choice choice",
  ],
  [
    "ARC",
    "jsonl",
    lines({ id: "a", question: "Which?", choices: { text: ["sun", "moon"], label: ["1", "2"] }, answerKey: "2" }),
    "choice",
  ],
  [
    "GPQA",
    "csv",
    'Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\nr1,Which?,"10^-4 eV",10^4 eV,10^-8 eV,10^-9 eV\n',
    "choice",
  ],
  [
    "MedQA",
    "jsonl",
    lines({
      question: "Which is next?",
      answer: "Wait, then see",
      options: { A: "Act", B: "Wait, then see", C: "Wait", D: "See", E: "None of them" },
      meta_info: "step1",
      answer_idx: "B",
    }),
    "choice",
  ],
  [
    "GAIA",
    "jsonl",
    lines(
      ...["17", "a, c", "100 million", "March 4, 2020", "(A → B) ∧ ¬C", "7, 9", "Right", "12850.00"].map(
        (answer, i) => ({
          task_id: `g${i}`,
          Question: "Which?",
          Level: 1,
          "Final answer": answer,
          file_name: "",
          "Annotator Metadata": {},
        }),
      ),
    ),
    "number list number text text list text number",
  ],
  ["AIME", "csv", "ID,Problem,Solution,Answer\n2024-I-1,Find it.,So.,033\n", "number"],
  [
    "AMC",
    "jsonl",
    lines({ id: 0, problem: "Find it.", answer: 27.0, url: null }, { id: 1, problem: "And?", answer: "\\frac12" }),
    "number number",
  ],
  [
    "SimpleQA",
    "csv",
    "metadata,problem,answer\n\"{'topic': 'Art'}\",Who?,Ann Lee (painter)\n\"{'topic': 'Art'}\",When?,12 May 1987\n\"{'topic': 'Art'}\",How many?,\"120,000\"\n",
    "text text number",
  ],
  ["Game of 24", "csv", "Rank,Puzzles,AMT (s)\n1,1 1 4 6,4.4\n", "expression24"],
  [
    "FlashRAG",
    "jsonl",
    lines({ id: "f", question: "Who?", golden_answers: ["Ann; Lee", "A. Lee"], metadata: {} }),
    "text",
  ],
];

describe("the keys of a file in the shape of", () => {
  it.each(shapes)("%s", async (_, ending, content, kinds) => {
    const tasks = await readTaskFile(await file(content, ending));
    expect(tasks.map(({ sealed }) => sealed.kind).join(" ")).toBe(kinds);
    expect(checkKeys(tasks)).toEqual([]);
    for (const { sealed } of tasks) expect(scoreAnswer(sealed, "something else").correct).toBe(false);
  });
});

describe("a choice", () => {
  const read = async (record: object): Promise<FileTask | undefined> =>
    (await readTaskFile(await file(lines({ question: "Which?", ...record }), "jsonl")))[0];

  it.each([
    ["a whole number is an index", { choices: ["1", "2", "3", "4"], answer: 3 }, 3],
    ["a text is a whole text", { choices: ["1", "2", "3", "4"], answer: "3" }, 2],
    ["a letter is a letter where no text is", { choices: ["red", "blue"], answer: "B" }, 1],
    ["the whole text goes before the letter", { choices: ["C", "D", "A", "B"], answer: "B" }, 3],
    [
      "a field that is null is absent",
      { choices: ["red", "blue"], answer: "red", kind: null, unit: null, id: null },
      0,
    ],
    ["letters of the set's own", { choices: { text: ["sun", "moon"], label: ["1", "2"] }, answerKey: "2" }, 1],
  ])("%s", async (_, record, index) => {
    const task = await read(record);
    expect(task?.sealed.index).toBe(index);
    expect(task === undefined ? ["no task"] : checkKeys([task])).toEqual([]);
  });

  it.each([
    [
      "a key that names none",
      { choices: ["red", "blue"], answer: "green" },
      /record 0 \(line 1\): the key "green" names no option/,
    ],
    ["a key that names two", { choices: ["red", "Red.", "blue"], answer: "RED" }, /names 2 options/],
    [
      "an index beyond the options",
      { choices: ["red", "blue"], answer: 2 },
      /option 2, counted from 0, and there are 2/,
    ],
    ["an index that is not whole", { choices: ["red", "blue"], answer: 0.5 }, /option 0\.5/],
    [
      "a letter and a text of two options",
      { options: { A: "red", B: "blue" }, answer_idx: "A", answer: "blue" },
      /names 2 options/,
    ],
    [
      "a letter that no option has",
      { options: { A: "red", B: "blue" }, answer_idx: "E", answer: "red" },
      /names no option/,
    ],
    ["an empty answer", { answer: " " }, /line 1\): an answer is empty/],
  ])("is refused by its line: %s", async (_, record, message) => {
    await expect(read(record)).rejects.toThrow(TaskError);
    await expect(read(record)).rejects.toThrow(message);
  });
});

describe("a text file", () => {
  const question = '{"question":"Où?","answer":"Orléans"}\n';
  const answers = async (content: string | Uint8Array, ending: string): Promise<readonly (readonly string[])[]> =>
    (await readTaskFile(await file(content, ending))).map(({ sealed }) => sealed.answers);
  const bigEndian = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();

  it.each([
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${question}`)],
    ["UTF-16 with a mark", Buffer.from(`\uFEFF${question}`, "utf16le")],
    ["UTF-16 without one", Buffer.from(question, "utf16le")],
    ["UTF-16, the other order", bigEndian(`\uFEFF${question}`)],
    ["blank lines", Buffer.from(`\n  \n${question}\r\n\n`)],
  ])("in %s is read", async (_, bytes) => {
    expect(await answers(bytes, "jsonl")).toEqual([["Orléans"]]);
  });

  it("in Latin-1 is named, with its line", async () => {
    const bytes = Buffer.from(`{"question":"A?","answer":"a"}\n${question}`, "latin1");
    await expect(answers(bytes, "jsonl")).rejects.toThrow(
      /line 2 is not UTF-8; as Latin-1 \(Windows-1252\) it reads .*Orléans/,
    );
    await expect(answers(Buffer.from("question,answer\nOù?,x\n", "latin1"), "csv")).rejects.toThrow(
      /line 2 is not UTF-8/,
    );
  });

  it.each([
    ["a quote inside a field is a letter", 'question,answer\nA 5" pipe or 6"?,5"\n', ['5"']],
    ["a line break and a comma inside quotes", 'question,answer\r\n"A,\r\nor B?","a, b"\r\n', ["a, b"]],
    ["semicolons", "question;answer\nA, or B?;a\n", ["a"]],
    ["tabs", "question\tanswer\nA, or B?\ta\n", ["a"]],
    ["blank lines, and no line break at the end", "\nquestion,answer\n\nA?,a\n\n\nB?,b", ["a", "b"]],
    ["columns that are empty", "id,question,answer,unit,kind\n,A?,a,,\n", ["a"]],
    ["line ends of old", "question,answer\rA?,a\r", ["a"]],
  ])("of CSV with %s", async (_, content, expected) => {
    expect((await answers(content, "csv")).flat()).toEqual(expected);
  });

  it.each([
    ["an empty answer", "question,answer\nA?,a\n\nB?,\n", /record 1 \(line 4\): an answer is empty/],
    ["a field too many", "question,answer\n\nA?,a,b\n", /record 0 \(line 3\) has 3 fields; the first line names 2/],
    [
      "a quote in a quoted field",
      'question,answer\n"A "b" c?",a\n',
      /record 0 \(line 2\) has a quote inside a quoted field/,
    ],
  ])("of CSV with %s is refused by its line", async (_, content, message) => {
    await expect(answers(content, "csv")).rejects.toThrow(message);
  });
});

it("tells what an answer is scored by from the whole answer", () => {
  const kinds = [
    "12 Angry Men",
    "50 Cent",
    "12 km",
    "1,000",
    "7, 9",
    "1969-70",
    "yes",
    "\\sqrt{2}",
    "Seven",
    "2.7.1.1",
  ];
  expect(kinds.map((answer) => keyOf([answer]).kind).join(" ")).toBe(
    "text text number number list text boolean mathematics text text",
  );
});
