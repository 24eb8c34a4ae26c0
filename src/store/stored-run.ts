import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { name, required, ruleOf } from "../options.ts";
import { readLines } from "./lines.ts";
import { exists, idShape } from "./run-folder.ts";

/** A run as it lies on the disk. */
export interface StoredRun {
  readonly id: string;
  readonly folder: string;
  readonly config: unknown;
  /** Undefined while the run is under way, or when it was interrupted. */
  readonly report: unknown;
  readonly metrics: readonly unknown[];
  readonly timings: readonly unknown[];
}

/** What is known of a run is at least where it lies. */
export const isRunFolder = ruleOf<{ readonly folder: string }>({ folder: required(name) }, { others: "any" });

/**
 * Throws `StoreError` when anything in a run's folder is not a file or a folder: what is written to a link would end up
 * where the link leads. Throws `ConfigError` when there is no such folder.
 */
export const requirePlainFiles = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new ConfigError(`There is no run in ${folder}: ${messageOf(error)}. Name the folder of a run.`, {
      cause: error,
    });
  });
  for (const entry of entries)
    if (!entry.isFile() && !entry.isDirectory())
      throw new StoreError(
        `${join(entry.parentPath, entry.name)} is ${entry.isSymbolicLink() ? "a link" : "no file"}: a run's folder holds files and folders only. Put the file itself there.`,
      );
};

/**
 * Ids of the runs in a folder, oldest first; none when the folder does not exist.
 *
 * @example
 * ```ts
 * import { listRuns } from "agentflow/store";
 *
 * for (const id of await listRuns("runs")) console.log(id);
 * ```
 */
export const listRuns = async (root: string): Promise<string[]> => {
  required(name)(root, "listRuns: the folder");
  const found = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new StoreError(`Cannot list the runs in ${root}: ${error.message}`, { cause: error });
  });
  const ids: string[] = [];
  for (const entry of found)
    if (entry.isDirectory() && idShape.test(entry.name) && (await exists(join(root, entry.name, "config.json"))))
      ids.push(entry.name);
  return ids.sort();
};

/** What a file of a run may take: a larger one was not written here, and takes long to read. */
const FILE_BYTES = 8 * 2 ** 20;
export const RUN_FILE_LIMITS: JsonLimits = { depth: 200, values: 2_000_000, names: 100_000 };

const readJson = async (path: string): Promise<Record<string, unknown>> => {
  let value: unknown;
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES) throw new StoreError(`it takes ${size} bytes: accepted are ${FILE_BYTES}`);
    value = parseJson(await readFile(path, "utf8"), RUN_FILE_LIMITS);
  } catch (error) {
    throw new StoreError(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== 1)
    throw new StoreError(`${path} has schemaVersion ${JSON.stringify(version)}; this version reads 1.`);
  return value as Record<string, unknown>;
};

/**
 * Reads a run, finished or not. Throws `StoreError` naming the file that is missing or damaged.
 *
 * @example
 * ```ts
 * import { readRun } from "agentflow/store";
 *
 * const { folder, metrics } = await readRun("runs", "2026-11-29-1412-7f3a");
 * console.log(folder, metrics.length);
 * ```
 */
export const readRun = async (root: string, id: string): Promise<StoredRun> => {
  required(name)(root, "readRun: the folder");
  required(name)(id, "readRun: the id");
  const folder = join(root, id);
  if (!idShape.test(id) || !(await exists(join(folder, "config.json"))))
    throw new StoreError(`There is no run ${JSON.stringify(id)} in ${root}.`);
  const reportPath = join(folder, "report.json");
  return {
    id,
    folder,
    config: (await readJson(join(folder, "config.json"))).config,
    report: (await exists(reportPath)) ? await readJson(reportPath) : undefined,
    metrics: await readLines(join(folder, "metrics.jsonl")),
    timings: await readLines(join(folder, "timings.jsonl")),
  };
};

/**
 * The trajectories that a run stored, in the order in which they were appended. Throws `StoreError`.
 *
 * @example
 * ```ts
 * import { readTrajectories } from "agentflow/store";
 *
 * const trajectories = await readTrajectories({ folder: "runs/2026-11-29-1412-7f3a" });
 * console.log(trajectories.length);
 * ```
 */
export const readTrajectories = async (run: { readonly folder: string }): Promise<unknown[]> => {
  isRunFolder(run, "readTrajectories: the run");
  return readLines(join(run.folder, "trajectories.jsonl"));
};
