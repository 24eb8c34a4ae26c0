import { anything, checked, listOf, number, objectWith, recordOf, required, ruleOf, text } from "../options.ts";
import { type Accuracy, compare, type Interval, type Outcomes } from "../train/index.ts";
import type { Calibration } from "./calibration.ts";

/** One task of an evaluation and what came of it. */
export interface EvalItem {
  readonly id: string;
  readonly question: string;
  readonly family: string;
  /** What counts as right: texts, or for an expression its numbers. */
  readonly expected: readonly string[];
  readonly answer: string | null;
  /** By the rules; null is a failure of infrastructure, which counts as wrong. */
  readonly reward: number | null;
  readonly f1?: number;
  /** By the judge, where one was asked and could be understood. */
  readonly judged?: boolean;
  readonly stopReason: string;
  /** Tools in the order of their calls. */
  readonly tools: readonly string[];
  readonly tokens: number;
  readonly seconds: number;
}

/** What a judge said, beside the rules: accuracy over all tasks, as theirs is. */
export interface EvalJudge extends Accuracy {
  readonly model: string;
  readonly promptSha256: string;
  /** Answers that it was asked about and said nothing that could be read. */
  readonly unread: number;
  readonly calibration: Calibration;
  readonly used: { readonly promptTokens: number; readonly sampledTokens: number; readonly dollars: number };
}

/** Paired with an earlier report on the same tasks. */
export interface EvalComparison {
  readonly points: number;
  readonly interval: Interval;
  /** McNemar, exact. */
  readonly p: number;
  /** Ids that are right now and were not, and the other way round. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  /** Worse by chance less than one time in twenty, or by more than was allowed. */
  readonly regressed: boolean;
}

/** What `agentflow eval` reports. */
export interface EvalReport {
  readonly schemaVersion: 1;
  readonly set: string;
  /** SHA-256 of all questions and keys. */
  readonly tasks: string;
  /** Of a benchmark by name: where its file is from and how it was published. */
  readonly benchmark?: {
    readonly name: string;
    readonly title: string;
    readonly licence: string;
    readonly scorer: string;
    readonly file: string;
    /** Tasks of the published set: another number is another set. */
    readonly publishedTasks: number;
    /** Tools of the published protocol that were not there. */
    readonly missingTools: readonly string[];
  };
  readonly baseline?: string;
  readonly players: readonly { readonly role: string; readonly id: string; readonly where: string }[];
  /** All that a result depends on besides its task. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly n: number;
  readonly accuracy: number;
  readonly interval: Interval;
  /** Over tasks whose answers are texts. */
  readonly f1?: number;
  readonly families: Readonly<Record<string, Accuracy>>;
  /** Tasks without a result, for a failure of infrastructure: they count as wrong. */
  readonly crashed: number;
  /** Tasks that a budget cut short. */
  readonly limitsHit: number;
  readonly averageTurns: number;
  readonly toolErrorRate: number;
  readonly toolShares: Readonly<Record<string, number>>;
  readonly used: { readonly promptTokens: number; readonly sampledTokens: number; readonly dollars: number };
  readonly seconds: number;
  readonly outcomes: Outcomes;
  readonly judge?: EvalJudge;
  readonly against?: EvalComparison;
  readonly items: readonly EvalItem[];
}

const SIGNIFICANT = 0.05;

/**
 * Compares the outcomes of two evaluations of the same tasks, pair by pair. It is a regression where accuracy fell by more
 * than `maxDrop`, or, without one, where it fell and McNemar's exact p is below 0.05. Throws `ConfigError` for other tasks.
 *
 * @example
 * ```ts
 * import { compareOutcomes } from "agentflow/benchmarks";
 *
 * const { lost, regressed } = compareOutcomes({ a: 1, b: 1 }, { a: 1, b: 0 }, { maxDrop: 0.1 });
 * console.log(lost, regressed);
 * ```
 */
export const compareOutcomes = (
  before: Outcomes,
  after: Outcomes,
  options: { readonly maxDrop?: number | undefined } = {},
): EvalComparison => {
  recordOf(anything)(before, "compareOutcomes: the outcomes before");
  recordOf(anything)(after, "compareOutcomes: the outcomes after");
  const { maxDrop } = checked("compareOutcomes", options, { maxDrop: number({ most: 1 }) });
  const { points, interval, p } = compare({ outcomes: before }, { outcomes: after });
  const changed = (from: boolean): string[] =>
    Object.keys(before).filter((id) => (before[id] === 1) === from && (after[id] === 1) !== from);
  const regressed = maxDrop === undefined ? points < 0 && p < SIGNIFICANT : -points > maxDrop;
  return { points, interval, p, gained: changed(false), lost: changed(true), regressed };
};

const figure = required(number({ least: Number.NEGATIVE_INFINITY }));
const range = required(listOf(figure, { least: 2 }));
const words = required(text);
const wordList = required(listOf(words));

/** What a report may be that is read from a file: the fields that a page of it shows. */
export const aReport = ruleOf<
  Pick<
    EvalReport,
    | "set"
    | "tasks"
    | "players"
    | "n"
    | "accuracy"
    | "interval"
    | "f1"
    | "families"
    | "crashed"
    | "limitsHit"
    | "averageTurns"
    | "toolErrorRate"
    | "toolShares"
    | "used"
    | "seconds"
    | "baseline"
    | "benchmark"
    | "judge"
    | "against"
    | "items"
  >
>(
  {
    set: words,
    tasks: words,
    players: required(listOf(ruleOf<EvalReport["players"][number]>({ role: words, id: words, where: words }))),
    n: figure,
    accuracy: figure,
    interval: range,
    f1: number(),
    families: required(recordOf(ruleOf<Accuracy>({ n: figure, accuracy: figure, interval: range }))),
    crashed: figure,
    limitsHit: figure,
    averageTurns: figure,
    toolErrorRate: figure,
    toolShares: required(recordOf(figure)),
    used: required(ruleOf<EvalReport["used"]>({ promptTokens: figure, sampledTokens: figure, dollars: figure })),
    seconds: figure,
    baseline: text,
    benchmark: objectWith("a benchmark"),
    judge: objectWith("what a judge said"),
    against: objectWith("a comparison"),
    items: required(
      listOf(
        ruleOf<Pick<EvalItem, "id" | "question" | "expected" | "tools" | "seconds">>(
          { id: words, question: words, expected: wordList, tools: wordList, seconds: figure },
          { others: "any" },
        ),
      ),
    ),
  },
  { others: "any" },
);
