import { stat } from "node:fs/promises";
import { join } from "node:path";
import { almanac } from "../almanac/environment.ts";
import { learnFromTrajectories, readSolved } from "../learn/from-trajectories.ts";
import { findRun, localPlanner } from "../setup/local-model.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { learnView } from "./learn-view.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { counted, countedTrajectories } from "./words.ts";

export interface SftCommandOptions {
  readonly seed: number;
  /** A run, or a file of trajectories; the oracle's plans on training tasks when absent. */
  readonly from?: string | undefined;
  readonly demonstrations: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly model?: string | undefined;
  readonly evalTasks?: number | undefined;
  readonly validation: boolean;
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow sft`: supervised training from solved trajectories, on the screen. Returns the exit code. */
export const sftCommand = async (options: SftCommandOptions): Promise<number> => {
  const { from, out, model, json, quiet, ...settings } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const view = learnView(screen, { environment: await almanac().open({ seed: options.seed }) });
  try {
    const run = learnFromTrajectories({
      ...settings,
      environment: almanac(),
      planner: model === undefined ? undefined : localPlanner(model),
      trajectories: from === undefined ? undefined : await readSolved(await trajectoriesOf(from)),
      folder: out,
      abortSignal: interrupts.abortSignal,
    });
    for await (const event of run) view.show(event);
    const report = await run.report;
    if (json) writeJson(report);
    screen.line(
      `Imitated ${countedTrajectories(report.trajectories)} in ${counted(report.steps, "step")} of ${options.batch}, loss ${report.loss.toFixed(3)}`,
    );
    screen.line(`Run      ${join(out, report.run)}`);
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/** The file of trajectories that a person named: by its path, or by a run. */
const trajectoriesOf = async (from: string): Promise<string> => {
  if ((await stat(from).catch(() => undefined))?.isFile() === true) return from;
  const { root, id } = await findRun(from);
  return join(root, id, "trajectories.jsonl");
};
