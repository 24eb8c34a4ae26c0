import { describe, expect, test } from "vitest";
import { analyse } from "../../flow/rules/analyse.ts";
import type { Reading } from "../explore/seen.ts";
import { checkReadings } from "./readings.ts";

const read = (family: string, question: string): Reading => ({ family, question, analysis: analyse(question) });

describe("how questions are read", () => {
  test("one of each family is shown, and one more where others ask for another unit or name other things", () => {
    const readings = [
      read("price", "How many euro does a night in the Crown cost?"),
      read("price", "How many euro does a night in the Anchor cost?"),
      read("price", "What does a night in the Bell cost?"),
      read("rooms", "How many rooms has the Crown?"),
    ];
    const found = checkReadings(readings, new Set(["Crown", "Anchor", "Bell"]));
    expect(found.map(({ level, check }) => `${level} ${check}`)).toEqual(Array(3).fill("ok questions"));
    const [price, withoutUnit, rooms] = found.map(({ message }) => message);
    expect(price).toBe(
      `price is read as "How many euro does a night in the q1 cost?" with q1 = Crown, asking for ${analyse("How many euro?").unit}`,
    );
    expect(withoutUnit).toContain("q1 = Bell, asking for anything");
    expect(rooms).toContain("asking for room");
  });

  test("a word that is read as a name in all questions of the same words, and that no tool takes, is told", () => {
    const names = ["Crown", "Anchor", "Bell", "Lion"];
    const asked = (opening: string) =>
      names.map((name) => read("rooms", `In the tale of ${opening}, how many rooms has the ${name}?`));
    const of = (opening: string, taken: readonly string[]) =>
      checkReadings(asked(opening), new Set(taken)).filter(({ level }) => level === "warning");
    expect(analyse("In the tale of Visitors, how many rooms has the Crown?").entities).toEqual(["Visitors", "Crown"]);
    const [warning] = of("Visitors", names);
    expect(warning?.message).toContain('"Visitors" is read as a name in all questions worded like');
    expect(of("Visitors", [...names, "Visitors"])).toEqual([]);
    expect(of("visitors", names)).toEqual([]);
  });
});
