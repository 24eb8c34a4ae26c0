import { open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { ConfigError } from "../errors.ts";
import { makeChosenFolder } from "../files/make-folder.ts";
import { pngWriter, reportOnRun } from "../review/index.ts";
import { isReportPage } from "../review/report-page.ts";
import { findRun } from "../setup/local-model.ts";
import { writeDurably } from "../store/durable.ts";
import { jsonOption } from "./command-options.ts";
import { realPlace, requireFolderAt, requireOutsideOfRuns, requirePlaceFor } from "./places.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { counted } from "./words.ts";

interface ReportCommandOptions {
  readonly out?: string;
  readonly charts?: string;
  readonly json: boolean;
}

/** `agentflow report <run>`: a run as one page, and its charts as pictures. */
export const addReport = (program: Command): void => {
  program
    .command("report")
    .description("write a run's report: one HTML file with curves, intervals, families and how to repeat it")
    .argument("<run>", "a run of learn, finished or not, or its id in runs/")
    .option("--out <file>", "file to write (default: report-<run>.html)")
    .option("--charts <folder>", "also write each chart as SVG and PNG into this folder")
    .option(...jsonOption)
    .action(async (run: string, options: ReportCommandOptions) => {
      await reportCommand(run, options);
    });
};

/** Longer than what stands before the mark of a report. */
const HEAD_BYTES = 4096;

/** Throws `ConfigError` for a place among a run's files, its own name in this run's folder aside, and for a file that is no report. */
const requireOwnPlace = async (file: string, folder: string, run: string): Promise<void> => {
  await requirePlaceFor(file);
  const path = await realPlace(file);
  if (path !== join(await realpath(folder), `report-${run}.html`)) await requireOutsideOfRuns(path);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return;
  if (found.isFile()) {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(HEAD_BYTES) });
      if (isReportPage(buffer.toString("utf8", 0, bytesRead))) return;
    } finally {
      await handle.close();
    }
  }
  throw new ConfigError(
    `${file} is there already and no report of this command, so it is not written over: remove it, or choose another --out.`,
  );
};

/** Throws `ConfigError` for a folder of a run, and for one that has something in it already. */
const requireEmpty = async (folder: string): Promise<void> => {
  await requireFolderAt(folder);
  await requireOutsideOfRuns(join(folder, "chart"));
  const files = await readdir(folder).catch(() => []);
  if (files.length > 0)
    throw new ConfigError(`${folder} has files already, and none is written over: choose another --charts.`);
};

const reportCommand = async (name: string, { out, charts: folder, json }: ReportCommandOptions): Promise<void> => {
  const { root, id } = await findRun(name);
  const file = out ?? `report-${id}.html`;
  await requireOwnPlace(file, join(root, id), id);
  if (folder !== undefined) await requireEmpty(folder);
  // Before anything is written: a missing package is found here.
  const png = folder === undefined ? undefined : await pngWriter();
  const { html, charts } = await reportOnRun(join(root, id));
  await writeDurably(file, html);
  const pictures: string[] = [];
  if (folder !== undefined && png !== undefined) {
    await makeChosenFolder(folder);
    for (const { name: chart, svg } of charts) {
      const [vector, pixels] = [join(folder, `${chart}.svg`), join(folder, `${chart}.png`)];
      await writeDurably(vector, svg);
      await writeDurably(pixels, png(svg));
      pictures.push(vector, pixels);
    }
  }
  if (json) writeJson({ schemaVersion: 1, run: id, report: file, charts: pictures });
  else {
    const screen = openScreen();
    screen.line(`report    ${file}`);
    if (folder !== undefined) screen.line(`charts    ${counted(charts.length, "chart")} as SVG and PNG in ${folder}`);
  }
};
