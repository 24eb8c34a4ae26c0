import { expect, it } from "vitest";
import { stateOf, text } from "../../../test/planner-state.ts";
import type { ModuleContext, Planner } from "../../module.ts";
import { randomKey } from "../../random.ts";
import { stepOf } from "../../trajectory.ts";
import { stumbling } from "./stumbling.ts";

const right: Planner = () => ({ step: stepOf("look @1.seen") });
const state = stateOf(["up"], [{ action: "look q1", input: { way: "up" }, fields: { seen: text("left") } }], {});
const contextOf = (i: number): ModuleContext => ({
  history: "test",
  randomKey: randomKey("stumbling", i),
  turns: [],
  versions: {},
  abortSignal: new AbortController().signal,
});
const plansOf = async (share: number): Promise<readonly string[]> => {
  const planner = stumbling(right, share);
  return Promise.all(Array.from({ length: 400 }, async (_, i) => (await planner(state, contextOf(i))).step.raw));
};

it("makes mistakes of several kinds in a share of its turns, the same for the same key", async () => {
  const plans = await plansOf(0.25);
  const wrong = plans.filter((plan) => plan !== "look @1.seen");
  expect(wrong.length).toBeGreaterThan(40);
  expect(wrong.length).toBeLessThan(120);
  // Again, another entry, no arguments, an entry that is not there.
  expect(new Set(wrong)).toEqual(new Set(["look q1", "look @2.seen", "look", "look @2"]));
  expect(await plansOf(0.25)).toEqual(plans);
});

it("is the planner itself where it makes none", () => {
  expect(stumbling(right, 0)).toBe(right);
});
