import { expect, it } from "vitest";
import { random, randomKey } from "../random.ts";
import { type MemoryEntry, stepOf } from "../trajectory.ts";
import { type Made, mistaken, tooEarly } from "./mistaken.ts";

const brought = (index: number, action: string, ...fields: readonly string[]): MemoryEntry => ({
  index,
  step: stepOf(action),
  observation: {
    status: "ok",
    text: "",
    fields: Object.fromEntries(fields.map((name) => [name, { kind: "number", value: index }])),
    trust: "trusted",
  },
  verdict: { decision: "continue", reason: "" },
  turnsLeft: 9 - index,
});
const madeOf = (references: Made["references"], ...memory: readonly MemoryEntry[]): Made => ({
  query: { id: "1", question: "" },
  analysis: { template: "", entities: ["Ada", "Rome"] },
  memory,
  references,
});
const both = [brought(1, "person q1", "born"), brought(2, "city q2", "opened")] as const;

const mistakesOf = (right: string, other: string, made: Made): readonly string[] => {
  const all = Array.from({ length: 60 }, (_, i) =>
    mistaken(stepOf(right), stepOf(other), made, random(randomKey("mistake", i))),
  );
  const told = all.map((mistake) => {
    if (mistake === undefined) return "none";
    const { step, observation } = mistake;
    return `${step.raw}: ${observation.status === "ok" ? "" : observation.reason}`;
  });
  return [...new Set(told)].sort();
};

it("takes another tool, another field, or two fields in each other's place", () => {
  expect(mistakesOf("calculate days @1.born @2.opened", "search @3.country", madeOf("entries", ...both))).toEqual([
    "calculate days @1.country @2.opened: bad-reference",
    "calculate days @1.opened @2.born: bad-reference",
    "search days @1.born @2.opened: tool-error",
  ]);
});

it("says a field that is not there as the planner would, by the thing that it goes back to", () => {
  expect(mistakesOf("calculate days @1.born @2.opened", "search @3.country", madeOf("things", ...both))).toEqual([
    "calculate days q1.country @2.opened: bad-reference",
    "calculate days q1.opened q2.born: bad-reference",
    "search days @1.born @2.opened: tool-error",
  ]);
});

it("makes no mistake in a field where what it takes is there", () => {
  const cities = [brought(1, "city q1", "rooms", "price"), brought(2, "city q2", "rooms", "price")] as const;
  expect(mistakesOf("calculate less @1.rooms @2.price", "value @1.rooms", madeOf("entries", ...cities))).toEqual([
    "none",
    "value less @1.rooms @2.price: tool-error",
  ]);
  // What another entry of the thing has, the planner would come to by the thing.
  const far = [brought(1, "city q1", "price"), brought(2, "owner @1.price", "born")] as const;
  expect(mistakesOf("calculate value @2.born", "value @1.price", madeOf("things", ...far))).toEqual([
    "none",
    "value value @2.born: tool-error",
  ]);
});

it("takes another tool alone where no field is taken", () => {
  expect(mistakesOf("search q1", "page @1.1", madeOf("entries"))).toEqual(["page q1: tool-error"]);
});

it("calculates too early with what its things have brought, where that is not enough", () => {
  const route = [brought(1, "city q2", "price"), brought(2, "city q1", "owner"), brought(3, "owner @2.owner", "price")];
  const early = (at: number) =>
    tooEarly(
      [...route, brought(4, "calculate difference @3.price @1.price")],
      at,
      [1, 2, 3],
      madeOf("things", ...route.slice(0, at)),
    );
  expect(early(2)?.step.raw).toBe("calculate difference q1.price @1.price");
  expect(early(2)?.observation).toMatchObject({ status: "refused", reason: "bad-reference" });
  // Nothing of the first thing is there, to which it could refer; and in the end it is no mistake.
  expect(early(1)).toBeUndefined();
  expect(early(3)).toBeUndefined();
});
