import { expect, it } from "vitest";
import { openAlmanac } from "../almanac/environment.ts";
import type { EnvironmentTask } from "../environment.ts";
import { recipes } from "./recipe.ts";

import { taskSampler } from "./task-sampler.ts";

const recipe = recipes.flowOnly;

const environment = await openAlmanac(1);
const count = environment.families.length;
const familyOf = ({ sealed }: EnvironmentTask): string => sealed.family;

it("gives every family its turn, the same for the same seed, with new tasks each time", () => {
  const [one, other] = [taskSampler(environment, 5, recipe), taskSampler(environment, 5, recipe)];
  const drawn = Array.from({ length: 2 * count }, () => one.next(0));
  expect(drawn.map(({ id }) => id)).toEqual(Array.from({ length: 2 * count }, () => other.next(0).id));
  expect(new Set(drawn.slice(0, count).map(familyOf)).size).toBe(count);
  expect(new Set(drawn.map(({ id }) => id)).size).toBe(2 * count);
});

it("draws a solved family less often, from the next step on", () => {
  const sampler = taskSampler(environment, 5, recipe);
  const solved = familyOf(sampler.next(0));
  for (let step = 0; step < 12; step += 1) {
    const task = sampler.next(step);
    sampler.record({ ...task, id: `solved/${step}`, sealed: { ...task.sealed, family: solved } }, 1);
  }
  const draws = Array.from({ length: 20 * count }, () => familyOf(sampler.next(12)));
  const times = draws.filter((family) => family === solved).length;
  // Half as often as a family that is solved one time in ten.
  expect(times).toBeGreaterThan(7);
  expect(times).toBeLessThan(14);
});

it("draws a family that is never solved as often as at the start", () => {
  const sampler = taskSampler(environment, 5, recipe);
  const failing = familyOf(sampler.next(0));
  for (let step = 0; step < 12; step += 1) {
    const task = sampler.next(step);
    sampler.record({ ...task, id: `failed/${step}`, sealed: { ...task.sealed, family: failing } }, 0);
  }
  const draws = Array.from({ length: 20 * count }, () => familyOf(sampler.next(12)));
  expect(draws.filter((family) => family === failing)).toHaveLength(20);
});

it("learns nothing within a step", () => {
  const [one, other] = [taskSampler(environment, 5, recipe), taskSampler(environment, 5, recipe)];
  for (let i = 0; i < 3 * count; i += 1) {
    const task = one.next(0);
    one.record(task, 1);
    expect(other.next(0).id).toBe(task.id);
  }
});

it("begins tasks part of the way along where groups are likely to be mixed there, and the whole where that is learnt", () => {
  const beginnings = { turnsOf: () => 4 };
  const sampler = taskSampler(environment, 5, recipe, undefined, beginnings);
  const drawn = (step: number): readonly number[] =>
    Array.from({ length: 20 * count }, () => sampler.next(step).sealed.begun ?? 0);
  const share = (all: readonly number[], begun: number): number =>
    all.filter((one) => one === begun).length / all.length;
  const first = drawn(0);
  expect(new Set(first)).toEqual(new Set([0, 1, 2, 3]));
  // Nothing is solved but what lacks its last call, now and then.
  for (let step = 1; step < 30; step += 1)
    for (let i = 0; i < count; i += 1) {
      const task = sampler.next(step);
      const { begun = 0 } = task.sealed;
      for (const reward of [0, begun === 3 ? step % 2 : 0]) sampler.record(task, reward);
    }
  const hard = drawn(30);
  expect(share(hard, 3)).toBeGreaterThan(0.5);
  expect(share(hard, 0)).toBeGreaterThan(0.02);
  for (let step = 31; step < 90; step += 1)
    for (let i = 0; i < count; i += 1) {
      const task = sampler.next(step);
      const { begun = 0 } = task.sealed;
      sampler.record(task, begun === 0 ? step % 2 : 1);
    }
  expect(share(drawn(90), 0)).toBeGreaterThan(0.6);
});

it("continues from its state", () => {
  const beginnings = { turnsOf: () => 3 };
  const sampler = taskSampler(environment, 5, recipe, undefined, beginnings);
  for (let i = 0; i < 40; i += 1) sampler.record(sampler.next(Math.floor(i / 8)), i % 3 === 0 ? 1 : 0);
  const state = JSON.parse(JSON.stringify(sampler.state()));
  const again = taskSampler(environment, 5, recipe, state, beginnings);
  const drawn = (from: typeof sampler) =>
    Array.from({ length: 60 }, (_, i) => {
      const { id, sealed } = from.next(5 + Math.floor(i / 8));
      return [id, sealed.begun];
    });
  expect(drawn(again)).toEqual(drawn(sampler));
});
