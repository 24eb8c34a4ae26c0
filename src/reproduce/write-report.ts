import { join } from "node:path";
import { writeDurably } from "../store/durable.ts";
import type { ReproductionReport } from "./report.ts";
import { reproductionHtml } from "./report-html.ts";
import { reproductionMarkdown } from "./report-markdown.ts";

/** The files of a report by name: JSON, Markdown, one page of HTML, and a picture for each claim. */
export const reportFiles = (report: ReproductionReport): Readonly<Record<string, string>> => ({
  "report.json": `${JSON.stringify(report, null, 2)}\n`,
  "report.md": reproductionMarkdown(report),
  "report.html": reproductionHtml(report),
  ...Object.fromEntries(
    report.claims.flatMap(({ id, ours }) => (ours === undefined ? [] : [[`${id}.svg`, ours.chart.svg]])),
  ),
});

export const writeReport = async (folder: string, report: ReproductionReport): Promise<void> => {
  for (const [name, content] of Object.entries(reportFiles(report))) await writeDurably(join(folder, name), content);
};
