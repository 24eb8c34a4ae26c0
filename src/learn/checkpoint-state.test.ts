import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tempFolder } from "../../test/learn-double.ts";
import { StoreError } from "../errors.ts";
import { writeCheckpoint } from "../store/checkpoint.ts";
import { scriptedPolicy } from "../testing/index.ts";
import { loadState, saveState, type TrainingState } from "./checkpoint-state.ts";

const root = await tempFolder();
let runs = 0;
const extents = { "metrics.jsonl": { bytes: 7, sha256: "a".repeat(64) } };
const newRun = async () => {
  const folder = join(root, `run-${runs++}`);
  await mkdir(folder);
  return { folder, extents: async () => extents };
};

const stateAfter = (index: number): TrainingState => ({
  after: { index, tasksDrawn: 4 * (index + 1) },
  sampler: { families: { red: { drawn: 2, credit: 0.5, rate: 0.1, begun: { 1: 0.4 } } }, current: index, groups: [] },
  kept: { best: undefined, since: 0, last: undefined },
  spent: { rollOut: 1.5, train: 2.5, validate: 0.5 },
});
const [planner, verifier] = [scriptedPolicy(() => ""), scriptedPolicy(() => "", { name: "verifier" })];
const names = ["planner", "verifier"];
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const never = (damage: string): void => {
  throw new Error(damage);
};

it("comes back as it was saved, with the states of all policies", async () => {
  const run = await newRun();
  await planner.publish();
  const state = {
    ...stateAfter(1),
    after: { index: 1, tasksDrawn: 8, guard: { stepScale: 0.5, calmSteps: 3, inARow: 1 } },
  };
  await saveState(run, [planner, verifier], state);
  const loaded = await loadState(run.folder, names, never);
  expect(loaded?.state).toEqual(state);
  expect(loaded?.extents).toEqual(extents);
  expect(loaded?.policies.map((bytes) => new TextDecoder().decode(bytes))).toEqual(["1", "0"]);
});

it("keeps the state that did best, and how long ago that was", async () => {
  const run = await newRun();
  const best = { step: 0, accuracy: 0.75, states: [bytesOf("best planner"), bytesOf("best verifier")] };
  const state = { ...stateAfter(2), kept: { best, since: 2, last: 0.5 } };
  await saveState(run, [planner, verifier], state);
  const loaded = await loadState(run.folder, names, never);
  expect(loaded?.state.kept).toMatchObject({ best: { step: 0, accuracy: 0.75 }, since: 2, last: 0.5 });
  expect(loaded?.state.kept.best?.states.map((bytes) => new TextDecoder().decode(bytes))).toEqual([
    "best planner",
    "best verifier",
  ]);
  expect(await readdir(join(run.folder, "checkpoints", "step-0000003"))).toContain("best-verifier.state");
});

it("is the newest one, or the newest of those up to a number of steps", async () => {
  const run = await newRun();
  for (const index of [0, 1, 2]) await saveState(run, [planner], stateAfter(index));
  const after = async (most?: number) => (await loadState(run.folder, ["planner"], never, most))?.state.after.index;
  expect([await after(), await after(3), await after(2), await after(1)]).toEqual([2, 2, 1, undefined]);
});

it("is none in a run that has none", async () => {
  expect(await loadState((await newRun()).folder, names, never)).toBeUndefined();
});

it("passes a damaged one over, says so, and gives the one before", async () => {
  const run = await newRun();
  for (const index of [0, 1]) await saveState(run, [planner], stateAfter(index));
  const file = join(run.folder, "checkpoints", "step-0000002", "progress.json");
  await writeFile(file, (await readFile(file, "utf8")).replace('"tasksDrawn":8', '"tasksDrawn":9'));
  const damage: string[] = [];
  const loaded = await loadState(run.folder, ["planner"], (one) => damage.push(one));
  expect(loaded?.state.after).toEqual({ index: 0, tasksDrawn: 4 });
  expect(damage).toEqual([expect.stringMatching(/step-0000002\/progress\.json is damaged: expected sha256 /)]);
});

it("must hold the state of each policy that learns", async () => {
  const run = await newRun();
  await saveState(run, [planner], stateAfter(0));
  await expect(loadState(run.folder, names, never)).rejects.toThrow("of step 1 lacks policy-verifier.state");
  await writeCheckpoint(run.folder, { step: 2, files: new Map([["policy-planner.state", bytesOf("0")]]) });
  const loading = loadState(run.folder, ["planner"], never);
  await expect(loading).rejects.toThrow(StoreError);
  await expect(loading).rejects.toThrow("of step 2 lacks progress.json");
});
