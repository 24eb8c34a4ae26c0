import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, StoreError } from "../errors.ts";
import type { FileLock } from "../files/file-lock.ts";
import { own } from "../store/owner.ts";
import { type Extents, extentOf, type Run } from "../store/run-folder.ts";
import { readTrajectories, requirePlainFiles } from "../store/stored-run.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Baselines } from "./baselines.ts";
import type { StoredState } from "./checkpoint-state.ts";
import type { Evaluated } from "./evaluation.ts";
import { hashOf } from "./journal.ts";
import { readJson, readStoredOptions, type StoredOptions } from "./stored-options.ts";
import type { Agreement } from "./verifier-imitation.ts";

/** Parts of a run that are done before training: they are read again and not done again. */
export interface Phases {
  /** How far the files of the run reached when the last part was done. */
  readonly extents?: Extents;
  readonly before?: Pick<Evaluated, "figures" | "outcomes">;
  readonly coldStart?: Pick<Evaluated, "figures" | "outcomes">;
  readonly baselines?: Baselines;
  readonly agreement?: Agreement;
  readonly seconds?: Readonly<Record<string, number>>;
}

/** A run that is resumed. This process owns it. */
export interface Resumed extends StoredOptions {
  readonly folder: string;
  readonly phases: Phases;
  readonly lock: FileLock;
}

const PHASES = "phases.json";

/** Keeps the parts that are done, with how far the run's files reach and a hash of all that. */
export const writePhases = async (run: Pick<Run, "extents" | "writeJson">, phases: Phases): Promise<void> => {
  const { [PHASES]: _, ...extents } = await run.extents();
  const kept = { ...phases, extents };
  await run.writeJson(PHASES, { ...kept, check: hashOf(kept) });
};

/** The parts that a run has done. Throws `StoreError` when what is kept of them is not what was written. */
export const readPhases = async (folder: string): Promise<Phases> => {
  const path = join(folder, PHASES);
  const stored = await readJson(path);
  if (stored === undefined) return {};
  const { schemaVersion: _, check, ...phases } = stored;
  const found = hashOf(phases);
  if (check !== found)
    throw new StoreError(
      `${path} was changed: its parts had the hash ${String(check)} when they were written, and now it is ${found}. Bring the file back from a copy, or begin a new run.`,
    );
  const extents = { ...(phases as Phases).extents, [PHASES]: extentOf(await readFile(path, "utf8")) };
  return { ...(phases as Phases), extents };
};

/**
 * Takes a run that is to be resumed, and only then reads it: it is nobody else's from here on. Throws `ConfigError` for one
 * that is finished, or that was no `learn`, and `StoreError` for one that another process has.
 */
export const resumable = async (folder: string): Promise<Resumed> => {
  await requirePlainFiles(folder);
  const lock = await own(folder);
  try {
    const stored = await readStoredOptions(folder);
    const report = await readJson(join(folder, "report.json"));
    if (report !== undefined && report.interrupted !== true)
      throw new ConfigError(`The run ${folder} is finished: its report is in ${join(folder, "report.json")}.`);
    return { ...stored, folder, phases: await readPhases(folder), lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
};

/** How far the files of the run reached when the last part was done; later rows are written again. */
export const extentsOf = (phases: Phases, stored: StoredState | undefined): Extents => {
  const began = stored === undefined || stored.state.after.index < 0;
  if (began && (stored === undefined || phases.coldStart !== undefined)) return phases.extents ?? {};
  return stored?.extents ?? {};
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
