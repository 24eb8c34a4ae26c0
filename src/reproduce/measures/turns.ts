import { percentOf } from "../../percent.ts";
import { accuracyOf, type Interval, mean } from "../../train/index.ts";
import { rowsChart } from "../charts.ts";
import { type ClaimResults, type Measured, meanWithInterval } from "../measured.ts";
import type { EvaluationResult } from "../result.ts";
import type { SolveRow } from "../row.ts";
import { accuracyGain } from "./accuracy.ts";

const turnsOf = (results: readonly EvaluationResult[]): number =>
  mean(results.flatMap(({ rows }) => rows.map(({ turns }) => turns.length)));

const caps = ["3 turns", "5 turns", "7 turns", "flow-grpo"] as const;

/** What more turns bring: accuracy with all of them less accuracy with three, and how many are taken. */
export const turnsHelp = (claim: ClaimResults): Measured => {
  const gain = accuracyGain({
    id: "turn-cap",
    better: "flow-grpo",
    worse: "3 turns",
    sets: ["heldOutPages", "heldOutFamily"],
  })(claim);
  const rows = caps.map((cap) => {
    const results = claim.evaluations(cap);
    const { accuracy, interval } = accuracyOf(results.flatMap((one) => one.rows.map(({ reward }) => reward)));
    const turns = turnsOf(results).toFixed(1);
    const name = cap === "flow-grpo" ? "10 turns" : cap;
    return {
      name,
      value: accuracy,
      interval,
      shown: `${percentOf(accuracy, 1)}, ${turns} turns`,
      isOurs: cap === "flow-grpo",
    };
  });
  return {
    ...gain,
    figures: rows.map(({ name, shown }) => ({ name: `at most ${name}`, text: shown })),
    chart: rowsChart("turn-cap", "Accuracy by the most turns that are allowed, with the turns that were taken", rows),
  };
};

/** Slope of a regression of y on x, with its 95 % interval by the normal approximation. */
export const slopeOf = (
  points: readonly (readonly [x: number, y: number])[],
): { readonly slope: number; readonly interval: Interval } => {
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const spread = points.reduce((sum, [one]) => sum + (one - x) ** 2, 0);
  if (points.length < 3 || spread === 0)
    return { slope: 0, interval: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] };
  const slope = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / spread;
  const rest = points.reduce((sum, [a, b]) => sum + (b - y - slope * (a - x)) ** 2, 0);
  const half = 1.959963984540054 * Math.sqrt(rest / (points.length - 2) / spread);
  return { slope, interval: [slope - half, slope + half] };
};

const solved = (results: readonly EvaluationResult[]): readonly SolveRow[] =>
  results.flatMap(({ rows }) => rows.filter(({ reward }) => reward === 1));

const pointsOf = (rows: readonly SolveRow[]): readonly (readonly [number, number])[] =>
  rows.map(({ depth, turns }) => [depth, turns.length]);

/** How many turns a solve takes for each action that its question needs. Of solved questions: others run into their limits. */
export const depthIsSelective = (claim: ClaimResults): Measured => {
  const results = claim.evaluations("flow-grpo");
  const rows = solved(results);
  const { slope, interval } = slopeOf(pointsOf(rows));
  const depths = [...new Set(rows.map(({ depth }) => depth))].sort((a, b) => a - b);
  const by = depths.map((depth) => {
    const lengths = rows.filter((row) => row.depth === depth).map(({ turns }) => turns.length);
    const { mean: value, interval: own } = meanWithInterval(lengths);
    return {
      name: `${depth} actions needed (n = ${lengths.length})`,
      value,
      ...(lengths.length > 1 && { interval: own }),
      shown: `${value.toFixed(1)} turns`,
      isOurs: true,
    };
  });
  const excess = mean(rows.map(({ depth, turns }) => turns.length - depth));
  return {
    n: rows.length,
    difference: slope,
    interval,
    unit: "turns",
    seeds: claim.seeds.map((seed, i) => ({
      seed,
      difference: slopeOf(pointsOf(solved(results.slice(i, i + 1)))).slope,
    })),
    figures: [
      { name: "turns beyond the shortest plan, solved questions", text: excess.toFixed(2) },
      { name: "average turns, all questions", text: turnsOf(results).toFixed(1) },
      ...by.map(({ name, shown }) => ({ name, text: shown })),
    ],
    chart: rowsChart("depth", "Turns of solved questions by the actions that they need", by, {
      most: 10,
      shown: (value) => value.toFixed(0),
    }),
  };
};
