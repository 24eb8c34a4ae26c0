import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, TaskError } from "../errors.ts";
import { readTaskFile } from "./index.ts";
import { parquetRecords } from "./parquet.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-parquet-"));
afterAll(() => rm(folder, { recursive: true }));
let files = 0;
const file = async (content: Uint8Array | string, ending = "parquet"): Promise<string> => {
  files += 1;
  const path = join(folder, `tasks-${files}.${ending}`);
  await writeFile(path, content);
  return path;
};
type WriteOptions = Omit<Parameters<typeof parquetWriteBuffer>[0], "columnData">;
const bytesOf = (columnData: readonly ColumnSource[], options: WriteOptions = {}): Uint8Array =>
  new Uint8Array(parquetWriteBuffer({ columnData: [...columnData], ...options }));
const parquet = (columnData: readonly ColumnSource[], options?: WriteOptions): Promise<string> =>
  file(bytesOf(columnData, options));

const text = (name: string, ...data: (string | null)[]): ColumnSource => ({ name, data, type: "STRING" });
const whole = (name: string, ...data: (bigint | null)[]): ColumnSource => ({ name, data, type: "INT64" });

/** The schema of a column that holds a list of texts: three levels, as other writers make them. */
const textList = (name: string) =>
  [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", type: "BYTE_ARRAY", converted_type: "UTF8" },
  ] as const;
const leaf = (name: string) =>
  ({ name, repetition_type: "OPTIONAL", type: "BYTE_ARRAY", converted_type: "UTF8" }) as const;

