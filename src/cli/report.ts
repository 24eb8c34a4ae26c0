import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { pngWriter, reportOnRun } from "../review/index.ts";
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

const reportCommand = async (name: string, { out, charts: folder, json }: ReportCommandOptions): Promise<void> => {
  const { root, id } = await findRun(name);
  // Before anything is written: a missing package is found here.
  const png = folder === undefined ? undefined : await pngWriter();
  const { html, charts } = await reportOnRun(join(root, id));
  const file = out ?? `report-${id}.html`;
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
