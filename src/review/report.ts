import { basename, dirname, resolve } from "node:path";
import { name, required } from "../options.ts";
import type { Chart } from "./charts/chart.ts";
import { chartsOf, reportPage } from "./report-page.ts";
import { readRecord } from "./run-record.ts";

/** A run as a page and pictures. */
export interface RunReport {
  readonly run: string;
  /** One page of HTML without scripts that asks for no other file, in the reader's colour scheme. */
  readonly html: string;
  /** SVG, in the order of the page. */
  readonly charts: readonly Chart[];
}

/**
 * A report on a run of learning, finished or not: what was trained on what, how much better it got with intervals, curves,
 * families, diagnosis, baselines, settings, and how to repeat it. The same run gives the same page. Throws `ConfigError` for
 * what is not a run of learn, and `StoreError` for a damaged one.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { reportOnRun } from "agentflow/review";
 *
 * const { html, charts } = await reportOnRun("runs/2026-11-29-1412-7f3a");
 * await writeFile("report.html", html);
 * for (const { name, svg } of charts) await writeFile(`${name}.svg`, svg);
 * ```
 */
export const reportOnRun = async (folder: string): Promise<RunReport> => {
  required(name)(folder, "reportOnRun: the folder");
  const record = await readRecord(dirname(resolve(folder)), basename(resolve(folder)));
  return { run: record.id, html: reportPage(record), charts: chartsOf(record) };
};
