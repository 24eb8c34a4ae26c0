/** Answers as a careful person would judge them: the key of a file or of a task, what was given, and whether it is right. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Task } from "../task.ts";
import { type AnswerKey, checkKeys, exactMatch, readTaskFile, scoreAnswer, type TaskFormat } from "./index.ts";

interface Row {
  readonly format?: TaskFormat;
  readonly kind?: AnswerKey["kind"];
  readonly key: string & readonly number[];
  readonly choices?: readonly string[];
  readonly given: string;
  readonly right: boolean;
}

/** A key in the fields of its format. */
const records: Readonly<Partial<Record<TaskFormat, (key: unknown) => object>>> = {
  plain: (answer) => ({ question: "Which?", answer }),
  gaia: (answer) => ({ task_id: "g", Question: "Which?", Level: 1, "Final answer": answer }),
  amc: (answer) => ({ id: 1, problem: "Which?", answer }),
  aime: (Answer) => ({ ID: "1", Problem: "Which?", Answer }),
  hotpotqa: (answer) => ({ _id: "h", question: "Which?", answer, supporting_facts: [] }),
  gsm8k: (answer) => ({ question: "Which?", answer: `So it is.\n${answer}` }),
  game24: (Puzzles) => ({ Rank: 1, Puzzles: String(Puzzles) }),
};

const folder = await mkdtemp(join(tmpdir(), "agentflow-scoring-"));
afterAll(() => rm(folder, { recursive: true }));

const rowsOf = async (name: string): Promise<readonly Row[]> =>
  (await readFile(new URL(`../../test/fixtures/${name}`, import.meta.url), "utf8"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);

/** The keys as they come out of files, each format in one. */
const keysOf = async (rows: readonly Row[]): Promise<readonly AnswerKey[]> => {
  const keys = new Map<Row, AnswerKey>();
  for (const [format, record] of Object.entries(records)) {
    const own = rows.filter((row) => row.format === format);
    if (own.length === 0) continue;
    const path = join(folder, `${format}.json`);
    await writeFile(path, JSON.stringify(own.map(({ key }) => record(key))));
    const tasks = await readTaskFile(path, { format: format as TaskFormat });
    expect(checkKeys(tasks)).toEqual([]);
    for (const [i, row] of own.entries()) keys.set(row, tasks[i]?.sealed ?? { kind: "text", answers: [] });
  }
  return rows.map((row) => keys.get(row) ?? { kind: row.kind ?? "text", answers: [row.key], choices: row.choices });
};

it.each(["scoring.jsonl", "scoring-variants.jsonl"])("each row of %s is judged as it says", async (name) => {
  const rows = await rowsOf(name);
  const keys = await keysOf(rows);
  const misjudged = rows.filter(({ given, right }, i) => {
    const key = keys[i];
    return key === undefined || scoreAnswer(key, given).correct !== right;
  });
  expect(misjudged.map((row) => JSON.stringify(row))).toEqual([]);
});

it.each(["scoring.jsonl", "scoring-variants.jsonl"])(
  "exactMatch agrees on the numbers and texts of %s",
  async (name) => {
    for (const { kind, key, given, right } of await rowsOf(name))
      if (kind === "number" || kind === "text")
        expect(
          await exactMatch({ id: "1", question: "?", sealed: { kind, answer: key } }, given),
          `${key} ← ${given}`,
        ).toBe(right ? 1 : 0);
  },
);

/** Formulas of which no two are equal. */
const formulas =
  "x 2x x^2 x+1 x-1 1/x \\sqrt{x} \\sqrt{x^2} \\sqrt[3]{x} 2\\pi \\pi^2 e e^x e^2 \\log_2{x} \\log_{12}{x} \\log_{13}{x} a_{12} a_{13} 12 13 10^{12} x^{12} x^{13} \\frac{12}{5} \\frac{1}{25} \\frac12 \\sqrt{23} \\sqrt23 \\sin{2x} \\sin{3x} \\sin^2{x} \\cos{x} i 1+i 1-i \\infty -\\infty (1,2) (1,3) [1,2] \\{1,2\\} x>1 x<1 f(x) g(x) \\frac{x}{y} x^y 2^x 2^{2x} \\sqrt{2}+\\sqrt{3} \\sqrt{5} \\sqrt{6} |x| x! \\binom{4}{2} \\tan{30^\\circ} (-1)^n \\mathbb{R} \\mathbb{Z}".split(
    " ",
  );

it("never makes two different formulas equal", () => {
  const isEqual = (key: string, given: string) => scoreAnswer({ kind: "mathematics", answers: [key] }, given).correct;
  for (const [i, key] of formulas.entries()) {
    expect(isEqual(key, key), key).toBe(true);
    for (const other of formulas.slice(i + 1))
      expect(isEqual(key, other) || isEqual(other, key), `${key} = ${other}`).toBe(false);
  }
});

it.each([
  "(".repeat(500),
  "(a+b+c+d)^64",
  "((((9^64)^64)^64)^64)^64",
  "2^{2^{2^{2^{2^2}}}}",
  `${"9".repeat(400)}^{64}`,
  `${"\\sqrt{".repeat(60)}2${"}".repeat(60)}`,
  "\\sqrt{99999999999999999999999999999999999989}",
  "1/(a+b)+1/(c+d)+1/(f+g)+1/(h+j)+1/(k+l)",
])("does not try to tell what would take without end: %s", (formula) => {
  expect(scoreAnswer({ kind: "mathematics", answers: [formula] }, `1+${formula}`).correct).toBe(false);
});

it("a key that is none is named, and one that says nothing is refused", () => {
  const task = { id: "a", question: "What?" };
  const empty = { ...task, sealed: { kind: "text", answers: [] } } as const;
  expect(checkKeys([empty])).toEqual([{ id: "a", key: "", problem: "there is no key: no answer can be right" }]);
  const without = [{ ...task, sealed: {} }] as unknown as Task<AnswerKey>[];
  expect(() => checkKeys(without)).toThrow(/checkKeys: the tasks\[0\]: sealed: kind is missing/);
});
