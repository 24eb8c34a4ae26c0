import { cp, mkdir, rename } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { ConfigError } from "../errors.ts";
import { readCheckpoint, stepsIn } from "../store/checkpoint.ts";
import { newRunId } from "../store/run-folder.ts";
import { requirePlainFiles } from "../store/stored-run.ts";

/** A new run that begins with a checkpoint of another one. */
export interface Fork {
  readonly run: string;
  readonly folder: string;
  /** Steps that it has done already. */
  readonly step: number;
}

/**
 * Makes a new run beside a stored one, which `resume` continues from a checkpoint of the other: the newest, or the one after
 * `step` steps. Throws `ConfigError` where there is no such good checkpoint.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { fork, resume } from "agentflow/learn";
 *
 * const { folder } = await fork("runs/2026-11-29-1412-7f3a", 100);
 * const report = await resume(folder, { environment: almanac() }).report;
 * console.log(report.run);
 * ```
 */
export const fork = async (from: string, step?: number): Promise<Fork> => {
  const [root, id] = [dirname(from), basename(from)];
  await requirePlainFiles(from);
  const { checkpoint, damage } = await readCheckpoint(from, step);
  const steps = await stepsIn(from);
  if (checkpoint === undefined || (step !== undefined && checkpoint.step !== step))
    throw new ConfigError(
      `The run ${id} has no good checkpoint${step === undefined ? "" : ` of step ${step}`}: it has ${steps.length === 0 ? "none" : steps.map((one) => `${id}@${one}`).join(", ")}${damage.length === 0 ? "" : ` (${damage.join("; ")})`}.`,
    );
  const run = newRunId();
  const folder = join(root, run);
  // Under another name until it is whole.
  const draft = join(root, `.fork-${run}`);
  await mkdir(draft);
  await cp(from, draft, {
    recursive: true,
    filter: (path) => {
      const name = relative(from, path).replaceAll("\\", "/");
      const ofStep = /^(?:checkpoints|replies)\/step-(\d+)/.exec(name)?.[1];
      return !(
        /^(?:\.owner|report\.json|seal\.json|weights|index\.sqlite)/.test(name) || Number(ofStep ?? 0) > checkpoint.step
      );
    },
  });
  await rename(draft, folder);
  return { run, folder, step: checkpoint.step };
};
