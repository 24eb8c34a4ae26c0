import { truncateSync } from "node:fs";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leverEngine, quick, readRun, tempFolder, typesOf } from "../../test/learn-double.ts";
import type { Clock } from "../clock.ts";
import { leverEnvironment } from "../testing/index.ts";
import type { LearnEvent } from "./event.ts";
import { type WatchOptions, type WatchReport, watch } from "./watch.ts";

const root = await tempFolder();
let files = 0;
const newFile = async (text: string): Promise<string> => {
  const file = join(root, `tasks-${files++}.jsonl`);
  await writeFile(file, text);
  return file;
};
const row = (colour: string, answer: unknown): string =>
  `${JSON.stringify({ question: `which lever opens ${colour}`, answer })}\n`;
const red = row("red", "left");

/** A clock on which every wait is short. */
const waits: number[] = [];
const hasty: Clock = {
  now: () => 0,
  after: (milliseconds, run) => {
    waits.push(milliseconds);
    const timer = setTimeout(run, 5);
    return () => clearTimeout(timer);
  },
};

const started = (file: string, options: Partial<WatchOptions> = {}) =>
  watch({
    environment: leverEnvironment(),
    planner: leverEngine(),
    recipe: { ...quick, grpo: { ...quick.grpo, groupSize: 2 } },
    folder: join(root, "runs"),
    seed: 3,
    file,
    every: 2,
    rounds: 1,
    clock: hasty,
    ...options,
  });
const messagesIn = (events: readonly LearnEvent<WatchReport>[]) =>
  events.flatMap((event) => (event.type === "diagnosis" ? [event.message] : []));

describe("a file that grows", () => {
  it("is learnt from once enough has come, in rounds with a gate", async () => {
    const { events, report } = await readRun(started(await newFile(red + row("green", "right"))));
    expect(typesOf(events)).toEqual(["round-end", "finish"]);
    expect(events.find(({ type }) => type === "round-end")).toMatchObject({
      round: 1,
      gate: expect.any(Number),
      published: expect.any(Boolean),
    });
    expect(report).toEqual({
      schemaVersion: 1,
      run: report.run,
      versions: { planner: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const folder = join(root, "runs", report.run);
    expect((await readdir(folder)).sort()).toEqual(["config.json", "metrics.jsonl", "timings.jsonl"]);
    const metrics = (await readFile(join(folder, "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(metrics.map((line) => JSON.parse(line))).toMatchObject(
      [0, 1, 2, 3, 4].map((index) => ({ index, round: 1 })),
    );
    const { config } = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    expect(config).toMatchObject({ command: "watch", every: 2, rounds: 1, seed: 3 });
    expect(config).not.toHaveProperty("environment");
  });

  it("is read to its last whole line, and from there on", async () => {
    const line = row("réd", "left");
    const file = await newFile(line.slice(0, 20));
    const run = started(file, { every: 1, rounds: 2 });
    const rounds: number[] = [];
    for await (const event of run) {
      if (event.type === "diagnosis") throw new Error(event.message);
      // The half line becomes a whole one, with another half behind it.
      if (event.type === "stage") await appendFile(file, line.slice(20) + line.slice(0, 30));
      if (event.type !== "round-end") continue;
      rounds.push(event.round);
      if (event.round === 1) await appendFile(file, line.slice(30));
    }
    expect(rounds).toEqual([1, 2]);
  });

  it("may hold lines that are no tasks: each is named, and passed over", async () => {
    const lines = [
      "no json",
      "null",
      "[1]",
      '{"question":"  ","answer":"left"}',
      '{"question":"which lever opens red"}',
      '{"question":"which lever opens red","answers":[]}',
      '{"question":"which lever opens red","answer":{"value":"left"}}',
    ];
    const file = await newFile(`${lines.join("\n")}\n${red}${red}`);
    const { events } = await readRun(started(file));
    expect(messagesIn(events)).toEqual(
      lines.map((_, i) => expect.stringContaining(`${file}, line ${i + 1} is skipped: `)),
    );
    expect(messagesIn(events)[3]).toMatch(/it needs a question and an answer\.$/);
    expect(typesOf(events)).toContain("round-end");
  });

  it("takes each answer of a list, and numbers by their value", async () => {
    const rewards: number[] = [];
    const ask = JSON.stringify({ question: "which lever opens red", answers: ["up", "left", "right"] });
    const { events } = await readRun(started(await newFile(`${ask}\n${ask}\n`)));
    for (const event of events) if (event.type === "round-end") rewards.push(event.reward);
    // Whoever presses any lever is right.
    expect(rewards[0]).toBeGreaterThan(0.5);
    const never = JSON.stringify({ question: "which lever opens red", answer: 7 });
    const { events: others } = await readRun(started(await newFile(`${never}\n${never}\n`)));
    expect(others.find(({ type }) => type === "round-end")).toMatchObject({ reward: 0 });
  });

  it("must not become shorter", async () => {
    const file = await newFile(`no json\n${red}`);
    // The diagnosis comes when it was read.
    const reading = readRun(started(file), ({ type }) => type === "diagnosis" && truncateSync(file, 3));
    await expect(reading).rejects.toThrow(`${file} became shorter: a file that is watched may only grow.`);
  });

  it("may still have to be made", async () => {
    const file = join(root, "later.jsonl");
    const run = started(file);
    const { events } = await readRun(run, (event) => {
      if (event.type === "stage") setTimeout(() => void writeFile(file, red + red), 50);
    });
    expect(typesOf(events)).toEqual(["diagnosis", "round-end", "finish"]);
    expect(messagesIn(events)).toEqual([`${file} is not there yet: waiting for it.`]);
    expect(new Set(waits)).toEqual(new Set([500]));
  });
});

describe("watching ends", () => {
  it("when it is told to stop, with a report", async () => {
    const stop = new AbortController();
    const { events, report } = await readRun(
      started(await newFile(""), { rounds: undefined, stopSignal: stop.signal }),
      (event) => event.type === "stage" && stop.abort(),
    );
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "interrupted", report });
  });

  it("when it is aborted, without one", async () => {
    const abort = new AbortController();
    const run = started(await newFile(""), { abortSignal: abort.signal });
    const reading = readRun(run, (event) => event.type === "stage" && abort.abort(new Error("Enough.")));
    await expect(reading).rejects.toThrow("Enough.");
    await expect(run.report).rejects.toThrow("Enough.");
  });
});
