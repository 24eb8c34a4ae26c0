import { expect, it } from "vitest";
import type { MemoryEntry, TrainedTurn } from "../trajectory.ts";
import { advantages } from "./advantage.ts";
import type { Group, Rollout } from "./roll-out.ts";
import { type StepCreditOptions, stepCredits } from "./step-credit.ts";

const IDS = new Map<string, number>();
const idOf = (action: string): number => IDS.set(action, IDS.get(action) ?? IDS.size + 1).get(action) ?? 0;

/** A rollout of these calls; one that begins with `!` fails. Each prompt is all that came before. */
const rollout = (reward: number | undefined, ...actions: readonly string[]): Rollout => {
  const memory = actions.map((action, i): MemoryEntry => {
    const failed = action.startsWith("!");
    return {
      index: i + 1,
      step: { tool: action, subGoal: "", raw: action },
      call: { tool: action, input: {} },
      observation: failed
        ? { status: "failed", error: "no", reason: "tool-error" }
        : { status: "ok", text: action, fields: {} },
      verdict: { decision: "continue", reason: "" },
      turnsLeft: 9 - i,
    };
  });
  const turns = actions.map(
    (action, i): TrainedTurn => ({
      module: "planner",
      policy: "planner",
      version: "v",
      turn: i + 1,
      prompt: [{ ids: [0, ...actions.slice(0, i).map(idOf)], sampled: false }],
      ids: [idOf(action)],
      behaviourLogProbs: [-1],
    }),
  );
  const trajectory = {
    schemaVersion: 1,
    id: "t",
    query: { id: "q", question: "?" },
    analysis: { entities: [], template: "?" },
    memory,
    turns,
    status: "solved",
    stopReason: "answered",
  } as const;
  return { trajectory, reward };
};

const groupOf = (...rollouts_G: readonly Rollout[]): Group => ({
  task: { id: "t", question: "?", sealed: undefined },
  rollouts_G,
});

const creditsOf = (group: Group, options: Partial<StepCreditOptions>): (number | undefined)[][] => {
  const credits = stepCredits([group], { stepCredit: "none", stepDiscount: 1, advantage: "no-std", ...options });
  return group.rollouts_G.map(({ trajectory }) => trajectory.turns.map((turn) => credits.get(turn)));
};

it("is none by default", () => {
  expect(creditsOf(groupOf(rollout(1, "a"), rollout(0, "b")), {})).toEqual([[undefined], [undefined]]);
});

it("of the same state compares what came of steps from one prompt, and of no others", () => {
  const group = groupOf(rollout(1, "a", "b"), rollout(0, "a", "c"), rollout(0, "d", "b"), rollout(undefined, "a", "b"));
  // From nothing three steps were taken, of which one led to a reward; after `a` two; after `d` one.
  expect(creditsOf(group, { stepCredit: "same-state" })).toEqual([
    [1 - 1 / 3, 0.5],
    [-1 / 3, -0.5],
    [-1 / 3, 0],
    [undefined, undefined],
  ]);
  const [first] = creditsOf(group, { stepCredit: "same-state", stepDiscount: 0.5, advantage: "paper" });
  expect(first).toEqual([advantages([0.5, 0, 0])[0], advantages([1, 0])[0]]);
});

it("of progress tells steps that lead on from steps that do not, in failed rollouts too", () => {
  // The right one takes a, b, c; the first wrong one knows as much as b before it loses its way, in another order.
  const group = groupOf(rollout(1, "a", "b", "c"), rollout(0, "b", "a", "x", "c"), rollout(0, "x", "!a", "a", "y"));
  const gains = [
    [1, 1, 1],
    // b alone is on no way that is known; with a it is as far as the right one was then.
    [0, 2, 0, 1],
    [0, 0, 1, 0],
  ];
  const mean = gains.flat().reduce((sum, gain) => sum + gain, 0) / gains.flat().length;
  for (const [g, turns] of creditsOf(group, { stepCredit: "progress" }).entries())
    for (const [t, credit] of turns.entries()) expect(credit).toBeCloseTo((gains[g]?.[t] ?? Number.NaN) - mean, 12);
});

it("of progress needs a success and a failure", () => {
  for (const reward of [0, 1])
    expect(creditsOf(groupOf(rollout(reward, "a"), rollout(reward, "b")), { stepCredit: "progress" })).toEqual([
      [undefined],
      [undefined],
    ]);
});

it("of discovery compares all steps that did not end their rollout by whether they brought anything new", () => {
  const group = groupOf(rollout(0, "a", "!b", "a"), rollout(0, "c"), rollout(undefined, "!e"));
  // Two of four did: the second `a` brought what the first one had; what has no reward is no sample.
  expect(creditsOf(group, { stepCredit: "discovery" })).toEqual([[0.25, -0.25, -0.25], [0.25], [undefined]]);
});

it("of discovery leaves alone what ends a rollout, and what failed for now", () => {
  const { trajectory, reward } = rollout(0, "a", "!b", "!c", "d");
  const memory = trajectory.memory.map((entry, i): MemoryEntry => {
    if (i === 2) return { ...entry, observation: { status: "failed", error: "", reason: "unavailable" } };
    return i === 3 ? { ...entry, verdict: { decision: "stop", reason: "" } } : entry;
  });
  const group = groupOf({ trajectory: { ...trajectory, memory }, reward });
  expect(creditsOf(group, { stepCredit: "discovery" })).toEqual([[0.25, -0.25, undefined, undefined]]);
});

it("of discovery knows a value by its kind, its unit and itself", () => {
  const { trajectory, reward } = rollout(0, "a", "b", "c");
  const values = [5, 5, 6].map((value) => ({ kind: "number", value, unit: "kg" }) as const);
  const memory = trajectory.memory.map((entry, i): MemoryEntry => {
    const [weight = { kind: "number", value: 0 } as const] = values.slice(i, i + 1);
    return { ...entry, observation: { status: "ok", text: `${i}`, fields: { [`weight${i}`]: weight } } };
  });
  const [credits] = creditsOf(groupOf({ trajectory: { ...trajectory, memory }, reward }), { stepCredit: "discovery" });
  expect(credits?.map((credit) => (credit ?? 0) > 0)).toEqual([true, false, true]);
});

it("of the last turn takes the outcome from all turns before it", () => {
  const group = groupOf(rollout(1, "a", "b", "c"), rollout(0, "a"), rollout(undefined, "a", "b"));
  const [first, second, none] = creditsOf(group, { stepCredit: "last-turn" });
  expect(first).toEqual([-0.5, -0.5, undefined]);
  expect(second).toEqual([undefined]);
  expect(none).toEqual([undefined, undefined]);
});
