import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leverEngine, quick, readRun, tempFolder, trajectoryOf, typesOf } from "../../test/learn-double.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { fixedClock, leverEnvironment } from "../testing/index.ts";
import { type FromTrajectoriesOptions, learnFromTrajectories, readSolved } from "./from-trajectories.ts";

const root = await tempFolder();
const environment = leverEnvironment();
const started = (options: Partial<FromTrajectoriesOptions> = {}) =>
  learnFromTrajectories({
    environment,
    planner: leverEngine(),
    recipe: quick,
    folder: root,
    seed: 3,
    steps: 12,
    batch: 4,
    learningRate: 1,
    clock: fixedClock(),
    ...options,
  });

describe("supervised training", () => {
  it("imitates the oracle's plans, between two evaluations on the same sets", async () => {
    const { events, report } = await readRun(started({ demonstrations: 8 }));
    expect(typesOf(events)).toEqual([
      "evaluation-end",
      ...Array<string>(12).fill("imitation-step"),
      "evaluation-end",
      "finish",
    ]);
    expect(report).toMatchObject({ schemaVersion: 1, trajectories: 8, steps: 12, seconds: 0 });
    expect(report.after.heldOutPages.accuracy).toBe(1);
    expect(report.gain.heldOutPages.points).toBeCloseTo(1 - report.before.heldOutPages.accuracy, 12);
    const losses = events.flatMap((event) => (event.type === "imitation-step" ? [event.loss] : []));
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    expect(report.loss).toBe(losses.at(-1));
    const folder = join(root, report.run);
    expect(JSON.parse(await readFile(join(folder, "report.json"), "utf8"))).toEqual(JSON.parse(JSON.stringify(report)));
    const { config } = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    expect(config).toMatchObject({ command: "sft", model: "tabular", trajectories: 8, steps: 12, batch: 4 });
  });

  it("imitates the trajectories that it is given", async () => {
    const trajectories = [await trajectoryOf(["look up", "press right"])];
    const { report } = await readRun(started({ trajectories, evalTasks: 1 }));
    expect(report.trajectories).toBe(1);
    // Whatever was imitated is what it does now, right or wrong.
    expect(report.after.heldOutPages).toMatchObject({ n: 1, accuracy: 0, averageTurns: 2 });
  });

  it("repeats to the bit", async () => {
    const weightsOf = async (seed: number) => (await started({ demonstrations: 8, seed }).report).after.weights;
    expect(await weightsOf(3)).toBe(await weightsOf(3));
    expect(await weightsOf(3)).not.toBe(await weightsOf(4));
  });

  it("needs something to imitate", async () => {
    const { oracle: _, ...rest } = await environment.open({ seed: 3 });
    const without = { name: "levers", open: async () => rest };
    const run = started({ environment: without });
    await expect(run.report).rejects.toThrow(ConfigError);
    await expect(run.report).rejects.toThrow("levers has no oracle to imitate: give trajectories");
    const trajectories = [await trajectoryOf(["press left"])];
    expect((await started({ environment: without, trajectories }).report).trajectories).toBe(1);
  });

  it("leaves plans out that do not earn the whole reward", async () => {
    const half = leverEnvironment({ reward: ({ sealed }) => (sealed.family === "red" ? 1 : 0.5) });
    expect((await started({ environment: half, demonstrations: 10, steps: 1 }).report).trajectories).toBe(5);
  });

  it("ends when it is aborted", async () => {
    const abort = new AbortController();
    const failing = leverEnvironment({
      reward: () => {
        abort.abort(new Error("Enough."));
        return 1;
      },
    });
    const run = started({ environment: failing, demonstrations: 4, abortSignal: abort.signal });
    await expect(run.report).rejects.toThrow("Enough.");
  });
});

describe("a file of solved trajectories", () => {
  const fileOf = async (rows: readonly unknown[]): Promise<string> => {
    const file = join(root, `rows-${rows.length}-${Math.random()}.jsonl`);
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    return file;
  };

  it("gives those that were worth everything, or solved where nobody says what they were worth", async () => {
    const [right, wrong] = [await trajectoryOf(["press left"], "right"), await trajectoryOf(["look up"], "wrong")];
    expect([right.status, wrong.status]).toEqual(["solved", "partial"]);
    const file = await fileOf([
      { trajectory: right, reward: 1 },
      { trajectory: right, reward: 0 },
      { trajectory: right, reward: null },
      { trajectory: wrong, reward: 1 },
      { trajectory: right },
      { trajectory: wrong },
      right,
      wrong,
      { phase: "train", reward: 1, actions: ["press left"] },
      { trajectory: { ...right, memory: [] }, reward: 1 },
    ]);
    expect((await readSolved(file)).map(({ id }) => id)).toEqual(["right", "wrong", "right", "right"]);
  });

  it("must hold some", async () => {
    const file = await fileOf([{ trajectory: await trajectoryOf(["look up"]), reward: 0 }]);
    await expect(readSolved(file)).rejects.toThrow(StoreError);
    await expect(readSolved(file)).rejects.toThrow("holds no solved trajectories with their memory");
    await expect(readSolved(join(root, "none.jsonl"))).rejects.toThrow(StoreError);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["a number", 7],
    ["a trajectory that is none", { trajectory: "text", reward: 1 }],
    ["a trajectory without its memory", { trajectory: { id: "x" }, reward: 1 }],
    ["a trajectory that is null", { trajectory: null, reward: 1 }],
  ])("may hold %s, which is skipped", async (_, row) => {
    const good = await trajectoryOf(["press left"], "good");
    expect((await readSolved(await fileOf([row, good]))).map(({ id }) => id)).toEqual(["good"]);
  });
});
