import { expect, it } from "vitest";
import { leverEngine, quick } from "../../test/learn-double.ts";
import type { Engine } from "../engine.ts";
import { leverEnvironment } from "../testing/index.ts";
import { recordOf, setsOf, sizesOf, splitOf } from "./record.ts";
import { type AskedSettings, settingsOf } from "./settings.ts";
import { openLearning } from "./start.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const learningWith = (changes: Partial<Engine> = {}) => {
  const engine = leverEngine(changes);
  return openLearning({
    settings: settingsOf({}),
    environment,
    planner: { name: "lever-planner", record: { quantisation: "int8" }, open: async () => ({ engine }) },
    recipe: quick,
    emit: () => undefined,
    now: () => 0,
    abortSignal: new AbortController().signal,
  });
};

it("measures on the split and in the sizes that were asked for", () => {
  const idsOf = (asked: AskedSettings) => setsOf(environment, settingsOf(asked)).heldOutPages.map(({ id }) => id);
  expect(idsOf({ evalTasks: 2 })).toEqual(["test/heldOutPages/0", "test/heldOutPages/1"]);
  expect(idsOf({ validation: true, evalTasks: 1 })).toEqual(["validation/heldOutPages/0"]);
  expect(idsOf({})).toHaveLength(4);
  expect([splitOf(true), splitOf(false)]).toEqual(["validation", "test"]);
  expect(sizesOf(undefined)).toEqual({});
  expect(sizesOf(3)).toEqual({ heldOutPages: 3, heldOutFamily: 3, heldOutParaphrase: 3, deep: 3 });
});

it("records everything that decides about a result, and leaves out what was not asked for", async () => {
  const learning = await learningWith();
  const { grpo, ...measured } = quick;
  expect(recordOf(settingsOf({ seed: 4 }), learning)).toEqual({
    ...measured,
    ...grpo,
    seed: 4,
    steps: 3,
    model: "lever-planner",
    weights: learning.policies[0]?.version,
    modules: ["planner"],
    train: ["planner"],
    quantisation: "int8",
    tasks: "levers-1",
    split: "test",
    permuteRewards: false,
    concurrency: 4,
    machine: { runtime: "tabular" },
  });
});

it("records what was asked for, and the rank of adapters", async () => {
  const asked = {
    evalTasks: 2,
    minutes: 5,
    patience: 3,
    checkpointEvery: 9,
    maxStaleness: 1,
    toolFailures: 0.3,
    validation: true,
  };
  const settings = settingsOf({ ...asked, replay: false, guard: false, permuteRewards: true, rank: 4 });
  const record = recordOf(settings, await learningWith());
  expect(record).toMatchObject({
    evalTasks: 2,
    minutes: 5,
    patience: 3,
    checkpointEvery: 9,
    maxStaleness: 1,
    toolFailures: 0.3,
  });
  expect(record).toMatchObject({ split: "validation", replay: false, guard: false, permuteRewards: true });
  expect(record).not.toHaveProperty("rank");
  const adapters = await learningWith({ learns: "adapters" });
  expect(recordOf(settings, adapters)).toMatchObject({ rank: 4 });
  expect(recordOf(settingsOf({}), adapters)).toMatchObject({ rank: 16 });
});
