import { expect, it } from "vitest";
import { type AskedSettings, settingsOf } from "./settings.ts";

const defaults = { seed: 7, validation: false, replay: true, guard: true, permuteRewards: false };

it("fills in what a run must know, and nothing else", () => {
  expect(JSON.parse(JSON.stringify(settingsOf({})))).toEqual(defaults);
});

it("has a default for what is undefined", () => {
  const asked: AskedSettings = { seed: undefined, validation: undefined, replay: undefined, guard: undefined };
  expect(JSON.parse(JSON.stringify(settingsOf({ ...asked, permuteRewards: undefined, steps: undefined })))).toEqual(
    defaults,
  );
});

it("keeps everything that was asked for, false and 0 too", () => {
  const asked: AskedSettings = {
    seed: 0,
    steps: 0,
    coldStart: 0,
    concurrency: 3,
    evalTasks: 4,
    validation: true,
    replay: false,
    modules: ["planner", "executor"],
    train: ["planner", "verifier"],
    rank: 8,
    learningRate: 1e-3,
    maxStaleness: 0,
    checkpointEvery: 5,
    guard: false,
    patience: 2,
    minutes: 3,
    toolFailures: { web_search: 0.3 },
    verdicts: false,
    permuteRewards: true,
  };
  expect(settingsOf(asked)).toEqual(asked);
});

it("takes settings only: what else stands in the options of a run stays behind", () => {
  const options = { seed: 1, folder: "runs", abortSignal: new AbortController().signal };
  expect(Object.keys(settingsOf(options))).not.toContain("folder");
  expect(Object.keys(settingsOf(options))).not.toContain("abortSignal");
});
