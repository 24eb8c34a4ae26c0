import { percentOf } from "../../percent.ts";
import { mean } from "../../train/index.ts";
import { rowsChart, stepsChart } from "../charts.ts";
import { type ClaimResults, type Measured, meanWithInterval } from "../measured.ts";
import type { EvaluationResult } from "../result.ts";
import { type SolveRow, toolOf } from "../row.ts";

/** Share of a solve's turns that were refused or failed. */
const errorRate = ({ turns }: SolveRow): number =>
  turns.length === 0 ? 0 : turns.filter(({ status }) => status !== "ok").length / turns.length;

const pairsOf = (
  after: EvaluationResult,
  before: EvaluationResult,
  measure: (row: SolveRow) => number,
): readonly number[] => {
  const known = new Map(before.rows.map((row) => [row.task, row]));
  return after.rows.flatMap((row) => {
    const other = known.get(row.task);
    return other === undefined ? [] : [measure(row) - measure(other)];
  });
};

const turnsIn = (results: readonly EvaluationResult[]): SolveRow["turns"] =>
  results.flatMap(({ rows }) => rows.flatMap(({ turns }) => turns));

const shareOfErrors = (results: readonly EvaluationResult[]): number => {
  const turns = turnsIn(results);
  return turns.filter(({ status }) => status !== "ok").length / Math.max(1, turns.length);
};

/** How far the share of calls that are refused or fail falls from the untrained planner to the trained one. */
export const errorsFall = (claim: ClaimResults): Measured => {
  const [after, before, training] = [
    claim.evaluations("flow-grpo"),
    claim.evaluations("untrained"),
    claim.trainings("train flow-grpo"),
  ];
  const bySeed = after.map((result, i) => {
    const other = before[i];
    return other === undefined ? [] : pairsOf(other, result, errorRate);
  });
  const { mean: difference, interval } = meanWithInterval(bySeed.flat());
  const tenth = (course: readonly { readonly toolErrorRate: number }[], from: number): number => {
    const length = Math.max(1, Math.ceil(course.length / 10));
    return mean(course.slice(from < 0 ? -length : 0, from < 0 ? undefined : length).map((step) => step.toolErrorRate));
  };
  const courses = training.map(({ course }) => course);
  return {
    n: bySeed.flat().length,
    difference,
    interval,
    unit: "points",
    seeds: claim.seeds.map((seed, i) => ({ seed, difference: mean(bySeed[i] ?? []) })),
    figures: [
      { name: "calls that failed, untrained", text: percentOf(shareOfErrors(before), 1) },
      { name: "calls that failed, trained", text: percentOf(shareOfErrors(after), 1) },
      { name: "in training, first tenth of the steps", text: percentOf(mean(courses.map((one) => tenth(one, 0))), 1) },
      { name: "in training, last tenth", text: percentOf(mean(courses.map((one) => tenth(one, -1))), 1) },
    ],
    chart: stepsChart(
      "tool-errors",
      "Calls that failed or were refused while training, averaged over ten steps",
      training.map(({ seed, course }) => ({ name: `seed ${seed}`, values: course.map((step) => step.toolErrorRate) })),
    ),
  };
};

const domains: Readonly<Record<string, string>> = {
  airport: "airports",
  code: "airports",
  territory: "territories",
  element: "elements",
  symbol: "elements",
  number: "elements",
  release: "releases",
  line: "releases",
  person: "people and events",
  event: "people and events",
};

/** What a family is about, by its entities: two kinds of them are a domain of their own. */
export const domainOf = (family: string): string => {
  const entities = (family.split(".", 1)[0] ?? "").split("+").map((path) => path.split("-", 1)[0] ?? "");
  const named = [...new Set(entities.map((entity) => domains[entity] ?? entity))];
  return named.length === 1 ? (named[0] ?? "") : "two domains";
};

const shareOf =
  (tool: string) =>
  ({ turns }: SolveRow): number =>
    turns.length === 0 ? 0 : turns.filter(({ action }) => toolOf(action) === tool).length / turns.length;

