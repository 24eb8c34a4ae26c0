import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempFolder, trajectoryOf } from "../../test/learn-double.ts";
import { setNames } from "../environment.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { createRun, extentOf, type Run } from "../store/run-folder.ts";
import { leverEnvironment, leverTools, scriptedPlanner } from "../testing/index.ts";
import type { StoredState } from "./checkpoint-state.ts";
import { evaluateSets } from "./evaluation.ts";
import { evaluatedAgain, extentsOf, type Phases, readPhases, resumable, writePhases } from "./resume.ts";
import { OPTIONS_VERSION } from "./stored-options.ts";

const root = await tempFolder();
let runs = 0;
const newRun = async (): Promise<Run> => {
  const run = await createRun(root, `run-${runs++}`, { seed: 3 });
  const options = { seed: 3, validation: true, replay: true, guard: true, permuteRewards: false };
  await run.writeJson("options.json", { schemaVersion: OPTIONS_VERSION, options });
  return run;
};

const environment = await leverEnvironment().open({ seed: 1 });
const evaluated = await evaluateSets({
  flow: createFlow({ planner: scriptedPlanner(["press left"]), tools: leverTools }),
  sets: environment.evaluation("test"),
  environment,
  seed: 1,
  concurrency: 1,
});
const before = { figures: evaluated.figures, outcomes: evaluated.outcomes };

describe("parts of a run that are done", () => {
  it("are none of a run that has done none", async () => {
    const run = await newRun();
    await run.close();
    expect(await readPhases(run.folder)).toEqual({});
  });

  it("are read as they were written, with how far the files reached", async () => {
    const run = await newRun();
    run.appendTrajectory({ phase: "before" });
    await writePhases(run, { before, seconds: { evaluate: 1.5 } });
    await run.close();
    const { extents, ...read } = await readPhases(run.folder);
    expect(read).toEqual({ before: JSON.parse(JSON.stringify(before)), seconds: { evaluate: 1.5 } });
    const rows = '{"schemaVersion":1,"phase":"before"}\n';
    expect(extents?.["trajectories.jsonl"]).toEqual(extentOf(rows));
    expect(extents?.["phases.json"]).toEqual(extentOf(await readFile(join(run.folder, "phases.json"), "utf8")));
    expect(Object.keys(extents ?? {})).toContain("options.json");
  });

  it("can be written again by who has read them", async () => {
    const run = await newRun();
    await writePhases(run, { before });
    await writePhases(run, { ...(await readPhases(run.folder)), seconds: { evaluate: 2 } });
    await run.close();
    expect(await readPhases(run.folder)).toMatchObject({ before: { figures: {} }, seconds: { evaluate: 2 } });
  });

  it("are refused when any of them was changed", async () => {
    const run = await newRun();
    await writePhases(run, { before });
    await run.close();
    const path = join(run.folder, "phases.json");
    const text = await readFile(path, "utf8");
    const changes: ((text: string) => string)[] = [
      (kept) => kept.replace('"accuracy": 0.5', '"accuracy": 1'),
      (kept) => kept.replace(/"check": "."/, '"check": ""'),
      (kept) => kept.replace(/"check": ".{12}"/, '"check": null'),
      (kept) => kept.replace(/"bytes": \d+/, '"bytes": 0'),
    ];
    for (const change of changes) {
      if (change(text) === text) continue;
      await writeFile(path, change(text));
      await expect(readPhases(run.folder)).rejects.toThrow(/phases\.json was changed: its parts had the hash/);
    }
    await writeFile(path, text);
    expect(await readPhases(run.folder)).toHaveProperty("before");
  });
});

describe("a run that is resumed", () => {
  it("is this process's from then on", async () => {
    const run = await newRun();
    await writePhases(run, { before });
    await run.close();
    const resumed = await resumable(run.folder);
    expect(resumed).toMatchObject({ folder: run.folder, settings: { seed: 3, validation: true }, config: { seed: 3 } });
    expect(resumed.phases.before).toBeDefined();
    await expect(resumable(run.folder)).rejects.toThrow(`belongs to the process ${process.pid}`);
    await resumed.lock.release();
    await (await resumable(run.folder)).lock.release();
  });

  it("is no run that somebody is at work on", async () => {
    const run = await newRun();
    await expect(resumable(run.folder)).rejects.toThrow(StoreError);
    await run.close();
    await (await resumable(run.folder)).lock.release();
  });

  it("is no finished run, but may be an interrupted one; a refused run is free again", async () => {
    const run = await newRun();
    await run.writeJson("report.json", { interrupted: false });
    await run.close();
    await expect(resumable(run.folder)).rejects.toThrow(ConfigError);
    await expect(resumable(run.folder)).rejects.toThrow(/is finished: its report is in .*report\.json/);
    await writeFile(join(run.folder, "report.json"), '{"schemaVersion":1,"interrupted":true}');
    await (await resumable(run.folder)).lock.release();
  });

  it("is a run of learn: neither a folder of something else nor one that is not there", async () => {
    const folder = join(root, "other");
    await mkdir(folder);
    await expect(resumable(folder)).rejects.toThrow(/is not a run of learn/);
    await expect(resumable(join(root, "nowhere"))).rejects.toThrow(ConfigError);
    await expect(resumable(join(root, "nowhere"))).rejects.toThrow(/^There is no run in .*nowhere/);
  });
});

describe("how far a run's files are taken", () => {
  const [ofPhases, ofCheckpoint] = [{ "a.jsonl": extentOf("a") }, { "b.jsonl": extentOf("b") }];
  const phases: Phases = { extents: ofPhases };
  const storedAfter = (index: number): StoredState => ({
    extents: ofCheckpoint,
    policies: [],
    state: {
      after: { index, tasksDrawn: 0 },
      sampler: { families: {}, current: 0, groups: [] },
      kept: { best: undefined, since: 0, last: undefined },
      spent: { rollOut: 0, train: 0, validate: 0 },
    },
  });

  it("is to the last part that is done, before training; to the checkpoint, from then on", () => {
    expect(extentsOf({}, undefined)).toEqual({});
    expect(extentsOf(phases, undefined)).toBe(ofPhases);
    expect(extentsOf(phases, storedAfter(0))).toBe(ofCheckpoint);
    expect(extentsOf({ ...phases, coldStart: before }, storedAfter(4))).toBe(ofCheckpoint);
  });

  it("is to the checkpoint of the imitation until that was evaluated", () => {
    expect(extentsOf(phases, storedAfter(-1))).toBe(ofCheckpoint);
    expect(extentsOf({ ...phases, coldStart: before }, storedAfter(-1))).toBe(ofPhases);
  });
});

it("an evaluation is as it was, with its trajectories from the run's rows", async () => {
  const run = await newRun();
  const trajectory = await trajectoryOf(["press left"]);
  run.appendTrajectory({ phase: "before", task: "one", trajectory });
  run.appendTrajectory({ phase: "coldStart", task: "two", trajectory });
  run.appendTrajectory({ phase: "before", task: "without" });
  run.appendTrajectory({ phase: "train", task: "three", trajectory });
  await run.close();
  const again = await evaluatedAgain(run, "before", before);
  expect(again.figures).toBe(before.figures);
  expect(Object.keys(again.outcomes)).toEqual([...setNames]);
  expect([...again.trajectories.keys()]).toEqual(["one"]);
  expect(again.trajectories.get("one")).toEqual(JSON.parse(JSON.stringify(trajectory)));
  expect([...(await evaluatedAgain(run, "coldStart", before)).trajectories.keys()]).toEqual(["two"]);
});
