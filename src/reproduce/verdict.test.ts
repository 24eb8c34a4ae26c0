import { describe, expect, it } from "vitest";
import type { Interval } from "../train/index.ts";
import { verdictOf } from "./verdict.ts";

const measured = (interval: Interval, ...differences: readonly number[]) => ({
  interval,
  seeds: differences.map((difference, i) => ({ seed: 7 + i, difference })),
});

describe("a verdict", () => {
  it("is that a claim holds where the whole interval is above 0, for each seed", () => {
    expect(verdictOf(measured([0.01, 0.2], 0.1, 0.12), 0.05)).toBe("holds");
  });

  it("is unclear where one seed says the opposite, or 0", () => {
    expect(verdictOf(measured([0.01, 0.2], 0.2, -0.01), 0.05)).toBe("unclear");
    expect(verdictOf(measured([0.01, 0.2], 0.2, 0), 0.05)).toBe("unclear");
  });

  it("is unclear where the interval has room for 0 and for an effect that would matter", () => {
    expect(verdictOf(measured([-0.02, 0.06], 0.02), 0.05)).toBe("unclear");
    expect(verdictOf(measured([0, 0.05], 0.02), 0.05)).toBe("unclear");
  });

  it("is that a claim does not hold where no effect that would matter is left, or the opposite is", () => {
    expect(verdictOf(measured([-0.03, 0.04], 0.01), 0.05)).toBe("does not");
    expect(verdictOf(measured([-0.3, -0.1], -0.2), 0.05)).toBe("does not");
  });

  it("is unclear of what has no interval", () => {
    expect(verdictOf(measured([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY], 1), 0.05)).toBe("unclear");
  });
});
