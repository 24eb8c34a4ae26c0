import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempFolder } from "../../test/learn-double.ts";
import { StoreError } from "../errors.ts";
import { hashOf, type JournalTurn } from "./journal.ts";
import { checkJournal, comparing, Difference, readKeptRows } from "./verify-rows.ts";

const root = await tempFolder();
let runs = 0;
const textOf = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const seen = { status: "ok", text: "up", fields: {} } as const;
const turn: JournalTurn = {
  sampled: [{ module: "planner", version: "v1", ids: [1, 2], logProbs: [-1, -2] }],
  call: { tool: "look", input: { lever: "up" } },
  observation: seen,
};
/** As the journal holds it: its reply by a hash. */
const inJournal = (one: JournalTurn) => ({
  ...one,
  observation: one.observation === null ? null : hashOf(one.observation),
});
const row = (value: object): object => ({ schemaVersion: 1, ...value });

const kept = {
  trajectories: [
    row({ phase: "before", task: "a", reward: 1 }),
    row({ phase: "train", step: 0, task: "b", reward: 0 }),
    row({ phase: "train", step: 1, task: "c", reward: 1 }),
  ],
  metrics: [row({ index: 0, reward: { mean: 0.5 } }), row({ index: 1, reward: { mean: 0.75 } })],
  digests: [row({ step: 0, turns: { b: [hashOf(turn)] } }), row({ step: 1, turns: { c: [hashOf(turn)] } })],
  journal: [
    row({ reply: hashOf(seen), observation: seen }),
    row({ trajectory: "b", reward: 0, turns: [inJournal(turn)] }),
    row({ trajectory: "c", reward: 1, turns: [inJournal(turn)] }),
  ] as readonly unknown[],
};
const folderOf = async (
  rows: Partial<Readonly<Record<keyof typeof kept, readonly unknown[]>>> = {},
): Promise<string> => {
  const folder = join(root, `run-${runs++}`);
  await mkdir(join(folder, "journal"), { recursive: true });
  const { journal, ...files } = { ...kept, ...rows };
  for (const [name, lines] of Object.entries(files)) await writeFile(join(folder, `${name}.jsonl`), textOf(lines));
  await writeFile(join(folder, "journal", "0000000.jsonl"), textOf(journal));
  return folder;
};

/** A run that is compared with what was kept, and what got through. */
const compared = async (fromStep?: number) => {
  const written: object[] = [];
  const steps: number[] = [];
  const write = (one: object): void => void written.push(one);
  const run = {
    appendTrajectory: write,
    appendMetrics: write,
    appendDigest: write,
    appendJournal: write,
    appendTimings: write,
    turnJournal: async () => undefined,
  };
  const rows = await readKeptRows(await folderOf(), fromStep);
  return { run: comparing(run, rows, (step) => steps.push(step)), written, steps };
};

