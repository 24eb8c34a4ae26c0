import { type Markup, markup, pageOf } from "../markup.ts";
import { hundredths, percentOf } from "../percent.ts";
import { aReport, type EvalItem, type EvalReport } from "./eval-report.ts";
import { figuresOf, verdictOf } from "./report-markdown.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1b1b1f, #e8e8ea); --soft: light-dark(#5c5c66, #a5a5af); --line: light-dark(#dcdce2, #3a3a42); --paper: light-dark(#fff, #151518); --good: light-dark(#17683b, #6fcf97); --bad: light-dark(#a11a2b, #ff8a94); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
`.trim();

const CELL = 2000;
const cell = (text: string, kind = ""): Markup =>
  markup`<td${kind !== "" && markup` class="${kind}"`}>${text.length > CELL ? `${text.slice(0, CELL)}…` : text}</td>`;
const row = (...cells: readonly Markup[]): Markup => markup`<tr>${cells}</tr>\n`;
/** A column: a name, or one of figures, which stand to the right. */
type Column = string | { readonly figures: string };
const heading = (column: Column): Markup =>
  typeof column === "string" ? markup`<th>${column}</th>` : markup`<th class="number">${column.figures}</th>`;
const table = (head: readonly Column[], rows: readonly Markup[]): Markup =>
  markup`<table>${head.length > 0 && markup`<thead><tr>${head.map(heading)}</tr></thead>`}<tbody>${rows}</tbody></table>\n`;

const itemRow = (item: EvalItem, change: string): Markup =>
  row(
    cell(item.id),
    cell(item.question),
    cell(item.expected.join(" / ")),
    cell(item.answer ?? "–"),
    cell(verdictOf(item) + change, item.reward === 1 ? "good" : "bad"),
    cell(item.tools.join(" → "), "soft"),
    cell(item.seconds.toFixed(1), "number"),
  );

/** Accuracy by family, where there is more than one. */
const familyTable = ({ families }: EvalReport): Markup | undefined => {
  const rows = Object.entries(families).map(([name, { accuracy, interval, n }]) =>
    row(
      cell(name),
      cell(percentOf(accuracy, 1), "number"),
      cell(`[${interval.map((end) => hundredths(end, 1)).join(", ")}]`, "number"),
      cell(String(n), "number"),
    ),
  );
  const head = ["family", { figures: "accuracy" }, { figures: "95 %" }, { figures: "n" }];
  return rows.length < 2 ? undefined : markup`<h2>Families</h2>\n${table(head, rows)}`;
};

/**
 * A report as one HTML file without scripts: its figures, who played, the families, and a row for each task, in which what
 * was gained or lost since the compared report is marked.
 *
 * @example
 * ```ts
 * import { readFile, writeFile } from "node:fs/promises";
 * import { reportHtml } from "agentflow/benchmarks";
 *
 * await writeFile("report.html", reportHtml(JSON.parse(await readFile("report.json", "utf8"))));
 * ```
 */
export const reportHtml = (report: EvalReport): string => {
  aReport(report, "reportHtml: the report");
  const { benchmark, set, players, items, against, tasks } = report;
  const title = benchmark?.title ?? set;
  const [gained, lost] = [new Set(against?.gained), new Set(against?.lost)];
  const changeOf = ({ id }: EvalItem): string => (gained.has(id) ? ", gained" : lost.has(id) ? ", lost" : "");
  const figures = figuresOf(report).map(([what, figure]) => row(markup`<th>${what}</th>`, cell(figure)));
  const playing = players.map(({ role, id, where }) => row(cell(role), cell(id), cell(where)));
  const columns = ["task", "question", "expected", "answer", "", "tools", { figures: "s" }];
  const rows = items.map((item) => itemRow(item, changeOf(item)));
  const licence = benchmark === undefined ? "" : `, ${benchmark.licence}`;
  return pageOf({
    title,
    style: STYLE,
    generator: "agentflow eval",
    body: markup`<h1>${title}</h1>
<p class="soft">tasks ${tasks.slice(0, 16)}${licence}</p>
${table([], figures)}<h2>Players</h2>
${table(["role", "model", "where"], playing)}${familyTable(report)}<h2>Tasks</h2>
${table(columns, rows)}`,
  });
};
