import type { EvalReport } from "../benchmarks/index.ts";
import { hanging } from "./text-width.ts";
import { percent, percentInterval, points } from "./words.ts";

/** Cells of the names of facts. */
const NAME = 12;

/** A report for people: one fact after another, accuracy first, in lines of `width` cells. */
export const reportLines = (report: EvalReport, width: number): string[] =>
  facts(report).flatMap((line) => hanging(line, width, NAME));

const facts = (report: EvalReport): string[] => {
  const { n, accuracy, interval, f1, families, crashed, averageTurns, toolErrorRate, toolShares, used, seconds } =
    report;
  const { benchmark, baseline } = report;
  const names = Object.keys(families);
  return [
    ...(baseline === undefined ? [] : [`baseline    ${baseline}`]),
    `accuracy    ${percent(accuracy, 1)} ${percentInterval(interval, 1)} of ${n} tasks${f1 === undefined ? "" : `, F1 ${percent(f1, 1)}`}`,
    ...judgeLines(report),
    ...(crashed === 0 ? [] : [`crashed     ${crashed}, counted as wrong`]),
    `conduct     ${averageTurns.toFixed(1)} turns, tool errors ${percent(toolErrorRate, 1)}`,
    `tools       ${
      Object.entries(toolShares)
        .map(([name, share]) => `${name} ${percent(share, 1)}`)
        .join(", ") || "none called"
    }`,
    `used        ${used.promptTokens} tokens read, ${used.sampledTokens} written${used.dollars === 0 ? "" : `, $${used.dollars.toFixed(4)}`}, ${seconds.toFixed(1)} s`,
    ...(benchmark === undefined ? [] : differences(benchmark, n)),
    ...(names.length < 2
      ? []
      : names.map(
          (name) =>
            `  ${name.padEnd(46)} ${percent(families[name]?.accuracy ?? 0, 1).padStart(8)} of ${families[name]?.n}`,
        )),
    ...againstLines(report),
  ];
};

/** How this evaluation differs from the published one. */
const differences = ({ publishedTasks, missingTools }: NonNullable<EvalReport["benchmark"]>, n: number): string[] => [
  ...(n === publishedTasks ? [] : [`note        ${n} tasks; published results are on ${publishedTasks}`]),
  ...(missingTools.length === 0 ? [] : [`note        published results also had ${missingTools.join(", ")}`]),
];

const judgeLines = ({ judge }: EvalReport): string[] => {
  if (judge === undefined) return [];
  const { model, accuracy, interval, unread, calibration } = judge;
  const { n, agreement, kappa, onlyJudge, onlyRules } = calibration;
  const some = (ids: readonly string[]): string =>
    ids.length === 0 ? "none" : `${ids.slice(0, 5).join(", ")}${ids.length > 5 ? ` and ${ids.length - 5} more` : ""}`;
  return [
    `judge       ${percent(accuracy, 1)} ${percentInterval(interval, 1)} by ${model}${unread === 0 ? "" : `, ${unread} replies not read`}`,
    `agreement   ${agreement === null ? "no answers to compare" : percent(agreement, 1)}, Cohen's kappa ${kappa === null ? "undefined" : kappa.toFixed(2)}, n = ${n}`,
    ...(onlyJudge.length + onlyRules.length === 0
      ? []
      : [`disagree    right for the judge alone: ${some(onlyJudge)}; for the rules alone: ${some(onlyRules)}`]),
  ];
};

const againstLines = ({ against }: EvalReport): string[] => {
  if (against === undefined) return [];
  const { gained, lost, regressed } = against;
  return [
    `against     ${points(against.points, against.interval, 1)} points, p = ${against.p.toPrecision(2)} (paired, McNemar), ${gained.length} gained, ${lost.length} lost`,
    ...(regressed ? ["regression  accuracy fell: exit code 1"] : []),
  ];
};
