import { expect, it } from "vitest";
import { findEntities } from "./entities.ts";
import { fits } from "./fits.ts";
import { isSameUnit } from "./unit-names.ts";
import { unitOf } from "./units.ts";

it("a unit is the same written out and in short", () => {
  for (const [one, other] of [
    ["kilogram", "kg"],
    ["Kilometres", "km"],
    ["parsec", "parsec"],
    ["€", "euros"],
    ["h", "hour"],
    ["L", "litres"],
    ["litre per second", "l/s"],
    ["km/h", "kilometres per hour"],
    ["m3/h", "cubic metre per hour"],
    ["crate per shelf", "crate/shelf"],
  ] as const)
    expect([isSameUnit(one, other), isSameUnit(other, one)]).toEqual([true, true]);
  expect([isSameUnit("kg", "g"), isSameUnit("crate", "kg")]).toEqual([false, false]);
});

it("a value in kilograms answers a question for kg, and none for days", () => {
  const value = { kind: "number", value: 7, unit: "kilogram" } as const;
  expect([fits(value, "kg"), fits(value, "day")]).toEqual([true, false]);
  expect([fits(value, "number"), fits({ kind: "text", value: "heavy" }, "number")]).toEqual([true, false]);
});

it("a rate is one unit, however it is written, and a question for it may be answered by what it counts", () => {
  expect(isSameUnit("litre per second", "litre per hour")).toBe(false);
  for (const [question, unit] of [
    ["How many litres per second is the capacity of Salter Lock?", "L/second"],
    ["What is the capacity of Salter Lock in m³/h?", "m3/hour"],
    ["How fast is B-12 in km/h?", "km/hour"],
    ["How many euros per night does Salter Lock cost?", "EUR"],
  ] as const) {
    expect(unitOf(question)).toBe(unit);
    expect(findEntities(question)).toHaveLength(1);
  }
  // The same letters may be a name or a code.
  for (const [question, unit, ...entities] of [
    ["When was the pump in M2 installed?", "date", "M2"],
    ["Who works in M3?", "name", "M3"],
    ["What is the rate of EUR/USD?", undefined, "EUR/USD"],
    ["How old is L/H?", "number", "L/H"],
    ["How many seats are in Hall L/H?", "seat", "Hall L/H"],
    ["How fast is B-12 in m/s?", "m/second", "B-12"],
    ["What is the volume of B-12 in m3?", "m3", "B-12"],
    ["How many L/s flow through B-12?", "L/second", "B-12"],
    ["How many litres per  second flow through B-12?", "L/second", "B-12"],
  ] as const) {
    expect([question, unitOf(question)]).toEqual([question, unit]);
    expect(findEntities(question).map(({ text }) => text)).toEqual(entities);
  }
  const rate = (unit: string) => ({ kind: "number", value: 7, unit }) as const;
  expect([fits(rate("litres per second"), "L/second"), fits(rate("litre"), "L/second")]).toEqual([true, true]);
  expect([fits(rate("litre per second"), "L"), fits(rate("euro"), "L/second")]).toEqual([false, false]);
});