describe("rows that are compared", () => {
  it("are those of the whole run, or those from a step on", async () => {
    const folder = await folderOf();
    const tasksOf = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).task);
    const whole = await readKeptRows(folder);
    expect([tasksOf(whole.trajectories), whole.skipped]).toEqual([["a", "b", "c"], 0]);
    expect(whole.journal.get("b")).toEqual([turn]);
    const later = await readKeptRows(folder, 1);
    expect([tasksOf(later.trajectories), later.skipped]).toEqual([["c"], 2]);
    const none = await readKeptRows(folder, 5);
    expect([none.trajectories, none.skipped]).toEqual([[], 3]);
  });

  it("get through when they are the same, in their order", async () => {
    const { run, written, steps } = await compared();
    run.appendTrajectory({ phase: "before", task: "a", reward: 1 });
    run.appendTrajectory({ phase: "train", step: 0, task: "b", reward: 0 });
    run.appendMetrics({ index: 0, reward: { mean: 0.5 } });
    run.appendDigest({ step: 0, turns: { b: [hashOf(turn)] } });
    expect(written).toHaveLength(4);
    expect(steps).toEqual([0]);
  });

  it("are stopped where a trajectory is another one, or missing", async () => {
    const { run, written } = await compared();
    const append = (value: object) => () => run.appendTrajectory(value);
    expect(append({ phase: "before", task: "a", reward: 0 })).toThrow(Difference);
    expect(written).toEqual([]);
    expect(append({ phase: "train", step: 0, task: "b", reward: 0, more: 1 })).toThrow(
      "trajectories.jsonl, line 2: step 1, task b: more was nothing and is 1",
    );
    expect(append({ phase: "train", step: 1, reward: 1, task: "c" })).toThrow(
      "line 3: step 2, task c: the row has another form",
    );
    expect(append({ phase: "after", task: "d" })).toThrow("trajectories.jsonl, line 4: after, task d: it is missing");
  });

  it("name their line in the whole file, also when they are those from a step on", async () => {
    const { run } = await compared(1);
    expect(() => run.appendTrajectory({ phase: "train", step: 1, task: "c", reward: 0 })).toThrow(
      "trajectories.jsonl, line 3: step 2, task c: reward was 1 and is 0",
    );
  });

  it("are stopped where the metrics of a step are others, or missing", async () => {
    const { run } = await compared();
    expect(() => run.appendMetrics({ index: 1, reward: { mean: 0.25 } })).toThrow(
      'metrics.jsonl, step 2: reward was {"mean":0.75} and is {"mean":0.25}',
    );
    expect(() => run.appendMetrics({ index: 7 })).toThrow("metrics.jsonl, step 8: it is missing");
    expect(() => run.appendMetrics({ index: 0, reward: { mean: "x".repeat(500) } })).toThrow(
      / is \{"mean":"x{100,120}…$/,
    );
  });

  it.each<[string, Partial<JournalTurn>]>([
    ["other tokens were sampled", { sampled: [{ module: "planner", version: "v1", ids: [1, 3], logProbs: [-1, -2] }] }],
    [
      "log-probabilities or the version differ",
      { sampled: [{ module: "planner", version: "v2", ids: [1, 2], logProbs: [-1, -2] }] },
    ],
    ["another call was made", { call: { tool: "look", input: { lever: "left" } } }],
    ["the tool's reply differs", { observation: { status: "ok", text: "down", fields: {} } }],
  ])("say of a turn with another hash that %s", async (what, change) => {
    const { run, steps } = await compared();
    const other = { ...turn, ...change };
    if (other.observation !== null)
      run.appendJournal({ reply: hashOf(other.observation), observation: other.observation });
    run.appendJournal({ trajectory: "b", reward: 0, turns: [inJournal(other)] });
    expect(() => run.appendDigest({ step: 0, turns: { b: [hashOf(other)] } })).toThrow(
      `digests.jsonl, step 1: trajectory b, turn 1: ${what}`,
    );
    expect(steps).toEqual([]);
  });

  it("say which turn there is more or fewer, and what the journal does not hold any more", async () => {
    const { run } = await compared();
    const wrong = (turns: object) => () => run.appendDigest({ step: 0, turns });
    expect(wrong({ b: [hashOf(turn), "more"] })).toThrow(
      "trajectory b, turn 2: what was sampled or answered is another",
    );
    expect(wrong({})).toThrow("trajectory b, turn 1: what was sampled or answered is another");
    expect(wrong({ b: [hashOf(turn)], d: ["x"] })).toThrow("trajectory d, turn 1");
    expect(() => run.appendDigest({ step: 5, turns: { b: ["x"] } })).toThrow(
      "digests.jsonl, step 6: trajectory b, turn 1",
    );
    expect(() => run.appendDigest({ turns: { b: [hashOf(turn)] }, step: 0 })).toThrow(
      "step 1: the row has another form",
    );
  });
});

describe("a journal, against the hashes of its turns", () => {
  it("is whole, also with a step that was under way", async () => {
    await checkJournal(await folderOf());
    await checkJournal(await folderOf({ digests: kept.digests.slice(0, 1) }));
    await checkJournal(await folderOf({ digests: [], journal: [] }));
  });

  it.each<[string, (text: string) => string]>([
    ["a token", (text) => text.replace('"ids":[1,2]', '"ids":[1,9]')],
    ["a log-probability", (text) => text.replace("[-1,-2]", "[-1,-3]")],
    ["a call", (text) => text.replace('"lever":"up"', '"lever":"left"')],
    ["a reply", (text) => text.replace('"text":"up"', '"text":"down"')],
    ["a reply's name", (text) => text.replace(`"reply":"${hashOf(seen)}"`, '"reply":"0"')],
  ])("is not when %s was changed", async (_, change) => {
    const journal = change(textOf(kept.journal));
    expect(journal).not.toBe(textOf(kept.journal));
    const rows = journal
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    const checking = checkJournal(await folderOf({ journal: rows }));
    await expect(checking).rejects.toThrow(Difference);
    await expect(checking).rejects.toThrow(/^journal\/0000000\.jsonl, trajectory b, turn 1: it does not have the hash/);
  });

  it("is not when it has lost a turn, or won one", async () => {
    const digests = [row({ step: 0, turns: { b: [hashOf(turn), hashOf(turn)] } })];
    await expect(checkJournal(await folderOf({ digests }))).rejects.toThrow(/trajectory b, turn 2: it does not have/);
    const more = [kept.journal[0], row({ trajectory: "b", turns: [inJournal(turn), inJournal(turn)] })];
    await expect(checkJournal(await folderOf({ journal: more }))).rejects.toThrow(/trajectory b, turn 2/);
  });

  it.each<[string, readonly unknown[]]>([
    ["null", [null]],
    ["a turn that is null", [row({ trajectory: "b", turns: [null] })]],
    ["a turn without what was sampled", [row({ trajectory: "b", turns: [{}] })]],
  ])("is damaged by %s", async (_, journal) => {
    await expect(checkJournal(await folderOf({ journal }))).rejects.toThrow(/^journal\/0000000\.jsonl/);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["a row without turns", row({ step: 0 })],
    ["turns that are no list", row({ step: 0, turns: { b: 7 } })],
    ["turns that are null", row({ step: 0, turns: { b: null } })],
  ])("cannot be checked by hashes that hold %s", async (_, digest) => {
    const checking = checkJournal(await folderOf({ digests: [digest] }));
    await expect(checking).rejects.toThrow(StoreError);
    await expect(checking).rejects.toThrow(/digests\.jsonl is damaged: line 1 /);
  });
});
