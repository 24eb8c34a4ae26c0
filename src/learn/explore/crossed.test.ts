import { expect, it } from "vitest";
import { crossed, endingsIn } from "./crossed.ts";
import type { Way } from "./seen.ts";

const wayOf = (operation: string, fields: readonly string[], ...plan: readonly string[]): Way => ({
  asked: { operation, fields },
  plan,
});
const plansOf = (ways: readonly Way[]): readonly string[] => ways.map(({ plan }) => plan.join(" | "));

const adopted = wayOf("value", ["adopted"], "search q1", "page @1.1", "calculate value @2.adopted");
const introduced = wayOf(
  "days",
  ["date", "introduced"],
  "search q2",
  "page @1.1",
  "search @2.currency",
  "page @3.1",
  "event q1",
  "calculate days @4.introduced @5.date",
);

it("the ways to fields go from one thing of a question to what is calculated with", () => {
  expect(
    endingsIn([adopted, introduced, adopted]).map(({ calls, field }) => [...calls.map(({ raw }) => raw), field]),
  ).toEqual([
    ["search q1", "page @1.1", "adopted"],
    ["search q1", "page @1.1", "search @2.currency", "page @3.1", "introduced"],
    ["event q1", "date"],
  ]);
});

it("an operand is come by as an own way begins and another one ends", () => {
  const made = crossed(adopted, endingsIn([introduced]));
  expect(plansOf(made)).toEqual([
    "search q1 | page @1.1 | search @2.currency | page @3.1 | calculate value @4.introduced",
    "search q1 | page @1.1 | calculate value @2.introduced",
  ]);
  expect(made[0]?.asked).toEqual({ operation: "value", fields: ["introduced"] });
});

it("also further along a way, and each operand for itself, with the things that the plan mentions", () => {
  const own = wayOf(
    "days",
    ["adopted", "born"],
    "person q1",
    "search q2",
    "page @2.1",
    "search @3.country",
    "page @4.1",
    "calculate days @1.born @5.adopted",
  );
  expect(plansOf(crossed(own, endingsIn([introduced])))).toContain(
    "person q1 | search q2 | page @2.1 | search @3.country | page @4.1 | search @5.currency | page @6.1 | calculate days @1.born @7.introduced",
  );
  // A detour goes: the event of another plan is looked up at once.
  const detour = wayOf(
    "days",
    ["date", "date"],
    "event q1",
    "event q2",
    "event @2.date",
    "calculate days @1.date @3.date",
  );
  expect(plansOf(crossed(detour, endingsIn([introduced])))).toContain(
    "event q1 | event q2 | calculate days @1.date @2.date",
  );
});

it("calls that both operands need are made once", () => {
  const own = wayOf("difference", ["age", "height"], "person q1", "house q1", "calculate difference @1.age @2.height");
  const tall = wayOf("value", ["height"], "person q1", "calculate value @1.height");
  expect(plansOf(crossed(own, endingsIn([tall])))).toContain(
    "person q1 | house q1 | calculate difference @1.height @2.height",
  );
});

it("nothing is crossed in what compares, or takes a number of the question, or where no tool is shared", () => {
  const less = wayOf("less", ["adopted"], "search q1", "page @1.1", "calculate less @2.adopted q2");
  const sum = wayOf("sum", ["adopted", "q2"], "search q1", "page @1.1", "calculate sum @2.adopted q2");
  const other = wayOf("value", ["born"], "person q1", "calculate value @1.born");
  expect(crossed(less, endingsIn([introduced]))).toEqual([]);
  expect(crossed(sum, endingsIn([introduced]))).toEqual([]);
  expect(crossed(other, endingsIn([introduced]))).toEqual([]);
  // A lookup that states the answer itself calculates nothing.
  expect(crossed({ plan: ["search q1"] }, endingsIn([introduced]))).toEqual([]);
  // What its end takes from before the place where it is cut is not there.
  const both = wayOf("value", ["gap"], "search q1", "page @1.1", "gap @1.1 @2.1", "calculate value @3.gap");
  expect(plansOf(crossed(adopted, endingsIn([both])))).toEqual([
    "search q1 | page @1.1 | gap @1.1 @2.1 | calculate value @3.gap",
  ]);
});
