import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ToolOutput } from "../tool.ts";
import { calculate } from "./calculate.ts";

const context = { abortSignal: new AbortController().signal };
const value = async (expression: string) =>
  ((await calculate.execute({ expression }, context)) as ToolOutput).fields?.value;

describe("calculate", () => {
  it.each([
    ["value(135 ft)", { kind: "number", value: 135, unit: "ft" }],
    ['value("2024-02-29")', { kind: "date", value: "2024-02-29" }],
    ['value("Nigeria")', { kind: "text", value: "Nigeria" }],
    ["difference(-6.5 degree, 3 degree)", { kind: "number", value: 9.5, unit: "degree" }],
    ["difference(63.546 u, 55.845 u)", { kind: "number", value: 7.701, unit: "u" }],
    ["sum(1 person, 2 person, 3 person)", { kind: "number", value: 6, unit: "person" }],
    ["larger(3, 9)", { kind: "number", value: 9 }],
    ["less(3 customer, 5)", { kind: "text", value: "yes", unit: "truth" }],
    ["less(5 ft, 5 ft)", { kind: "text", value: "no", unit: "truth" }],
    ["more(9007199254740993, 9007199254740992)", { kind: "text", value: "yes", unit: "truth" }],
    ["more(-1.5, 2)", { kind: "text", value: "no", unit: "truth" }],
    ['less("2024-02-29", "2024-03-01")', { kind: "text", value: "yes", unit: "truth" }],
    ['more("2024-02-29", "2024-02-29")', { kind: "text", value: "no", unit: "truth" }],
    ['days("2024-03-01", "2024-02-01")', { kind: "number", value: 29, unit: "day" }],
    ['days("0099-12-31", "0100-01-01")', { kind: "number", value: 1, unit: "day" }],
    ['weekday("1815-12-10")', { kind: "text", value: "Sunday", unit: "weekday" }],
    ["distance(51.4775, -0.461389, 40.639447, -73.779317)", { kind: "number", value: 5540, unit: "km" }],
    ['distance("0, 0", "0, 180")', { kind: "number", value: 20015, unit: "km" }],
    ["2 * (3 + 4) ^ 2 - -1", { kind: "number", value: 99 }],
    ["3 * 4 ft", { kind: "number", value: 12, unit: "ft" }],
    ["12 ft / 4 ft", { kind: "number", value: 3 }],
    ["9007199254740993 ft + 1 ft", { kind: "number", value: 9007199254740994, unit: "ft" }],
    ["9007199254740993 ft * 1", { kind: "text", value: "9007199254740993", unit: "ft" }],
    ["123456789012.5 + 1", { kind: "number", value: 123456789013.5 }],
    // Units as fields have them, which are no names.
    ['difference(45 "km/h", 30 "km/h")', { kind: "number", value: 15, unit: "km/h" }],
    ['sum(3 "square metres", 4 "square metres")', { kind: "number", value: 7, unit: "square metres" }],
    ['round(45.6 "m³/h")', { kind: "number", value: 46, unit: "m³/h" }],
    ['less(45 "litre per second", 50)', { kind: "text", value: "yes", unit: "truth" }],
    ['value(-7 "€/night")', { kind: "number", value: -7, unit: "€/night" }],
    ['difference(20 "%", 5 "%")', { kind: "number", value: 15, unit: "%" }],
    ['3 "kilowatt-hour" - 1 "kilowatt-hour"', { kind: "number", value: 2, unit: "kilowatt-hour" }],
    ['12345678901234567890 "km/h" + 1 "km/h"', { kind: "text", value: "12345678901234567891", unit: "km/h" }],
    // Without quotes everything is read as it stands.
    ["200 * 3%", { kind: "number", value: 6 }],
    ["sum(200 * 3 %, 1)", { kind: "number", value: 7 }],
    ["less(20 %, 0.5)", { kind: "text", value: "yes", unit: "truth" }],
    ["0x10 m", { kind: "number", value: 16, unit: "m" }],
    ["5 ft-ft", { kind: "number", value: 4, unit: "ft" }],
    ["value('3 ft')", { kind: "text", value: "3 ft" }],
    ['value("say \\"5 km/h\\" now")', { kind: "text", value: 'say "5 km/h" now' }],
    ["6 ft/3 ft", { kind: "number", value: 2 }],
    ['value("45 km/h")', { kind: "text", value: "45 km/h" }],
  ])("%s", async (expression, expected) => {
    expect(await value(expression)).toEqual(expected);
  });

  it.each([
    ["difference(1 ft, 2 km)", "one unit"],
    ['difference("2024-02-29", 3)', "one unit"],
    ['days("2023-02-29", "2024-02-29")', "2 dates"],
    ["weekday(3)", "1 date"],
    ["less(1 ft, 2 km)", "2 numbers of one unit, or 2 dates"],
    ['more("2024-02-29", 3)', "it got date, number"],
    ['less("a", "b")', "it got text, text"],
    ["less(1)", "it got number"],
    ["more(1, 2, 3)", "2 numbers of one unit"],
    ["1 ft + 2", "one unit"],
    ["a = 3", "an assignment (a = b) is not allowed"],
    ["1 < 2 < 3", "a chain of comparisons (a < b < c) is not allowed"],
    ["@2.price", "cannot read @2.price"],
    ["price.net", "a part of something (a.b or a[b]) is not allowed"],
    ['import("x")', "no function import"],
    ["constructor(1)", "no function constructor"],
    ["[1, 2]", "not allowed"],
    ["1 / 0", "not a finite number"],
    ["9007199254740993.5 + 1", "more digits"],
    ["sum(", "cannot read"],
    ["", "missing"],
    ["1+".repeat(300), "longer than"],
  ])("refuses %s", async (expression, message) => {
    await expect(value(expression)).rejects.toThrow(message);
  });

  it("knows the calendar: days and weekday agree with JavaScript's dates", async () => {
    const date = fc.date({ min: new Date("0001-01-01"), max: new Date("2999-12-31"), noInvalidDate: true });
    await fc.assert(
      fc.asyncProperty(date, date, async (a, b) => {
        const [first, second] = [a, b].map((d) => d.toISOString().slice(0, 10)) as [string, string];
        const expected = Math.abs(Date.parse(first) - Date.parse(second)) / 86_400_000;
        expect((await value(`days("${first}", "${second}")`))?.value).toBe(expected);
        const name = a.toLocaleDateString("en", { weekday: "long", timeZone: "UTC" });
        expect((await value(`weekday("${first}")`))?.value).toBe(name);
      }),
      { numRuns: 200 },
    );
  });
});
