import { expect, it } from "vitest";
import { openAlmanac } from "../almanac/index.ts";
import { findRoutes } from "./found-routes.ts";
import { walkRoutes } from "./routes.ts";
import { silentModel } from "./silent-model.ts";

const almanac = await openAlmanac(3);
const environment = {
  ...almanac,
  families: ["code.latitude.value", "territory-region.population.value", "person+release.born+date.days"],
};
const tools = almanac.tools(silentModel);
const { signal: abortSignal } = new AbortController();
const find = (seed: number, ofFamily = 12) => findRoutes({ environment, tools, seed, ofFamily, abortSignal });

it("random calls find the ways to answers, which earn the whole reward when they are gone again", async () => {
  const routes = await find(3);
  const lengths = routes.map(({ task, plan }) => [task.sealed.family, plan.length].join(" "));
  expect([...new Set(lengths)]).toEqual([
    "code.latitude.value 3",
    "territory-region.population.value 5",
    "person+release.born+date.days 4",
  ]);
  expect(await walkRoutes({ environment: { ...environment, routes }, tools, seed: 3, abortSignal })).toHaveLength(
    routes.length,
  );
  expect(routes.every(({ task }) => !("plan" in task))).toBe(true);
});

it("the same seed finds the same ones", async () => {
  const found = async (seed: number) => (await find(seed, 2)).map(({ task, plan }) => [task.id, ...plan]);
  expect(await found(5)).toEqual(await found(5));
});

it("the control, in which each task is rewarded for the answer of another one, finds no way to an answer", async () => {
  const routes = await findRoutes({ environment, tools, seed: 3, ofFamily: 12, permuted: true, abortSignal });
  const right = await walkRoutes({ environment: { ...environment, routes }, tools, seed: 3, abortSignal });
  expect(right.length).toBeLessThanOrEqual(2);
});

it("says how far it is, and stops when it is told to", async () => {
  const told: number[] = [];
  const abort = new AbortController();
  const onProgress = (done: number): void => {
    told.push(done);
    if (told.length === 3) abort.abort(new Error("Enough."));
  };
  await expect(
    findRoutes({ environment, tools, seed: 3, ofFamily: 4, onProgress, abortSignal: abort.signal }),
  ).rejects.toThrow("Enough.");
  expect(told).toEqual([0, 1, 2]);
});
