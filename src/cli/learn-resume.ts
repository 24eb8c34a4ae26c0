import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { type Run, readTrajectories } from "../store/run-folder.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Baselines } from "./baselines.ts";
import type { Evaluated } from "./evaluation.ts";
import type { LearnOptions } from "./learn-options.ts";
import { findRun } from "./model.ts";
import type { StoredState } from "./training-state.ts";

/** Parts of a run that are done before training: they are read again and not done again. */
export interface Phases {
  readonly lengths?: Readonly<Record<string, number>>;
  readonly before?: Pick<Evaluated, "figures" | "outcomes">;
  readonly coldStart?: Pick<Evaluated, "figures" | "outcomes">;
  readonly baselines?: Baselines;
  readonly seconds?: Readonly<Record<string, number>>;
}

/** A run that is gone on with. */
export interface Resumed {
  readonly root: string;
  readonly id: string;
  readonly folder: string;
  readonly options: LearnOptions;
  /** What the engine said of the machine when the run began. */
  readonly machine: unknown;
  readonly phases: Phases;
}

const readJson = async (path: string): Promise<Record<string, unknown> | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new StoreError(`Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new StoreError(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
};

/** Looks a run up that is to be gone on with. Throws `ConfigError` for one that is finished, or that was no `learn`. */
export const resumable = async (name: string): Promise<Resumed> => {
  const { root, id } = await findRun(name);
  const folder = join(root, id);
  const { options, machine } = await optionsOfRun(folder, id);
  const report = await readJson(join(folder, "report.json"));
  if (report !== undefined && report.interrupted !== true)
    throw new ConfigError(`The run ${id} is finished: its report is in ${join(folder, "report.json")}.`);
  const phases = ((await readJson(join(folder, "phases.json"))) ?? {}) as Phases;
  return { root, id, folder, options, machine, phases };
};

/** What a run was asked for, and the machine that it began on. Throws `ConfigError` for one that is no run of learn. */
export const optionsOfRun = async (
  folder: string,
  id: string,
): Promise<{ readonly options: LearnOptions; readonly machine: unknown }> => {
  const config = (await readJson(join(folder, "config.json")))?.config as { readonly machine?: unknown } | undefined;
  const options = (await readJson(join(folder, "options.json")))?.options as LearnOptions | undefined;
  if (options === undefined)
    throw new ConfigError(`The run ${id} cannot be gone on with: it died before it began, or is no run of learn.`);
  return { options, machine: config?.machine };
};

/** How long the files of rows were when the last part was done; later rows are written again. */
export const lengthsOf = (phases: Phases, stored: StoredState | undefined): Readonly<Record<string, number>> => {
  const began = stored === undefined || stored.state.after.index < 0;
  if (began && (stored === undefined || phases.coldStart !== undefined)) return phases.lengths ?? {};
  return stored?.lengths ?? {};
};

/** An evaluation as it was: its figures, and its trajectories from the run's rows. */
export const evaluatedAgain = async (
  run: Pick<Run, "folder">,
  phase: "before" | "coldStart",
  kept: Pick<Evaluated, "figures" | "outcomes">,
): Promise<Evaluated> => {
  const trajectories = new Map<string, Trajectory>();
  for (const row of (await readTrajectories(run)) as { phase?: string; task?: string; trajectory?: Trajectory }[])
    if (row.phase === phase && row.task !== undefined && row.trajectory !== undefined)
      trajectories.set(row.task, row.trajectory);
  return { ...kept, trajectories };
};
