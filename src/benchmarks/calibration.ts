import { listOf, required, ruleOf, text, truth } from "../options.ts";

/** Two opinions on one answer. */
export interface JudgedAnswer {
  readonly id: string;
  /** By the rules. */
  readonly correct: boolean;
  /** By the judge; undefined where it was not asked or its reply could not be read. */
  readonly judged: boolean | undefined;
}

/** How far a judge agrees with the rules, over the answers that both have an opinion on. */
export interface Calibration {
  readonly n: number;
  /** Share of answers on which both agree; null of none. */
  readonly agreement: number | null;
  /** Cohen's kappa: (agreement − expected) / (1 − expected); null where both always say the same one thing. */
  readonly kappa: number | null;
  /** Ids of answers that only the judge calls right. */
  readonly onlyJudge: readonly string[];
  /** Ids of answers that only the rules call right. */
  readonly onlyRules: readonly string[];
}

const aJudgedAnswer = ruleOf<JudgedAnswer>({ id: required(text), correct: required(truth), judged: truth });

/**
 * Compares a judge's verdicts with the rules: agreement, Cohen's kappa (Cohen 1960), and what they disagree on.
 *
 * @example
 * ```ts
 * import { calibrate } from "agentflow/benchmarks";
 *
 * const { kappa, onlyJudge } = calibrate([
 *   { id: "1", correct: true, judged: true },
 *   { id: "2", correct: false, judged: true },
 * ]);
 * console.log(kappa, onlyJudge);
 * ```
 */
export const calibrate = (answers: readonly JudgedAnswer[]): Calibration => {
  listOf(aJudgedAnswer)(answers, "calibrate: the answers");
  const both = answers.filter(({ judged }) => judged !== undefined);
  const n = both.length;
  const share = (fits: (answer: JudgedAnswer) => boolean): number => both.filter(fits).length / n;
  const rules = share(({ correct }) => correct);
  const judge = share(({ judged }) => judged === true);
  const agreement = share(({ correct, judged }) => correct === judged);
  const expected = rules * judge + (1 - rules) * (1 - judge);
  const ids = (fits: (answer: JudgedAnswer) => boolean): string[] => both.filter(fits).map(({ id }) => id);
  return {
    n,
    agreement: n === 0 ? null : agreement,
    kappa: n === 0 || expected === 1 ? null : (agreement - expected) / (1 - expected),
    onlyJudge: ids(({ correct, judged }) => judged === true && !correct),
    onlyRules: ids(({ correct, judged }) => judged === false && correct),
  };
};
