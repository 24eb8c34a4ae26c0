import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mcNemar, mean, pairedCounts, pairedDifference, standardDeviation, wilsonInterval } from "./statistics.ts";

const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toFixed(4)));

describe("mean and standard deviation", () => {
  it("are those of a population", () => {
    expect(mean([2, 4, 4, 4, 5, 5, 7, 9])).toBe(5);
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBe(2);
    expect(standardDeviation([0.3, 0.3, 0.3])).toBe(0);
    expect(mean([])).toBe(0);
    expect(standardDeviation([])).toBe(0);
  });
});

describe("wilsonInterval", () => {
  it("gives the published values (Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29)", () => {
    expect(rounded(wilsonInterval(81, 263))).toEqual([0.2553, 0.3662]);
    expect(rounded(wilsonInterval(15, 148))).toEqual([0.0624, 0.1605]);
    expect(rounded(wilsonInterval(0, 20))).toEqual([0, 0.1611]);
    expect(rounded(wilsonInterval(1, 29))).toEqual([0.0061, 0.1718]);
  });

  it("holds the proportion, stays in [0, 1] and narrows with n", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(), (n, seed) => {
        const k = seed % (n + 1);
        const [low, high] = wilsonInterval(k, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(k / n);
        expect(high).toBeGreaterThanOrEqual(k / n);
        const [lowMore, highMore] = wilsonInterval(4 * k, 4 * n);
        expect(highMore - lowMore).toBeLessThan(high - low);
      }),
    );
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });
});

describe("pairedDifference", () => {
  it("counts pairs", () => {
    expect(pairedCounts([true, true, false, false, false], [true, false, true, true, false])).toEqual({
      both: 1,
      onlyBefore: 1,
      onlyAfter: 2,
      neither: 1,
    });
    expect(() => pairedCounts([true], [])).toThrow(RangeError);
  });

  it("agrees with the large-sample interval on many pairs", () => {
    const [a, b, c, d] = [30_000, 8_000, 20_000, 42_000];
    const n = a + b + c + d;
    const half = 1.959964 * (Math.sqrt(b + c - (c - b) ** 2 / n) / n);
    const { points, interval } = pairedDifference({ both: a, onlyBefore: b, onlyAfter: c, neither: d });
    expect(points).toBeCloseTo(0.12, 12);
    expect(interval[0]).toBeCloseTo(0.12 - half, 3);
    expect(interval[1]).toBeCloseTo(0.12 + half, 3);
  });

  it("holds the difference, and turns round with the order", () => {
    const cell = fc.nat({ max: 60 });
    fc.assert(
      fc.property(cell, cell, cell, cell, (both, onlyBefore, onlyAfter, neither) => {
        const { points, interval, p } = pairedDifference({ both, onlyBefore, onlyAfter, neither });
        const turned = pairedDifference({ both, onlyBefore: onlyAfter, onlyAfter: onlyBefore, neither });
        expect(interval[0]).toBeLessThanOrEqual(points + 1e-12);
        expect(interval[1]).toBeGreaterThanOrEqual(points - 1e-12);
        expect(turned.interval[0]).toBeCloseTo(-interval[1], 12);
        expect(turned.p).toBeCloseTo(p, 12);
      }),
    );
    expect(pairedDifference({ both: 0, onlyBefore: 0, onlyAfter: 0, neither: 0 })).toEqual({
      n: 0,
      points: 0,
      interval: [-1, 1],
      p: 1,
    });
  });
});

describe("mcNemar", () => {
  it("is the two-sided binomial tail", () => {
    expect(mcNemar(0, 0)).toBe(1);
    expect(mcNemar(5, 5)).toBe(1);
    expect(mcNemar(0, 5)).toBeCloseTo(2 / 32, 12);
    expect(mcNemar(1, 9)).toBeCloseTo((2 * 11) / 1024, 12);
    expect(mcNemar(9, 1)).toBe(mcNemar(1, 9));
  });

  it("does not underflow where logarithms are needed", () => {
    expect(mcNemar(600, 600)).toBe(1);
    expect(mcNemar(0, 2000)).toBeGreaterThanOrEqual(0);
    expect(mcNemar(580, 620)).toBeCloseTo(0.26, 1);
  });
});
