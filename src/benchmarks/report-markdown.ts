import { hundredths, percentOf } from "../percent.ts";
import type { Interval } from "../train/index.ts";
import { aReport, type EvalComparison, type EvalItem, type EvalJudge, type EvalReport } from "./eval-report.ts";

/** A figure of a report, in words. */
export type Figure = readonly [what: string, figure: string];

const interval = ([low, high]: Interval): string => `[${hundredths(low, 1)}, ${hundredths(high, 1)}]`;
const kappaOf = (kappa: number | null): string => (kappa === null ? "undefined" : kappa.toFixed(2));

const judgeFigures = ({ model, accuracy, interval: range, unread, calibration }: EvalJudge): readonly Figure[] => {
  const { agreement, kappa, n, onlyJudge, onlyRules } = calibration;
  const agree = agreement === null ? "no answers" : `${percentOf(agreement, 1)} agree`;
  return [
    ["judge", `${percentOf(accuracy, 1)} ${interval(range)} by ${model}, ${unread} not read`],
    [
      "judge and rules",
      `${agree}, Cohen's kappa ${kappaOf(kappa)}, n = ${n}; right for the judge alone ${onlyJudge.length}, for the rules alone ${onlyRules.length}`,
    ],
  ];
};

const comparedWords = ({ points, interval: range, p, gained, lost, regressed }: EvalComparison): string =>
  `${points < 0 ? "" : "+"}${hundredths(points, 1)} points ${interval(range)}, p = ${p.toPrecision(2)} (McNemar), ${gained.length} gained, ${lost.length} lost${regressed ? ": a regression" : ""}`;

/** The figures of a report in the order in which people read them; its formats all show these. */
export const figuresOf = (report: EvalReport): readonly Figure[] => {
  const { n, accuracy, f1, crashed, limitsHit, averageTurns, toolErrorRate, toolShares, used, seconds } = report;
  const { judge, against, benchmark, baseline } = report;
  const tools = Object.entries(toolShares).map(([name, share]) => `${name} ${percentOf(share, 1)}`);
  return [
    ["accuracy", `${percentOf(accuracy, 1)} ${interval(report.interval)} of all ${n} tasks (95 %, Wilson)`],
    ...(f1 === undefined ? [] : [["F1 of words", percentOf(f1, 1)] as const]),
    ...(benchmark === undefined ? [] : [["scored by", benchmark.scorer] as const]),
    ...(judge === undefined ? [] : judgeFigures(judge)),
    ...(against === undefined ? [] : [["paired with before", comparedWords(against)] as const]),
    ...(baseline === undefined ? [] : [["baseline", baseline] as const]),
    ["crashed", `${crashed}, counted as wrong; ${limitsHit} cut short by a limit`],
    ["conduct", `${averageTurns.toFixed(1)} turns, tool errors ${percentOf(toolErrorRate, 1)}`],
    ["tools", tools.join(", ") || "none called"],
    [
      "used",
      `${used.promptTokens} tokens read, ${used.sampledTokens} written, $${used.dollars.toFixed(4)}, ${seconds.toFixed(1)} s`,
    ],
  ];
};

/** Whether an item was right, and what the judge says where it says otherwise. */
export const verdictOf = ({ reward, judged }: EvalItem): string => {
  const rules = reward === null ? "crashed" : reward === 1 ? "right" : "wrong";
  return judged === undefined || judged === (reward === 1) ? rules : `${rules} (judge: ${judged ? "right" : "wrong"})`;
};

const CELL = 200;
/** Text in a cell: on one line, and no mark of Markdown or HTML in it is read as one. */
const cell = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return (line.length > CELL ? `${line.slice(0, CELL)}…` : line)
    .replace(/[\\|`*_[\]<>#~$!]/g, "\\$&")
    .replace(/&/g, "&amp;");
};
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);

/**
 * A report as Markdown: its figures, who played, the families and a row for each task.
 *
 * @example
 * ```ts
 * import { readFile, writeFile } from "node:fs/promises";
 * import { reportMarkdown } from "agentflow/benchmarks";
 *
 * await writeFile("report.md", reportMarkdown(JSON.parse(await readFile("report.json", "utf8"))));
 * ```
 */
export const reportMarkdown = (report: EvalReport): string => {
  aReport(report, "reportMarkdown: the report");
  const { benchmark, set, players, families, items } = report;
  const names = Object.keys(families);
  return `${[
    `# ${cell(benchmark?.title ?? set)}`,
    "",
    ...table(
      ["", ""],
      figuresOf(report).map(([what, figure]) => [what, cell(figure)]),
    ),
    "",
    ...players.map(({ role, id, where }) => `- ${role}: ${cell(id)} (${cell(where)})`),
    ...(names.length < 2
      ? []
      : [
          "",
          ...table(
            ["family", "accuracy", "95 %", "n"],
            names.map((name) => {
              const of = families[name];
              return [
                cell(name),
                percentOf(of?.accuracy ?? 0, 1),
                of === undefined ? "" : interval(of.interval),
                String(of?.n ?? 0),
              ];
            }),
          ),
        ]),
    "",
    ...table(
      ["task", "question", "expected", "answer", "", "tools"],
      items.map((item) => [
        cell(item.id),
        cell(item.question),
        cell(item.expected.join(" / ")),
        cell(item.answer ?? ""),
        verdictOf(item),
        cell(item.tools.join(" → ")),
      ]),
    ),
  ].join("\n")}\n`;
};
