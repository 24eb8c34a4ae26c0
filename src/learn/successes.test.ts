import { expect, it } from "vitest";
import type { EnvironmentSealed } from "../environment.ts";
import type { Group } from "../train/index.ts";
import type { TrainedTurn, Trajectory } from "../trajectory.ts";
import { recipes } from "./recipe.ts";
import { openSuccesses, type SuccessesState } from "./successes.ts";

const trajectoryOf = (id: number): Trajectory => {
  const turn: TrainedTurn = {
    module: "planner",
    policy: "planner",
    version: `v${id % 2}`,
    turn: 1,
    prompt: [{ ids: [1, 2], sampled: false }],
    ids: [id, 3],
    behaviourLogProbs: [-1, -1],
  };
  return {
    schemaVersion: 1,
    id: `t${id}`,
    query: { id: "q", question: "?" },
    analysis: { entities: [], template: "?" },
    memory: [],
    turns: [turn],
    status: "solved",
    stopReason: "answered",
  };
};

let made = 10;
const groupOf = (family: string, ...rewards: readonly (number | undefined)[]): Group<EnvironmentSealed> => ({
  task: { id: `${family}${made}`, question: "?", sealed: { family, role: "trained", answer: "x" } },
  rollouts_G: rewards.map((reward) => ({ trajectory: trajectoryOf(made++), reward })),
});

const recipe = { ...recipes.flowOnly, successes: { ...recipes.flowOnly.successes, sequences: 3 } };
const options = { recipe, policy: "planner", seed: 1 };

it("keeps what solved a task that most others of its group did not, as it was sampled", () => {
  made = 10;
  const successes = openSuccesses(options);
  const drawn = successes.draw(0, [
    groupOf("hard", 0, 1, 0, undefined),
    groupOf("failed", 0, 0),
    groupOf("easy", 1, 1, 1, 0),
    groupOf("half", 0.5, 0),
  ]);
  expect(drawn).toMatchObject([{ ids: [1, 2, 11, 3], targets: [2, 3] }]);
  expect(drawn).toHaveLength(1);
});

it("lets go of a family that is solved, and never draws more than the recipe says", () => {
  const successes = openSuccesses(options);
  const hard = Array.from({ length: 6 }, () => groupOf("hard", 1, 0, 0, 0));
  expect(successes.draw(0, hard)).toHaveLength(3);
  for (let step = 1; step < 4; step += 1) successes.draw(step, [groupOf("hard", 1, 1, 1, 1)]);
  expect(successes.draw(9, [])).toEqual([]);
});

it("draws the same after it was stored and opened again, and something else at another step", () => {
  const groups = Array.from({ length: 8 }, (_, i) => groupOf(`f${i}`, 1, 0, 0, 0));
  const successes = openSuccesses(options);
  const first = successes.draw(0, groups);
  const from = JSON.parse(JSON.stringify(successes.state())) as SuccessesState;
  const again = openSuccesses({ ...options, from });
  const next = successes.draw(1, []);
  expect(again.draw(1, [])).toEqual(next);
  expect(next).not.toEqual(first);
});

it("weighs as much as the recipe says where there are as many as it says, and less where there are fewer", () => {
  const weight = openSuccesses(options).weight((step) => 0.6 - step / 10);
  expect([3, 1, 0].map((sequences) => weight(0, sequences))).toEqual([0.6, 0.19999999999999998, 0]);
  expect(weight(3, 3)).toBeCloseTo(0.3, 12);
});

it("keeps nothing for a recipe that imitates no successes", () => {
  const none = { ...recipe, successes: { ...recipe.successes, sequences: 0 } };
  const successes = openSuccesses({ ...options, recipe: none });
  expect(successes.draw(0, [groupOf("hard", 1, 0, 0, 0)])).toEqual([]);
  expect(successes.state().kept).toEqual([]);
});
