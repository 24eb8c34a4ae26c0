import { expect, it } from "vitest";
import { fits } from "./fits.ts";
import { isSameUnit } from "./unit-names.ts";

it("a unit is the same written out and in short", () => {
  for (const [one, other] of [
    ["kilogram", "kg"],
    ["Kilometres", "km"],
    ["parsec", "parsec"],
    ["€", "euros"],
    ["h", "hour"],
    ["L", "litres"],
  ] as const)
    expect([isSameUnit(one, other), isSameUnit(other, one)]).toEqual([true, true]);
  expect([isSameUnit("kg", "g"), isSameUnit("crate", "kg")]).toEqual([false, false]);
});

it("a value in kilograms answers a question for kg, and none for days", () => {
  const value = { kind: "number", value: 7, unit: "kilogram" } as const;
  expect([fits(value, "kg"), fits(value, "day")]).toEqual([true, false]);
  expect([fits(value, "number"), fits({ kind: "text", value: "heavy" }, "number")]).toEqual([true, false]);
});
