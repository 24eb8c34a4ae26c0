import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openExperience } from "../../src/store/experience.ts";
import { readRun, readTrajectories } from "../../src/store/stored-run.ts";
import { openTrajectoryIndex } from "../../src/store/trajectory-index.ts";
import { readTaskFile } from "../../src/tasks/index.ts";
import type { Entrance } from "./stall.ts";

/** Reads a folder that holds one file, and takes it away. */
const inFolder = async (name: string, text: string, read: (folder: string) => Promise<unknown>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-stall-"));
  try {
    writeFileSync(join(folder, name), text);
    await read(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const taskFile = (what: string, name: string, text: () => string): Entrance => ({
  name: `task file: ${what}`,
  run: () => inFolder(name, text(), (folder) => readTaskFile(join(folder, name))),
});

const task = (fields: object): string => JSON.stringify({ question: "Which?", answer: "a", ...fields });

const runFile = (what: string, name: string, text: () => string): Entrance => ({
  name: `run folder, ${name}: ${what}`,
  run: () =>
    inFolder("unused", "", async (root) => {
      const folder = join(root, "run");
      mkdirSync(folder);
      writeFileSync(join(folder, "config.json"), JSON.stringify({ schemaVersion: 1, config: {} }));
      writeFileSync(join(folder, name), text());
      await readRun(root, "run");
      await readTrajectories({ folder });
      (await openTrajectoryIndex({ folder })).close();
    }),
});

const objects = (count: number): string => `[${"{},".repeat(count)}{}]`;
const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const names = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(",")}}`;
const trajectory = (answer: unknown): string => `${JSON.stringify({ schemaVersion: 1, question: "Which?", answer })}\n`;

const searched = (what: string, words: string): Entrance => ({
  name: `search in a run: ${what}`,
  run: () =>
    inFolder("trajectories.jsonl", trajectory("word ".repeat(3000)).repeat(20), async (folder) => {
      const index = await openTrajectoryIndex({ folder });
      try {
        return index.search(words);
      } finally {
        index.close();
      }
    }),
});

const experience = (shape: string): string =>
  `${JSON.stringify({ schemaVersion: 1, id: "1", question: "q", shape, plan: [], source: "a" })}\n`;

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
  taskFile("names nobody knows", "a.jsonl", () => names(20_000)),
  taskFile("a hundred thousand tasks", "a.jsonl", () => `${task({})}\n`.repeat(100_000)),
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
  {
    name: "experience: a question of words",
    run: () =>
      inFolder("experience.jsonl", experience("one two three four five six").repeat(5000), async (folder) => {
        const store = await openExperience(folder);
        await store.retrieve("one two three four five six ".repeat(5000));
        await store.close();
      }),
  },
  {
    name: "experience: a shape of spaces",
    run: () =>
      inFolder("experience.jsonl", experience(" ".repeat(1_000_000)).repeat(5), async (folder) => {
        const store = await openExperience(folder);
        await store.retrieve("one two");
        await store.close();
      }),
  },
];
