import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { TaskError } from "../errors.ts";
import { answerReward, readTaskFile, scoreAnswer } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-tasks-"));
afterAll(() => rm(folder, { recursive: true }));
let files = 0;
const file = async (content: unknown, ending = "json"): Promise<string> => {
  files += 1;
  const path = join(folder, `tasks-${files}.${ending}`);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

describe("a file of tasks", () => {
  it.each([
    [
      "hotpotqa",
      { _id: "a1", question: "Who?", answer: "Ann", type: "bridge", supporting_facts: [], context: [] },
      "a1",
      "text",
      ["Ann"],
    ],
    ["hotpotqa, yes", { _id: "a2", question: "Is it?", answer: "yes", supporting_facts: [] }, "a2", "boolean", ["yes"]],
    ["2wiki, the file of others", { query: "Who?", answer: "Ann", pid: 3, image: null }, "3", "text", ["Ann"]],
    [
      "musique",
      { id: "m", question: "Who?", answer: "Ann", answer_aliases: ["Anne"], question_decomposition: [] },
      "m",
      "text",
      ["Ann", "Anne"],
    ],
    ["gaia", { task_id: "g", Question: "How many?", Level: 2, "Final answer": "17" }, "g", "number", ["17"]],
    [
      "medqa",
      { question: "Which?", options: { A: "one", B: "two" }, answer_idx: "B", answer: "two" },
      "0",
      "choice",
      ["B"],
    ],
    ["aime", { ID: "2024-I-1", Problem: "Find it.", Answer: 204 }, "2024-I-1", "number", ["204"]],
    ["amc", { id: 5, problem: "Find it.", answer: 27.0 }, "5", "number", ["27"]],
    ["gsm8k", { question: "How many?", answer: "First, then.\n#### 1,042" }, "0", "number", ["1,042"]],
    ["game24", { pid: 1, question: [1, 1, 4, 6], answer: ["4×(6+1-1)"] }, "1", "expression24", ["4×(6+1-1)"]],
    ["flashrag", { id: "f", question: "Who?", golden_answers: ["Ann", "Anne"] }, "f", "text", ["Ann", "Anne"]],
    [
      "a training file",
      { id: 1, question: "Who?", result: "Ann; Anne", extra_info: { ground_truth: "Ann; Anne", idx: 1 } },
      "1",
      "text",
      ["Ann", "Anne"],
    ],
    ["ours", { question: "How far?", answer: 12, unit: "km", family: "distance" }, "0", "number", ["12"]],
  ])("in the fields of %s", async (_, record, id, kind, answers) => {
    const [task] = await readTaskFile(await file([record]));
    expect(task).toMatchObject({ id, sealed: { kind, answers } });
  });

  it("as JSON lines and as CSV, with quotes and line breaks", async () => {
    const lines = await readTaskFile(
      await file('{"question":"A?","answer":"a"}\n{"question":"B?","answer":"b"}\n', "jsonl"),
    );
    expect(lines.map(({ question }) => question)).toEqual(["A?", "B?"]);
    const rows = await readTaskFile(await file('Question,Answer\r\n"Who, ""really""\nwas it?",Ann\r\n', "csv"));
    expect(rows).toMatchObject([{ question: 'Who, "really"\nwas it?', sealed: { answers: ["Ann"] } }]);
  });

  it("shuffles options by the seed, keeps the right one right, and asks once how to answer", async () => {
    const record = {
      Question: "Which? When ready, output the final answer enclosed in <answer> tags.",
      "Correct Answer": "right",
      "Incorrect Answer 1": "w1",
      "Incorrect Answer 2": "w2",
      "Incorrect Answer 3": "w3",
    };
    const seen = new Set<string>();
    for (let seed = 0; seed < 8; seed += 1) {
      const [task] = await readTaskFile(await file([record]), { seed });
      expect(scoreAnswer(task?.sealed as never, "right").correct).toBe(true);
      expect(task?.question).not.toMatch(/When ready/);
      seen.add(String(task?.sealed.answers));
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  it.each<[string, unknown, string, RegExp]>([
    ["no JSON", '[{"question":', "json", /is not JSON/],
    ["a line that is none", '{"question":"A?","answer":"a"}\nnope\n', "jsonl", /line 2 is not JSON/],
    ["a record that is none", [{ question: "A?", answer: "a" }, 7], "json", /record 1 is 7/],
    [
      "a field that is missing",
      [{ question: "A?", answer: "a" }, { question: "B?" }],
      "json",
      /record 1: the field answers or answer is missing\. It has question/,
    ],
    ["a field of another type", [{ question: { text: "A?" }, answer: "a" }], "json", /record 0: question is/],
    [
      "fields that nobody knows",
      [{ frage: "A?", antwort: "a" }],
      "json",
      /format is not known by the fields frage, antwort/,
    ],
    ["nothing", "[]", "json", /holds no tasks/],
    ["a quote that does not end", 'question,answer\n"A?,a\n', "csv", /inside a quoted field/],
  ])("says what is wrong with one that holds %s", async (_, content, ending, message) => {
    const path = await file(content, ending);
    await expect(readTaskFile(path)).rejects.toThrow(TaskError);
    await expect(readTaskFile(path)).rejects.toThrow(message);
  });
});

it("keeps every digit of a whole number that JSON would round", async () => {
  const path = await file(
    '{"question":"2^64?","answer":18446744073709551616}\n{"question":"2?","answer":2}\n',
    "jsonl",
  );
  const [large, small] = (await readTaskFile(path)).map(({ sealed }) => sealed);
  expect([large, small]).toMatchObject([{ answers: ["18446744073709551616"] }, { kind: "number", answers: ["2"] }]);
  expect(large && scoreAnswer(large, "18,446,744,073,709,551,616").correct).toBe(true);
  expect(large && scoreAnswer(large, "18446744073709552000").correct).toBe(false);
});

it("scores by rules: the reward is 1 or 0, and texts have an F1 beside it", async () => {
  const sealed = { kind: "text", answers: ["the Marie Curie"] } as const;
  expect(scoreAnswer(sealed, "Curie Marie Sklodowska")).toEqual({ correct: false, f1: expect.closeTo(0.8, 5) });
  expect(await answerReward({ id: "1", question: "?", sealed }, "Marie Curie")).toBe(1);
  expect(await answerReward({ id: "1", question: "?", sealed }, undefined)).toBe(0);
});