describe("a Parquet file of tasks", () => {
  it("as HotpotQA is published: lists of lists inside a struct beside the question", async () => {
    const path = await parquet(
      [
        { name: "id", data: ["h1", "h2"] },
        { name: "question", data: ["Which lake is near Bell Mill?", "Is Bell Mill a mill?"] },
        { name: "answer", data: ["Lake Tarn", "yes"] },
        { name: "type", data: ["bridge", "comparison"] },
        { name: "supporting_facts", data: [{ title: ["Bell Mill"] }, { title: [] }] },
        {
          name: "context",
          data: [
            { title: ["Bell Mill", "Tarn"], sentences: [["A mill.", "It grinds."], ["A lake."]] },
            { title: [], sentences: [] },
          ],
        },
      ],
      {
        schema: [
          { name: "root", num_children: 6 },
          leaf("id"),
          leaf("question"),
          leaf("answer"),
          leaf("type"),
          { name: "supporting_facts", repetition_type: "OPTIONAL", num_children: 1 },
          ...textList("title"),
          { name: "context", repetition_type: "OPTIONAL", num_children: 2 },
          ...textList("title"),
          { name: "sentences", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
          { name: "list", repetition_type: "REPEATED", num_children: 1 },
          { name: "element", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
          ...textList("element").slice(1),
        ],
      },
    );
    expect(await readTaskFile(path)).toEqual([
      {
        id: "h1",
        question: "Which lake is near Bell Mill?",
        sealed: { kind: "text", answers: ["Lake Tarn"], family: "bridge" },
      },
      {
        id: "h2",
        question: "Is Bell Mill a mill?",
        sealed: { kind: "boolean", answers: ["yes"], family: "comparison" },
      },
    ]);
  });

  it.each<[string, ColumnSource[], string, object]>([
    [
      "2wiki",
      [
        text("_id", "w1"),
        text("question", "Who?"),
        text("answer", "Ann"),
        text("supporting_facts", "[]"),
        text("evidences", "[]"),
      ],
      "w1",
      { kind: "text", answers: ["Ann"] },
    ],
    [
      "musique",
      [
        text("id", "m1"),
        text("question", "Who?"),
        text("answer", "Ann"),
        { name: "answer_aliases", data: [["Anne"]], type: "JSON" },
      ],
      "m1",
      { kind: "text", answers: ["Ann", "Anne"] },
    ],
    ["bamboogle", [text("Question", "Who?"), text("Answer", "Ann")], "0", { kind: "text", answers: ["Ann"] }],
    [
      "gaia",
      [
        text("task_id", "g1"),
        text("Question", "How many bells?"),
        text("Level", "2"),
        text("Final answer", "17"),
        text("file_name", null),
      ],
      "g1",
      { kind: "number", answers: ["17"], family: "2" },
    ],
    [
      "gpqa",
      [
        text("Record ID", "p1"),
        text("Question", "Which?"),
        text("Correct Answer", "red"),
        text("Incorrect Answer 1", "blue"),
        text("Incorrect Answer 2", null),
        text("Incorrect Answer 3", "green"),
      ],
      "p1",
      { kind: "choice", choices: expect.arrayContaining([expect.stringMatching(/^[ABC]\. red$/)]) },
    ],
    [
      "medqa",
      [
        text("question", "Which?"),
        { name: "options", data: [{ A: "one", B: "two" }], type: "JSON" },
        text("answer_idx", "B"),
        text("answer", "two"),
      ],
      "0",
      { kind: "choice", answers: ["B"], choices: ["A. one", "B. two"] },
    ],
    [
      "medqa, its options as pairs",
      [
        text("question", "Which?"),
        {
          name: "options",
          data: [
            [
              { key: "A", value: "one" },
              { key: "B", value: "two" },
            ],
          ],
          type: "JSON",
        },
        text("answer_idx", "B"),
        text("answer", "two"),
      ],
      "0",
      { kind: "choice", answers: ["B"], choices: ["A. one", "B. two"] },
    ],
    [
      "aime, whole numbers of 64 bits",
      [text("ID", "2031-I-1"), text("Problem", "Find it."), whole("Answer", 204n)],
      "2031-I-1",
      { kind: "number", answers: ["204"] },
    ],
    [
      "amc, its answer as 27.0",
      [whole("id", 5n), text("problem", "Find it."), { name: "answer", data: [27], type: "DOUBLE" }],
      "5",
      { kind: "number", answers: ["27"] },
    ],
    [
      "gsm8k",
      [text("question", "How many?"), text("answer", "First, then.\n#### 1,042")],
      "0",
      { kind: "number", answers: ["1,042"] },
    ],
    [
      "game24, as a list of whole numbers",
      [whole("rank", 9n), { name: "numbers", data: [[1, 1, 4, 6]], type: "JSON" }],
      "9",
      { kind: "expression24", numbers: [1, 1, 4, 6] },
    ],
    [
      "ours, with a date and columns that are empty",
      [
        text("question", "When?"),
        { name: "answer", data: [new Date("2031-02-03T00:00:00Z")], type: "TIMESTAMP" },
        text("options", null),
        text("unit", null),
      ],
      "0",
      { answers: ["2031-02-03"] },
    ],
    [
      "ours, with a number of more digits than a double has",
      [whole("id", 9007199254740993n), text("question", "Who?"), text("answer", "Ann")],
      "9007199254740993",
      { kind: "text", answers: ["Ann"] },
    ],
  ])("in the columns of %s", async (_, columns, id, sealed) => {
    const [task] = await readTaskFile(await parquet(columns));
    expect(task).toMatchObject({ id, sealed });
  });

  const ours = [text("question", "Who?", "Where?"), text("answer", "Ann", "Rome")];

  it("by its first bytes where its name says nothing, and packed as sets are", async () => {
    const plain = await readTaskFile(await file(bytesOf(ours), "bin"));
    expect(plain.map(({ sealed }) => sealed.answers)).toEqual([["Ann"], ["Rome"]]);
    const packed = { codec: "GZIP", compressors: { GZIP: (input: Uint8Array) => gzipSync(input) } } as const;
    expect(await readTaskFile(await parquet(ours, packed))).toEqual(plain);
    expect(await readTaskFile(await parquet(ours, { codec: "UNCOMPRESSED" }))).toEqual(plain);
  });

  it("says what is wrong with one that is none, that was cut off or is damaged, or that lacks an answer", async () => {
    const whole = bytesOf(ours);
    const damaged = Uint8Array.from(whole);
    damaged.fill(255, 4, 40);
    const footless = Uint8Array.from(whole);
    footless.fill(255, whole.length - 8, whole.length - 4);
    for (const [content, message] of [
      ["version https://git-lfs.example", /begins with "version https:\/\/git-lfs\.".* accepted .*"PAR1"/],
      ["", /has 0 bytes/],
      [whole.subarray(0, whole.length - 20), /is not a whole Parquet file: it has \d+ bytes/],
      [damaged, /is a Parquet file that cannot be read/],
      [footless, /is a Parquet file that cannot be read/],
      [bytesOf([text("question", "Who?", "Where?"), text("answer", "Ann", null)]), /record 1: the field answers or/],
      [bytesOf([text("frage", "Wer?")]), /format is not known by the fields frage/],
      [bytesOf([text("question"), text("answer")]), /holds no tasks/],
    ] as const) {
      const path = await file(content);
      const error = await readTaskFile(path).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TaskError);
      expect(error).not.toBeInstanceOf(ConfigError);
      expect((error as Error).message).toContain(path);
      expect((error as Error).message).toMatch(message);
    }
  });

  it("never throws anything else, whichever byte is wrong", async () => {
    const whole = Uint8Array.from(bytesOf(ours));
    for (let at = 0; at < whole.length; at += 9) {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      // Some bytes make its reader go on for ever.
      const outcome = await parquetRecords(bytes, "tasks.parquet", { seconds: 2 }).catch((thrown: unknown) => thrown);
      if (!Array.isArray(outcome)) expect(outcome, `byte ${at}`).toBeInstanceOf(TaskError);
    }
  });
});
