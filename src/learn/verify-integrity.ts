import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { verifyManifest } from "../engines/onnx/files/manifest.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { changedSince, exists } from "../store/run-folder.ts";
import { changesSince } from "../store/run-seal.ts";
import { requirePlainFiles } from "../store/stored-run.ts";
import { indexFits } from "../store/trajectory-index.ts";
import { loadState } from "./checkpoint-state.ts";
import { readPhases } from "./resume.ts";
import { OPTIONS_VERSION, readJson } from "./stored-options.ts";
import { checkJournal, Difference } from "./verify-rows.ts";

/** Throws `ConfigError` for an unfinished run of an earlier version. One that cannot be read is another matter. */
export const requireThisVersion = async (folder: string): Promise<void> => {
  const stored = await readJson(join(folder, "options.json")).catch(() => undefined);
  const version = stored?.schemaVersion;
  if (typeof version === "number" && version < OPTIONS_VERSION && !(await exists(join(folder, "seal.json"))))
    throw new ConfigError(
      `The run ${folder} is of an earlier version (options.json has schemaVersion ${version}, and ${OPTIONS_VERSION} is verified here). Verify it with that version.`,
    );
};

/**
 * What differs from the hashes that a run keeps of its own files: nothing is done again for it.
 *
 * @example
 * ```ts
 * import { integrityOf } from "agentflow/learn";
 *
 * for (const difference of await integrityOf("runs/2026-11-29-1412-7f3a")) console.error(difference);
 * ```
 */
export const integrityOf = async (folder: string): Promise<string[]> => {
  try {
    await requirePlainFiles(folder);
    const ended = (await exists(join(folder, "report.json"))) || (await exists(join(folder, "seal.json")));
    const changes = ended ? await changesSince(folder) : await changedSinceCheckpoint(folder);
    if (changes.length > 0) return changes;
    await readPhases(folder);
    await checkJournal(folder);
    await checkWeights(folder);
    if (!(await indexFits({ folder })))
      throw new Difference("index.sqlite does not fit trajectories.jsonl: runs query makes it again");
    return [];
  } catch (error) {
    if (error instanceof Difference || error instanceof StoreError) return [error.message];
    throw error;
  }
};

/** Checkpoints that are damaged, and rows that are not those of the newest one. */
const changedSinceCheckpoint = async (folder: string): Promise<string[]> => {
  const damage: string[] = [];
  const stored = await loadState(folder, [], (one) => damage.push(one));
  return [...damage, ...(stored === undefined ? [] : await changedSince(folder, stored.extents))];
};

/** The weights that the run gave, against the hashes of their manifests. */
const checkWeights = async (folder: string): Promise<void> => {
  const weights = join(folder, "weights");
  const inside = await readdir(weights, { withFileTypes: true }).catch(() => []);
  const several = inside.filter((entry) => entry.isDirectory()).map(({ name }) => join(weights, name));
  // A run that was interrupted has none yet.
  // Those that a server keeps have no manifest here.
  if (inside.length > 0 && !(await exists(join(weights, "tinker.json"))))
    for (const place of several.length === 0 ? [weights] : several)
      await verifyManifest(place).catch((error: unknown) => {
        throw new Difference(messageOf(error));
      });
};
