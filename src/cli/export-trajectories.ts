import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import { ConfigError } from "../errors.ts";
import { isSolved } from "../learn/from-trajectories.ts";
import { packageFolder } from "../package-folder.ts";
import {
  type ExportFilters,
  exportRun,
  importAtif,
  type TrajectoryFormat,
  trajectoryFormats,
} from "../review/index.ts";
import { findRun } from "../setup/local-model.ts";
import { lineWriter } from "../store/lines.ts";
import { exists } from "../store/run-folder.ts";
import { jsonOption } from "./command-options.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { requireOutsideOfRuns, requirePlaceFor } from "./places.ts";
import { openScreen, sideScreen, writeJson } from "./terminal.ts";
import { counted, countedTrajectories } from "./words.ts";

export const isTrajectoryFormat = (format: string): format is TrajectoryFormat =>
  trajectoryFormats.some((one) => one === format);

/** Filters of `agentflow export` for the formats of trajectories. */
export const addFilters = (command: Command): Command =>
  command
    .option("--phase <name>", "of a run's trajectories: only those of before, coldStart, after or failing")
    .option("--set <name>", "only those of this evaluation set")
    .option("--family <name>", "only those of this family of questions")
    .option("--task <id>", "only those of this task")
    .addOption(new Option("--solved", "only those that earned the whole reward"));

export interface ExportTrajectoriesOptions extends ExportFilters {
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow export <run> --format atif …`: a run's trajectories for other programs. Returns the exit code. */
export const exportTrajectories = async (
  name: string,
  format: TrajectoryFormat,
  { out, json, quiet, phase, set, family, task, solved }: ExportTrajectoriesOptions,
): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const { root, id } = await findRun(name);
  await requireOutsideOfRuns(out);
  const { version } = JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8")) as {
    readonly version: string;
  };
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const { written, leftOut } = await exportRun(join(root, id), {
      ...{ format, out, version, phase, set, family, task, solved },
      onProgress: (done) => screen.live(`${done} written`),
      abortSignal: interrupts.abortSignal,
    });
    screen.clear();
    screen.line(screen.good("written"), `  ${out}: ${countedTrajectories(written)} as ${format}`);
    if (leftOut > 0)
      screen.line(
        screen.dim(`left out ${counted(leftOut, "rollout")} of training, kept as what the planner said alone`),
      );
    if (json) writeJson({ schemaVersion: 1, run: id, format, out, written, leftOut });
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/** `agentflow import <path>`: trajectories of other agents, for `agentflow sft --from`. */
export const addImport = (program: Command): void => {
  program
    .command("import")
    .description("read ATIF trajectories into a file that sft --from imitates")
    .argument("<path>", "an ATIF document, JSON lines of them, or a folder")
    .requiredOption("--out <file>", "file to write: a trajectory a line")
    .option(...jsonOption)
    .action(async (path: string, { out, json }: { readonly out: string; readonly json: boolean }) => {
      if (await exists(out))
        throw new ConfigError(
          `${out} is there already, and nothing is written over: remove it, or choose another --out.`,
        );
      const progress = sideScreen();
      await requirePlaceFor(out);
      let [read, solved] = [0, 0];
      const writer = lineWriter(out);
      try {
        for await (const trajectory of importAtif(path)) {
          writer.append(trajectory);
          read += 1;
          if (isSolved(trajectory) && trajectory.memory.length > 0) solved += 1;
          progress.live(`${read} read`);
        }
        if (read === 0) throw new ConfigError(`${path} holds no trajectories: accepted are documents of ATIF.`);
        await writer.close();
      } catch (error) {
        // Whole or not there.
        await writer.close().catch(() => undefined);
        await rm(out, { force: true });
        throw error;
      } finally {
        progress.clear();
      }
      if (json) writeJson({ schemaVersion: 1, out, trajectories: read, solved });
      else {
        const screen = openScreen();
        screen.line(`${out}: ${countedTrajectories(read)}, ${solved} solved`);
        screen.line(screen.dim("imitate those that are solved: agentflow sft --from <file>"));
      }
    });
};
