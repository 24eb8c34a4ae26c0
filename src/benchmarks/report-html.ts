import { escapeHtml, htmlPage } from "../page-style.ts";
import { hundredths, percentOf } from "../percent.ts";
import { aReport, type EvalItem, type EvalReport } from "./eval-report.ts";
import { figuresOf, verdictOf } from "./report-markdown.ts";

const CELL = 2000;
const cell = (text: string, kind = ""): string =>
  `<td${kind === "" ? "" : ` class="${kind}"`}>${escapeHtml(text.length > CELL ? `${text.slice(0, CELL)}…` : text)}</td>`;
const row = (...cells: readonly string[]): string => `<tr>${cells.join("")}</tr>`;
/** A column: a name, or one of figures, which stand to the right. */
type Column = string | { readonly figures: string };
const heading = (column: Column): string =>
  typeof column === "string"
    ? `<th>${escapeHtml(column)}</th>`
    : `<th class="number">${escapeHtml(column.figures)}</th>`;
const table = (head: readonly Column[], rows: readonly string[]): string =>
  `<table>${head.length === 0 ? "" : `<thead><tr>${head.map(heading).join("")}</tr></thead>`}<tbody>${rows.join("\n")}</tbody></table>`;

const itemRow = (item: EvalItem, change: string): string =>
  row(
    cell(item.id),
    cell(item.question),
    cell(item.expected.join(" / ")),
    cell(item.answer ?? "–"),
    cell(verdictOf(item) + change, item.reward === 1 ? "good" : "bad"),
    cell(item.tools.join(" → "), "soft"),
    cell(item.seconds.toFixed(1), "number"),
  );

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
  const { benchmark, set, players, families, items, against, tasks } = report;
  const title = benchmark?.title ?? set;
  const [gained, lost] = [new Set(against?.gained), new Set(against?.lost)];
  const changeOf = ({ id }: EvalItem): string => (gained.has(id) ? ", gained" : lost.has(id) ? ", lost" : "");
  const familyRows = Object.entries(families).map(
    ([
      name,
      {
        accuracy,
        interval: [low, high],
        n,
      },
    ]) =>
      row(
        cell(name),
        cell(percentOf(accuracy, 1), "number"),
        cell(`[${hundredths(low, 1)}, ${hundredths(high, 1)}]`, "number"),
        cell(String(n), "number"),
      ),
  );
  return htmlPage(
    title,
    [
      `<h1>${escapeHtml(title)}</h1>`,
      `<p class="soft">tasks ${escapeHtml(tasks.slice(0, 16))}${benchmark === undefined ? "" : `, ${escapeHtml(benchmark.licence)}`}</p>`,
      table(
        [],
        figuresOf(report).map(([what, figure]) => row(`<th>${escapeHtml(what)}</th>`, cell(figure))),
      ),
      "<h2>Players</h2>",
      table(
        ["role", "model", "where"],
        players.map(({ role, id, where }) => row(cell(role), cell(id), cell(where))),
      ),
      ...(familyRows.length < 2
        ? []
        : [
            "<h2>Families</h2>",
            table(["family", { figures: "accuracy" }, { figures: "95 %" }, { figures: "n" }], familyRows),
          ]),
      "<h2>Tasks</h2>",
      table(
        ["task", "question", "expected", "answer", "", "tools", { figures: "s" }],
        items.map((item) => itemRow(item, changeOf(item))),
      ),
    ].join("\n"),
  );
};
