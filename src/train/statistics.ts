/**
 * The statistics that AgentFlow reports. All are closed forms: the same counts give the same figures, with no seed
 * and no resampling.
 */

/** A closed interval [low, high]. */
export type Interval = readonly [low: number, high: number];

/** The 97.5 % point of the standard normal: two-sided 95 %. */
const z95 = 1.959963984540054;

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/**
 * Arithmetic mean; 0 of nothing.
 *
 * @example
 * ```ts
 * import { mean } from "agentflow/train";
 *
 * console.log(mean([1, 0, 1, 1]));
 * ```
 */
export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Population standard deviation √(Σ(x − x̄)² / n), in two passes; 0 of nothing.
 *
 * @example
 * ```ts
 * import { standardDeviation } from "agentflow/train";
 *
 * console.log(standardDeviation([1, 0, 1, 1]));
 * ```
 */
export const standardDeviation = (values: readonly number[]): number => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
};

/**
 * Wilson's 95 % score interval of a proportion k/n (Wilson 1927):
 *   (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n),  p = k/n.
 * It never leaves [0, 1] and holds for small n and for k = 0 or n. [0, 1] when n is 0.
 *
 * @example
 * ```ts
 * import { wilsonInterval } from "agentflow/train";
 *
 * const [low, high] = wilsonInterval(46, 60);
 * ```
 */
export const wilsonInterval = (successes: number, n: number): Interval => {
  if (n === 0) return [0, 1];
  const p = successes / n;
  const z2 = z95 * z95;
  const centre = p + z2 / (2 * n);
  const half = z95 * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  const scale = 1 + z2 / n;
  return [
    successes === 0 ? 0 : clamp((centre - half) / scale, 0, 1),
    successes === n ? 1 : clamp((centre + half) / scale, 0, 1),
  ];
};

/** How two systems did on the same items: both right, only the first, only the second, none. */
export interface PairedCounts {
  readonly both: number;
  readonly onlyBefore: number;
  readonly onlyAfter: number;
  readonly neither: number;
}

/**
 * Counts pairs; `before[i]` and `after[i]` are the same item. Throws `RangeError` when the lists differ in length.
 *
 * @example
 * ```ts
 * import { pairedCounts } from "agentflow/train";
 *
 * const { onlyAfter } = pairedCounts([false, true, false], [true, true, false]);
 * console.log(onlyAfter);
 * ```
 */
export const pairedCounts = (before: readonly boolean[], after: readonly boolean[]): PairedCounts => {
  if (before.length !== after.length)
    throw new RangeError(`Paired lists must be of one length; received ${before.length} and ${after.length}.`);
  const count = { both: 0, onlyBefore: 0, onlyAfter: 0, neither: 0 };
  for (const [i, right] of before.entries()) {
    const rightAfter = after[i] === true;
    count[right ? (rightAfter ? "both" : "onlyBefore") : rightAfter ? "onlyAfter" : "neither"] += 1;
  }
  return count;
};

/** A difference of two accuracies on the same items, after minus before. */
export interface PairedDifference {
  readonly n: number;
  /** In [−1, 1]. */
  readonly points: number;
  /** 95 %. */
  readonly interval: Interval;
  /** Exact McNemar, two-sided. */
  readonly p: number;
}

/**
 * After minus before, with Newcombe's 95 % interval for paired proportions (Newcombe 1998, method 10). With the
 * difference d = p₂ − p₁ and the Wilson intervals [lᵢ, uᵢ] of both accuracies:
 *   low  = d − √((p₂ − l₂)² − 2φ(p₂ − l₂)(u₁ − p₁) + (u₁ − p₁)²)
 *   high = d + √((u₂ − p₂)² − 2φ(u₂ − p₂)(p₁ − l₁) + (p₁ − l₁)²)
 * φ is the correlation of the pairs, (ad − bc) / √((a+b)(c+d)(a+c)(b+d)), with ad − bc brought nearer to 0 by n/2
 * when it is positive, and φ = 0 when a margin is empty. Unlike Wald's it holds for small n and for extreme
 * accuracies. [−1, 1] when n is 0.
 *
 * @example
 * ```ts
 * import { pairedCounts, pairedDifference } from "agentflow/train";
 *
 * const counts = pairedCounts([false, true, false], [true, true, false]);
 * const { points, interval, p } = pairedDifference(counts);
 * ```
 */
export const pairedDifference = (counts: PairedCounts): PairedDifference => {
  const { both: a, onlyBefore: b, onlyAfter: c, neither: d } = counts;
  const n = a + b + c + d;
  if (n === 0) return { n, points: 0, interval: [-1, 1], p: 1 };
  const p1 = (a + b) / n;
  const p2 = (a + c) / n;
  const points = (c - b) / n;
  const margins = (a + b) * (c + d) * (a + c) * (b + d);
  const product = a * d - b * c;
  const corrected = product > 0 ? Math.max(product - n / 2, 0) : product;
  const phi = margins === 0 ? 0 : corrected / Math.sqrt(margins);
  const [l1, u1] = wilsonInterval(a + b, n);
  const [l2, u2] = wilsonInterval(a + c, n);
  const distance = (x: number, y: number): number => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y));
  return {
    n,
    points,
    interval: [clamp(points - distance(p2 - l2, u1 - p1), -1, 1), clamp(points + distance(u2 - p2, p1 - l1), -1, 1)],
    p: mcNemar(b, c),
  };
};

/**
 * Two-sided exact p of McNemar's test: with m = b + c discordant pairs and no true difference, b is Binomial(m, ½), so
 *   p = min(1, 2 · 2⁻ᵐ Σ_{i ≤ min(b, c)} C(m, i)).
 * Summed in logarithms, so that thousands of pairs do not underflow.
 *
 * @example
 * ```ts
 * import { mcNemar } from "agentflow/train";
 *
 * const p = mcNemar(3, 12);
 * console.log(p < 0.05 ? "significant" : "not significant");
 * ```
 */
export const mcNemar = (onlyBefore: number, onlyAfter: number): number => {
  const m = onlyBefore + onlyAfter;
  let logTerm = -m * Math.LN2;
  let sum = 0;
  for (let i = 0; i <= Math.min(onlyBefore, onlyAfter); i += 1) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(m - i) - Math.log(i + 1);
  }
  return Math.min(1, 2 * sum);
};
