import { percentOf } from "../../percent.ts";
import { type Interval, wilsonInterval } from "../../train/index.ts";
import { rowsChart } from "../charts.ts";
import type { ClaimResults, Measured } from "../measured.ts";
import type { ColdStartResult, EvaluationResult, TrainingResult } from "../result.ts";
import { chainOfRow } from "../row.ts";

/** Right answers that make a chain more than chance. */
const LEAST = 2;
const SHOWN = 6;

interface NewChain {
  readonly chain: string;
  readonly count: number;
  readonly first: number | undefined;
}

/** Chains of right answers that nothing had shown, the commonest first. */
const newChains = (
  { rows }: EvaluationResult,
  { found }: ColdStartResult,
  { firsts }: TrainingResult,
): readonly NewChain[] => {
  const counts = new Map<string, number>();
  for (const row of rows) if (row.reward === 1) counts.set(chainOfRow(row), (counts.get(chainOfRow(row)) ?? 0) + 1);
  return [...counts]
    .filter(([chain, count]) => count >= LEAST && found[chain] === 0)
    .map(([chain, count]) => ({ chain, count, first: firsts[chain] }))
    .sort((a, b) => b.count - a.count || (a.chain < b.chain ? -1 : 1));
};

/** Share of right answers that come by a chain which is in nothing that the planner was shown before. */
export const chainsAppear = (claim: ClaimResults): Measured => {
  const evaluations = claim.evaluations("flow-grpo");
  const trainings = claim.trainings("train flow-grpo");
  const shown = claim.results("cold start") as readonly ColdStartResult[];
  const bySeed = evaluations.map((evaluation, i) => {
    const [cold, training] = [shown[i], trainings[i]];
    const chains = cold === undefined || training === undefined ? [] : newChains(evaluation, cold, training);
    const right = evaluation.rows.filter(({ reward }) => reward === 1).length;
    return { chains, right, by: chains.reduce((sum, { count }) => sum + count, 0) };
  });
  const right = bySeed.reduce((sum, one) => sum + one.right, 0);
  const by = bySeed.reduce((sum, one) => sum + one.by, 0);
  const interval: Interval = wilsonInterval(by, right);
  const [first] = bySeed;
  const listed = (first?.chains ?? []).slice(0, SHOWN);
  return {
    n: right,
    difference: right === 0 ? 0 : by / right,
    interval,
    unit: "points",
    seeds: claim.seeds.map((seed, i) => {
      const one = bySeed[i];
      return { seed, difference: one === undefined || one.right === 0 ? 0 : one.by / one.right };
    }),
    figures: [
      {
        name: "plans and exercises that were searched",
        text: `${shown[0]?.plans ?? 0} and ${shown[0]?.exercises ?? 0}`,
      },
      { name: "new chains, by seed", text: bySeed.map(({ chains }) => chains.length).join(", ") },
      ...listed.map(({ chain, count, first: step }) => ({
        name: chain,
        text: `${count} right answers${step === undefined ? "" : `, first in step ${step}`}`,
      })),
    ],
    chart: rowsChart(
      "new-chains",
      "Right answers by whether anything had shown their chain",
      claim.seeds.map((seed, i) => {
        const one = bySeed[i];
        const share = one === undefined || one.right === 0 ? 0 : one.by / one.right;
        return {
          name: `by new chains, seed ${seed}`,
          value: share,
          interval: wilsonInterval(one?.by ?? 0, one?.right ?? 0),
          shown: percentOf(share, 1),
          isOurs: true,
        };
      }),
    ),
  };
};
