import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openExperience } from "../../src/store/experience.ts";
import { readRun, readTrajectories } from "../../src/store/stored-run.ts";
import { openTrajectoryIndex } from "../../src/store/trajectory-index.ts";
import { readTaskFile } from "../../src/tasks/index.ts";
import type { Entrance } from "./stall.ts";

/** Reads a folder that `fill` makes the first time; the second time, which is measured, it is there. */
const inFolder = (fill: (folder: string) => void, read: (folder: string) => Promise<unknown>): Entrance["run"] => {
  let made: string | undefined;
  return () => {
    if (made === undefined) {
      made = mkdtempSync(join(tmpdir(), "agentflow-stall-"));
      fill(made);
    }
    return read(made);
  };
};

const taskFile = (what: string, name: string, text: () => string): Entrance => ({
  name: `task file: ${what}`,
  run: inFolder(
    (folder) => writeFileSync(join(folder, name), text()),
    (folder) => readTaskFile(join(folder, name)),
  ),
});

const task = (fields: object): string => JSON.stringify({ question: "Which?", answer: "a", ...fields });

const runFile = (what: string, name: string, text: () => string): Entrance => ({
  name: `run folder, ${name}: ${what}`,
  run: inFolder(
    (root) => {
      const folder = join(root, "run");
      mkdirSync(folder);
      writeFileSync(join(folder, "config.json"), JSON.stringify({ schemaVersion: 1, config: {} }));
      writeFileSync(join(folder, name), text());
    },
    async (root) => {
      await readRun(root, "run");
      const folder = join(root, "run");
      await readTrajectories({ folder });
      rmSync(join(folder, "index.sqlite"), { force: true });
      (await openTrajectoryIndex({ folder })).close();
    },
  ),
});

const objects = (count: number): string => `[${"{},".repeat(count)}{}]`;
const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const names = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(",")}}`;
const trajectory = (answer: unknown): string => `${JSON.stringify({ schemaVersion: 1, question: "Which?", answer })}\n`;

const searched = (what: string, words: string): Entrance => ({
  name: `search in a run: ${what}`,
  run: inFolder(
    (folder) => writeFileSync(join(folder, "trajectories.jsonl"), trajectory("word ".repeat(3000)).repeat(20)),
    async (folder) => {
      const index = await openTrajectoryIndex({ folder });
      try {
        return index.search(words);
      } finally {
        index.close();
      }
    },
  ),
});

/** A store of this many tasks of one shape, asked for a question. */
const experienceOf = (what: string, shape: string, times: number, question: string): Entrance => ({
  name: `experience: ${what}`,
  run: inFolder(
    (folder) => {
      const row = { schemaVersion: 1, id: "1", question: "q", shape, plan: [], source: "a" };
      writeFileSync(join(folder, "experience.jsonl"), `${JSON.stringify(row)}\n`.repeat(times));
    },
    async (folder) => {
      const store = await openExperience(folder);
      await store.retrieve(question);
      await store.close();
    },
  ),
});

export const fileEntrances: readonly Entrance[] = [
  taskFile("a question of spaces", "a.jsonl", () => task({ question: `a${" ".repeat(150_000)}b` })),
  taskFile("a question with instructions again and again", "a.jsonl", () =>
    task({ question: "When ready, output the final answer enclosed in <answer".repeat(3000) }),
  ),
  taskFile("many answers", "a.jsonl", () => task({ answers: Array.from({ length: 200_000 }, (_, i) => `${i}`) })),
  taskFile("a long answer", "a.jsonl", () => task({ answer: "1,".repeat(400_000) })),
  taskFile("many options", "a.jsonl", () => task({ choices: Array.from({ length: 100_000 }, (_, i) => `o${i}`) })),
  taskFile("a line without an end", "a.jsonl", () => "x".repeat(30_000_000)),
  taskFile("a million empty lines", "a.jsonl", () => `${"\n".repeat(1_000_000)}x`),
  taskFile("objects", "a.json", () => objects(3_000_000)),
  taskFile("an object of objects", "a.json", () => `[{"question":${objects(340_000)}}]`),
  taskFile("brackets", "a.json", () => deep(5_000_000)),
  taskFile("braces in texts", "a.json", () => `["${'{\\"'.repeat(5_000_000)}"]`),
  taskFile("many names", "a.jsonl", () => names(90_000)),
  taskFile("unknown names", "a.jsonl", () => names(20_000)),
  taskFile("twenty thousand tasks", "a.jsonl", () => `${task({})}\n`.repeat(20_000)),
  taskFile("CSV of commas", "a.csv", () => ",".repeat(10_000_000)),
  taskFile("CSV of quotes", "a.csv", () => '"'.repeat(9_999_999)),
  taskFile("CSV of line breaks", "a.csv", () => `a${"\n".repeat(1_500_000)}b`),
  taskFile("CSV of short rows", "a.csv", () => `question,answer\n${"a,b\n".repeat(200_000)}`),
  runFile("objects", "metrics.jsonl", () => `${objects(2_500_000)}\n`),
  runFile("brackets", "metrics.jsonl", () => `${deep(4_000_000)}\n`),
  runFile("names", "metrics.jsonl", () => `${names(500_000)}\n`),
  runFile("a line without an end", "metrics.jsonl", () => "x".repeat(40_000_000)),
  runFile("many lines", "metrics.jsonl", () => '{"schemaVersion":1,"step":1}\n'.repeat(200_000)),
  runFile("brackets", "trajectories.jsonl", () => `${deep(45_000)}\n`),
  runFile("a long text", "trajectories.jsonl", () => trajectory("word ".repeat(1_400_000))),
  runFile("numbers", "trajectories.jsonl", () => trajectory(Array.from({ length: 500_000 }, (_, i) => i))),
  runFile("objects", "config.json", () => `{"schemaVersion":1,"config":${objects(2_500_000)}}`),
  runFile("brackets", "report.json", () => `{"schemaVersion":1,"report":${deep(3_000_000)}}`),
  searched("many words", "word ".repeat(20_000)),
  searched("one word", "w".repeat(200_000)),
  searched("two hundred words", "word ".repeat(200)),
  experienceOf("a question of words", "one two three four five six", 5000, "one two three four five six ".repeat(5000)),
  experienceOf("a shape of spaces", " ".repeat(1_000_000), 5, "one two"),
];
