/** What runs of a graph over rows [B, T] cost, in tokens. */
export interface RunCosts {
  /** Padded tokens of one run, at most: activations stay near the caches. */
  readonly most: number;
  /** A run, besides its tokens. */
  readonly run: number;
  /** A pair of tokens of one row, of the T² that attention looks at. */
  readonly pair: number;
}

/**
 * Deals rows to runs that are padded to their longest row, so that runs and padding together cost least. `lengths`
 * ascend; returns how many rows each run has. A row longer than a run may be has one to itself.
 */
export const cheapestRuns = (lengths: readonly number[], { most, run, pair }: RunCosts): number[] => {
  // best[n]: the cheapest way to deal the first n rows, and how many of them its last run has.
  const best = [{ cost: 0, last: 0 }];
  for (let n = 1; n <= lengths.length; n += 1) {
    const longest = lengths[n - 1] as number;
    let choice = { cost: Number.POSITIVE_INFINITY, last: 1 };
    for (let last = 1; last <= n && (last === 1 || last * longest <= most); last += 1) {
      const cost = (best[n - last]?.cost ?? 0) + run + last * longest * (1 + pair * longest);
      if (cost < choice.cost) choice = { cost, last };
    }
    best.push(choice);
  }
  const runs: number[] = [];
  for (let n = lengths.length; n > 0; n -= runs[0] as number) runs.unshift(best[n]?.last as number);
  return runs;
};
