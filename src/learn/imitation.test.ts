import { expect, it } from "vitest";
import { leverEnvironment, leverPolicy, leverTools } from "../testing/index.ts";
import { coldStartPlanner, type PlannerColdStartOptions } from "./imitation.ts";
import { recipes } from "./recipe.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const coldStart = (changes: Partial<PlannerColdStartOptions> = {}): PlannerColdStartOptions => ({
  environment,
  tools: leverTools,
  policy: leverPolicy(),
  recipe: { ...recipes.adapter, coldStart: { steps: 6, plans: 4, exercises: 2, routes: 0, learningRate: 0.3 } },
  seed: 3,
  onStep: () => undefined,
  abortSignal: new AbortController().signal,
  ...changes,
});

it("a policy imitates plans and exercises, tells its loss, and publishes what it has learnt", async () => {
  const policy = leverPolicy();
  const before = policy.version;
  const told: (readonly [number, number, number])[] = [];
  await coldStartPlanner(coldStart({ policy, onStep: (...step) => told.push(step) }));
  expect(told.map(([step, steps]) => [step, steps])).toEqual([1, 2, 3, 4, 5, 6].map((step) => [step, 6]));
  expect(told.at(-1)?.[2]).toBeLessThan(told[0]?.[2] ?? 0);
  expect(policy.version).not.toBe(before);
});

it("shows nothing where there are only routes to show and none was found, and the policy stays as it is", async () => {
  const policy = leverPolicy();
  const { version } = policy;
  const recipe = { ...recipes.micro, coldStart: { ...recipes.micro.coldStart, plans: 0, exercises: 0, steps: 3 } };
  expect(await coldStartPlanner(coldStart({ policy, recipe }))).toBe(false);
  expect(policy.version).toBe(version);
});

it("comes to the same weights for the same seed", async () => {
  const versionOf = async (seed: number): Promise<string> => {
    const policy = leverPolicy();
    await coldStartPlanner(coldStart({ policy, seed }));
    return policy.version;
  };
  expect(await versionOf(3)).toBe(await versionOf(3));
  expect(await versionOf(3)).not.toBe(await versionOf(4));
});

it("shows each step other tasks, and exercises that were no plans", async () => {
  const indices: number[] = [];
  const watched = {
    ...environment,
    train: (family: string, index: number) => {
      indices.push(index);
      return environment.train(family, index);
    },
  };
  await coldStartPlanner(coldStart({ environment: watched }));
  expect(new Set(indices).size).toBe(indices.length);
  expect(indices.filter((index) => index < 10_000_000)).toEqual(Array.from({ length: 24 }, (_, i) => i));
  expect(indices.filter((index) => index >= 10_000_000)).toEqual(Array.from({ length: 12 }, (_, i) => 10_000_000 + i));
});

it("ends when its signal is aborted, with what was learnt until then", async () => {
  const policy = leverPolicy();
  const before = policy.version;
  const abort = new AbortController();
  const steps: number[] = [];
  const onStep = (step: number): void => {
    steps.push(step);
    if (step === 2) abort.abort(new Error("Enough."));
  };
  await expect(coldStartPlanner(coldStart({ policy, onStep, abortSignal: abort.signal }))).rejects.toThrow("Enough.");
  expect(steps).toEqual([1, 2]);
  expect(policy.version).not.toBe(before);
});
