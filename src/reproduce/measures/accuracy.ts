import type { SetName } from "../../environment.ts";
import { hundredths, percentOf } from "../../percent.ts";
import { accuracyOf, compare, type Outcomes } from "../../train/index.ts";
import { type ChartRow, rowsChart } from "../charts.ts";
import type { ClaimResults, Measured } from "../measured.ts";
import type { EvaluationResult } from "../result.ts";
import type { SolveRow } from "../row.ts";

/** Two arms whose accuracies are compared, question by question. */
export interface Comparison {
  /** Of the claim, for the name of its chart. */
  readonly id: string;
  readonly better: string;
  readonly worse: string;
  readonly sets: readonly SetName[];
  /** Arms that are shown beside them. */
  readonly beside?: readonly string[];
}

const titles: Readonly<Record<string, string>> = {
  heldOutPages: "unseen pages",
  heldOutFamily: "unseen families",
};

const rowsIn = ({ rows }: EvaluationResult, sets: readonly SetName[]): readonly SolveRow[] =>
  rows.filter(({ set }) => sets.includes(set));

/** Rewards by question; questions of several seeds are told apart. */
const outcomesOf = (results: readonly EvaluationResult[], sets: readonly SetName[]): Outcomes =>
  Object.fromEntries(
    results.flatMap((result) => rowsIn(result, sets).map(({ task, reward }) => [`${result.seed} ${task}`, reward])),
  );

/** One outcome set cut to the questions of another: a slow model is asked fewer. */
const only = (outcomes: Outcomes, of: Outcomes): Outcomes =>
  Object.fromEntries(Object.entries(outcomes).filter(([id]) => Object.hasOwn(of, id)));

/** The gain in accuracy from one arm to another on the same questions, over all seeds together and by seed. */
export const accuracyGain =
  ({ id, better, worse, sets, beside = [] }: Comparison) =>
  (claim: ClaimResults): Measured => {
    const gainOf = (after: readonly EvaluationResult[], before: readonly EvaluationResult[]) => {
      const [a, b] = [outcomesOf(after, sets), outcomesOf(before, sets)];
      return compare({ outcomes: only(b, a) }, { outcomes: only(a, b) });
    };
    const [after, before] = [claim.evaluations(better), claim.evaluations(worse)];
    const { n, points, interval, p } = gainOf(after, before);
    const names = [better, worse, ...beside];
    const rows = names.map((name): ChartRow => {
      const all = claim.evaluations(name).flatMap((result) => rowsIn(result, sets).map(({ reward }) => reward));
      const { accuracy, interval: own } = accuracyOf(all);
      return { name, value: accuracy, interval: own, shown: percentOf(accuracy, 1), isOurs: name === better };
    });
    return {
      n,
      difference: points,
      interval,
      unit: "points",
      seeds: claim.seeds.map((seed, i) => ({
        seed,
        difference: gainOf(after.slice(i, i + 1), before.slice(i, i + 1)).points,
      })),
      figures: [
        ...rows.map(({ name, shown, interval: own }) => ({
          name,
          text: `${shown} [${(own ?? []).map((end) => hundredths(end, 1)).join(", ")}]`,
        })),
        { name: "McNemar", text: `p = ${p.toPrecision(2)}` },
      ],
      chart: rowsChart(id, `Accuracy, ${sets.map((set) => titles[set] ?? set).join(" and ")}`, rows),
    };
  };