/** Ids are hashes: their last letter halves the questions, whatever they are about. */
const halfOf = (task: string): number => task.charCodeAt(task.length - 1) % 2;

interface Shift {
  readonly tool: string;
  readonly domain: string;
  readonly changes: readonly number[];
}

/** How the share of a tool changed from the untrained planner to the trained one, question by question. */
const shiftsIn = (
  after: readonly EvaluationResult[],
  before: readonly EvaluationResult[],
  half: 0 | 1,
): readonly Shift[] => {
  const mine = (rows: readonly SolveRow[]): readonly SolveRow[] => rows.filter(({ task }) => halfOf(task) === half);
  const tools = [...new Set(turnsIn([...after, ...before]).map(({ action }) => toolOf(action)))].sort();
  const names = [...new Set(after.flatMap(({ rows }) => rows.map(({ family }) => domainOf(family))))].sort();
  return tools.flatMap((tool) =>
    names.map((domain) => ({
      tool,
      domain,
      changes: after.flatMap((result, i) => {
        const other = before[i];
        const inDomain = (rows: readonly SolveRow[]): readonly SolveRow[] =>
          mine(rows).filter(({ family }) => domainOf(family) === domain);
        return other === undefined
          ? []
          : pairsOf(
              { ...result, rows: inDomain(result.rows) },
              { ...other, rows: inDomain(other.rows) },
              shareOf(tool),
            );
      }),
    })),
  );
};

/**
 * How differently the share of a tool moves in two domains. Tool and domains are chosen on one half of the questions, and
 * measured on the other.
 */
export const sharesMove = (claim: ClaimResults): Measured => {
  const [after, before] = [claim.evaluations("flow-grpo"), claim.evaluations("untrained")];
  const chosen = shiftsIn(after, before, 0);
  const apart = chosen.flatMap((up) =>
    chosen
      .filter(({ tool, domain }) => tool === up.tool && domain !== up.domain)
      .map((down) => ({ tool: up.tool, up: up.domain, down: down.domain, by: mean(up.changes) - mean(down.changes) })),
  );
  const best = apart.reduce((most, one) => (one.by > most.by ? one : most), {
    tool: "",
    up: "",
    down: "",
    by: Number.NEGATIVE_INFINITY,
  });
  const measured = (results: readonly EvaluationResult[], others: readonly EvaluationResult[]) => {
    const shifts = shiftsIn(results, others, 1);
    const of = (domain: string): readonly number[] =>
      shifts.find((shift) => shift.tool === best.tool && shift.domain === domain)?.changes ?? [];
    return {
      up: meanWithInterval(of(best.up)),
      down: meanWithInterval(of(best.down)),
      n: of(best.up).length + of(best.down).length,
    };
  };
  const { up, down, n } = measured(after, before);
  const difference = up.mean - down.mean;
  const half = Math.hypot(up.interval[1] - up.mean, down.interval[1] - down.mean);
  const shown = (results: readonly EvaluationResult[], domain: string): number =>
    mean(
      results.flatMap(({ rows }) => rows.filter(({ family }) => domainOf(family) === domain).map(shareOf(best.tool))),
    );
  const rows = [best.up, best.down].flatMap((domain) => [
    { name: `${domain}, untrained`, value: shown(before, domain), shown: percentOf(shown(before, domain), 1) },
    {
      name: `${domain}, trained`,
      value: shown(after, domain),
      shown: percentOf(shown(after, domain), 1),
      isOurs: true,
    },
  ]);
  return {
    n,
    difference,
    interval: [difference - half, difference + half],
    unit: "points",
    seeds: claim.seeds.map((seed, i) => {
      const one = measured(after.slice(i, i + 1), before.slice(i, i + 1));
      return { seed, difference: one.up.mean - one.down.mean };
    }),
    figures: rows.map(({ name, shown: text }) => ({ name: `${best.tool}: ${name}`, text })),
    chart: rowsChart("tool-shares", `Share of turns that call ${best.tool}`, rows),
  };
};
