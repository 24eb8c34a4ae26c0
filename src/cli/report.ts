import { mkdir, open, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Command } from "commander";
import { ConfigError } from "../errors.ts";
import { pngWriter, reportOnRun } from "../review/index.ts";
import { isReportPage } from "../review/report-page.ts";
import { findRun } from "../setup/local-model.ts";
import { writeDurably } from "../store/durable.ts";
import { jsonOption } from "./command-options.ts";
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

/** Throws `ConfigError` for a place in the run's own folder, and for a file that is no report. */
const requireOwnPlace = async (file: string, folder: string, run: string): Promise<void> => {
  const found = await stat(file).catch(() => undefined);
  // Of a link, where it leads; of a new file, where it would lie.
  const path = found === undefined ? join(await nearest(dirname(resolve(file))), basename(file)) : await realpath(file);
  const inside = relative(await realpath(folder), path);
  const isInside = inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  if (isInside && inside !== `report-${run}.html`)
    throw new ConfigError(
      `${file} lies in the folder of the run ${run}, whose files say what it did: choose another --out, or leave it out.`,
    );
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

/** The real path of a folder, also of one that is still to be made. */
const nearest = async (folder: string): Promise<string> =>
  realpath(folder).catch(() => {
    const above = dirname(folder);
    return above === folder ? folder : nearest(above).then((path) => join(path, basename(folder)));
  });

const reportCommand = async (name: string, { out, charts: folder, json }: ReportCommandOptions): Promise<void> => {
  const { root, id } = await findRun(name);
  const file = out ?? `report-${id}.html`;
  await requireOwnPlace(file, join(root, id), id);
  // Before anything is written: a missing package is found here.
  const png = folder === undefined ? undefined : await pngWriter();
  const { html, charts } = await reportOnRun(join(root, id));
  await writeDurably(file, html);
  const pictures: string[] = [];
  if (folder !== undefined && png !== undefined) {
    await mkdir(folder, { recursive: true });
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
