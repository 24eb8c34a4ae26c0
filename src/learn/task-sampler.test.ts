import { expect, it } from "vitest";
import { openAlmanac } from "../almanac/environment.ts";
import type { EnvironmentTask } from "../environment.ts";
import { recipes } from "./recipe.ts";

const recipe = recipes.tiny;

import { taskSampler } from "./task-sampler.ts";

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

it("learns nothing within a step", () => {
  const [one, other] = [taskSampler(environment, 5, recipe), taskSampler(environment, 5, recipe)];
  for (let i = 0; i < 3 * count; i += 1) {
    const task = one.next(0);
    one.record(task, 1);
    expect(other.next(0).id).toBe(task.id);
  }
});
