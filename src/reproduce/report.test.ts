import { describe, expect, it } from "vitest";
import type { Claim } from "./claim.ts";
import type { Measured } from "./measured.ts";
import { type ReproductionMeta, type ReproductionReport, reportOf } from "./report.ts";
import { reproductionTable } from "./report-markdown.ts";
import { countsText, differenceText, leastText, metaText, oursText } from "./report-text.ts";
import type { EvaluationResult } from "./result.ts";

const meta: ReproductionMeta = {
  date: "2026-11-30",
  commit: "1234567",
  version: "0.1.0",
  machine: "2 cores",
  seeds: [7, 8],
  steps: 100,
};

const measured = (difference: number, low: number, high: number): Measured => ({
  n: 40,
  difference,
  interval: [low, high],
  unit: "points",
  seeds: [{ seed: 7, difference }],
  figures: [],
  chart: { name: "x", title: "x", svg: "<svg/>" },
});

const claim = (id: string, ours: Measured): Claim => ({
  id,
  sentence: `Claim ${id}, with a | in it.`,
  published: { figure: "+17.2", source: "a paper" },
  measured: "accuracy",
  arms: ["a"],
  measure: () => ours,
  least: 0.05,
});

const result = (seed: number): EvaluationResult => ({
  schemaVersion: 1,
  kind: "evaluation",
  arm: "a",
  seed,
  key: "k",
  seconds: 90,
  rows: [],
});

const report = (claims: readonly Claim[], ...seeds: readonly number[]): ReproductionReport =>
  reportOf(claims, new Map([["a", new Map(seeds.map((seed) => [seed, result(seed)]))]]), meta, new Map());

describe("a report", () => {
  it("gives each claim its verdict, and counts them", () => {
    const { claims, seconds } = report(
      [
        claim("1", measured(0.3, 0.2, 0.4)),
        claim("2", measured(0.01, -0.02, 0.04)),
        claim("3", measured(0.1, -0.1, 0.3)),
      ],
      7,
      8,
    );
    expect(claims.map(({ verdict }) => verdict)).toEqual(["holds", "does not", "unclear"]);
    expect(countsText(claims)).toBe("1 hold, 1 do not, 1 unclear, 0 not run");
    expect(seconds).toBe(180);
  });

  it("measures the seeds of which all arms are there, and says what is missing where there are none", () => {
    const seen: (readonly number[])[] = [];
    const ours = measured(0.3, 0.2, 0.4);
    const watched: Claim = {
      ...claim("1", ours),
      measure: ({ seeds }) => {
        seen.push(seeds);
        return ours;
      },
    };
    report([watched], 8);
    expect(seen).toEqual([[8]]);
    expect(report([{ ...watched, arms: ["a", "b"] }], 7).claims[0]).toMatchObject({
      verdict: "not run",
      why: "not done yet: b",
    });
  });

  it("is a table that a page can hold", () => {
    const table = reproductionTable(report([claim("1", measured(0.3, 0.2, 0.4))], 7));
    expect(table.split("\n")[2]).toBe(
      "| Claim 1, with a \\| in it. | +17.2 | +30.0 points [20.0, 40.0] | 40 | **holds** |",
    );
    expect(table).toContain("2026-11-30, agentflow 0.1.0 at 1234567, seeds 7, 8, 100 steps");
    expect(metaText(report([], 7))).toContain("2 minutes of runs on 2 cores");
  });
});

describe("figures in words", () => {
  it("have their sign and their unit", () => {
    expect(differenceText(0.3125, "points")).toBe("+31.3");
    expect(differenceText(-0.05, "points")).toBe("−5.0");
    expect(differenceText(0.951, "turns")).toBe("+0.95");
    expect(oursText({ ...measured(-0.05, -0.1, 0.01), unit: "turns" })).toBe("−0.05 turns [−0.10, 0.01]");
  });

  it("say nothing of an interval without bounds", () => {
    expect(oursText(measured(0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY))).toBe("+0.0 points [–, –]");
  });

  it("name the smallest effect that would matter", () => {
    expect(leastText({ least: 0.05 })).toBe("5 points");
    expect(leastText({ least: 0.1, ours: { ...measured(1, 0, 2), unit: "turns" } })).toBe("0.1 turns");
  });
});
