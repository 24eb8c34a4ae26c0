import { describe, expect, it } from "vitest";
import { type ExactAnswer, exactMatch } from "./exact-match.ts";

const score = (kind: ExactAnswer["kind"], answer: string, given: string | undefined, unit?: string) =>
  exactMatch({ id: "t", question: "?", sealed: { answer, kind, ...(unit !== undefined && { unit }) } }, given);

describe("exactMatch", () => {
  it.each([
    ["number", "1234", "1,234"],
    ["number", "1234", "1234.0"],
    ["number", "5", "$5"],
    ["number", "12.5", "12.5 %"],
    ["number", "135", "I think <answer>7</answer> no, <answer>135 ft</answer>", "ft"],
    ["number", "29", "29 days", "day"],
    ["number", "0.5", "\\frac{1}{2}"],
    ["number", "7", "\\boxed{7}"],
    ["number", "-3", "−3"],
    ["date", "2024-02-29", "29 February 2024"],
    ["date", "2024-02-09", "February 9th, 2024"],
    ["date", "0079-08-24", "0079-08-24"],
    ["text", "Sunday", "  sunday. "],
    ["text", "United States", "The United States"],
  ] as const)("%s %s is %j", (kind, answer, given, unit?: string) => {
    expect(score(kind, answer, given, unit)).toBe(1);
  });

  it.each([
    ["number", "135", "136"],
    ["number", "135", "135 km", "ft"],
    ["number", "135", "135 or 136"],
    ["number", "135", ""],
    ["date", "2024-02-29", "2024-02-28"],
    ["date", "2024-02-29", "sometime"],
    ["text", "Sunday", "Monday"],
    ["text", "Sunday", "Sunday or Monday"],
    ["text", "Sunday", undefined],
  ] as const)("%s %s is not %j", (kind, answer, given, unit?: string) => {
    expect(score(kind, answer, given, unit)).toBe(0);
  });
});
