import { expect, it } from "vitest";
import { random, randomKey } from "../random.ts";
import { stepOf } from "../trajectory.ts";
import { mistaken } from "./mistaken.ts";

const madeOf = (right: string, other: string): readonly string[] => {
  const made = Array.from({ length: 60 }, (_, i) =>
    mistaken(stepOf(right), stepOf(other), random(randomKey("mistake", i))),
  );
  return [
    ...new Set(
      made.map(({ step, observation }) => `${step.raw}: ${observation.status === "ok" ? "" : observation.reason}`),
    ),
  ].sort();
};

it("takes another tool, another field, or two fields in each other's place", () => {
  expect(madeOf("calculate days @1.born @2.opened", "search @3.country")).toEqual([
    "calculate days @1.country @2.opened: bad-reference",
    "calculate days @1.opened @2.born: bad-reference",
    "search days @1.born @2.opened: tool-error",
  ]);
});

it("takes another tool alone where no field is taken", () => {
  expect(madeOf("search q1", "page @1.1")).toEqual(["page q1: tool-error"]);
});
