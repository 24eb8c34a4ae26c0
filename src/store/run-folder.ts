import { constants } from "node:fs";
import { access, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { type JsonLimits, jsonProblem } from "../json-limits.ts";
import { writeDurably } from "./durable.ts";
import { remove, syncFolder, truncate } from "./file-calls.ts";
import { type LineWriter, lineWriter, readLines } from "./lines.ts";
import { own } from "./owner.ts";

/**
 * A run is a folder `<root>/<id>/`:
 *   config.json         everything that the run was given
 *   metrics.jsonl       one row a step: a function of config and seed alone
 *   timings.jsonl       wall time, apart from what must be reproducible
 *   trajectories.jsonl  what the flow did
 *   index.sqlite        the same for queries; made of it by the first one, and again whenever it does not fit
 *   digests.jsonl       a hash of each turn of training
 *   journal/            tokens, log-probabilities and tool replies of the latest steps, in full
 *   replies/            what tools replied, where a second time they might reply otherwise
 *   checkpoints/        states to go on from
 *   report.json         the result; a run that has one is finished
 *   weights/            what was learnt
 */
export interface Run {
  readonly id: string;
  readonly folder: string;
  appendMetrics(row: object): void;
  appendTimings(row: object): void;
  appendTrajectory(row: object): void;
  /** Hashes of what was sampled and answered in a step, turn by turn: what `runs verify` compares. */
  appendDigest(row: object): void;
  /** What was sampled and answered, in full: tokens, log-probabilities, calls and replies. */
  appendJournal(row: object): void;
  /** The journal of the steps from this one on begins a new file; files of steps before `keepFrom` go. */
  turnJournal(step: number, keepFrom: number): Promise<void>;
  /** Writes a JSON file of the run atomically, with a `schemaVersion` (1 unless the value has one). */
  writeJson(name: string, value: object): Promise<void>;
  /** A path inside the run's folder. Throws `StoreError` for one outside it. */
  path(name: string): string;
  /** Waits until all rows are written. Throws `StoreError` if one could not be. */
  flush(): Promise<void>;
  /** Flushes and syncs; the lengths of the files of rows now, by name. */
  lengths(): Promise<Readonly<Record<string, number>>>;
  /** Flushes and closes the streams. Throws `StoreError` if a row could not be written. */
  close(): Promise<void>;
}

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

const idShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** An id such as `2026-11-25-1412-7f3a`: the minute in UTC, and four random hexadecimal digits. `uniform` is in [0, 1). */
export const runId = (now: Date, uniform: () => number): string => {
  const suffix = Math.floor(uniform() * 0x10000)
    .toString(16)
    .padStart(4, "0");
  return `${now.toISOString().slice(0, 16).replace("T", "-").replace(":", "")}-${suffix}`;
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The root may still have to be made: its nearest ancestor that exists must be a folder that can be written. */
const checkRoot = async (root: string): Promise<void> => {
  let nearest = resolve(root);
  while (!(await exists(nearest)) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  const refusal = (why: string): ConfigError =>
    new ConfigError(`Cannot store runs in ${root}: ${why}. Choose another folder.`);
  if (!(await stat(nearest)).isDirectory()) throw refusal(`${nearest} is a file`);
  try {
    await access(nearest, constants.W_OK | constants.X_OK);
  } catch {
    throw refusal(`${nearest} is not writable`);
  }
};

/** Makes a folder and those above it, one by one: Node's recursive mkdir never returns where a parent refuses all names. */
const makeFolder = async (folder: string): Promise<void> => {
  if (await exists(folder)) return;
  await makeFolder(dirname(folder));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
};

const json = (value: object): string => `${JSON.stringify({ schemaVersion: 1, ...value }, null, 2)}\n`;

/**
 * Makes the folder of a new run and writes its `config.json`. Before anything is written it throws `ConfigError` for
 * an id or a root that cannot work, and `StoreError` when the run exists.
 */
export const createRun = async (root: string, id: string, config: object): Promise<Run> => {
  if (!idShape.test(id))
    throw new ConfigError(
      `${JSON.stringify(id)} is no run id: accepted are up to 100 letters, digits, dots and dashes.`,
    );
  const folder = join(root, id);
  const configText = json({ config });
  await checkRoot(root);
  if (await exists(folder))
    throw new StoreError(`Run ${id} exists already: ${folder}. Remove it or choose another id.`);
  try {
    await makeFolder(resolve(root));
    await mkdir(folder);
    await syncFolder(root);
  } catch (error) {
    throw new StoreError(`Cannot make the run folder ${folder}: ${messageOf(error)}`, { cause: error });
  }

  const release = await own(folder);
  await writeDurably(join(folder, "config.json"), configText);
  return runOn(id, folder, release);
};

/**
 * A run that was begun, to go on with: its files of rows are cut to the given lengths, for what was written after them is
 * done again. Throws `StoreError` when another process has it, or when a file is shorter than it has to be.
 */
export const reopenRun = async (root: string, id: string, lengths: Readonly<Record<string, number>>): Promise<Run> => {
  const folder = join(root, id);
  if (!idShape.test(id) || !(await exists(join(folder, "config.json"))))
    throw new StoreError(`There is no run ${JSON.stringify(id)} in ${root}.`);
  const release = await own(folder);
  try {
    for (const name of rowFiles) {
      const file = join(folder, name);
      const [wanted, size] = [lengths[name] ?? 0, (await exists(file)) ? (await stat(file)).size : 0];
      if (size < wanted)
        throw new StoreError(
          `${file} has ${size} bytes, and had ${wanted} when its checkpoint was written: it was cut.`,
        );
      if (size > wanted) await truncate(file, wanted);
    }
    return runOn(id, folder, release);
  } catch (error) {
    await release();
    throw error;
  }
};

/** Files of rows, which only grow. */
const rowFiles = ["metrics.jsonl", "timings.jsonl", "trajectories.jsonl", "digests.jsonl"] as const;

const runOn = (id: string, folder: string, release: () => Promise<void>): Run => {
  const path = (name: string): string => {
    const inside = relative(folder, resolve(folder, name));
    if (inside === "" || inside.startsWith("..") || isAbsolute(inside))
      throw new StoreError(`${JSON.stringify(name)} is not a file of run ${id}: it lies outside ${folder}.`);
    return join(folder, inside);
  };
  const [metrics, timings, trajectories, digests] = rowFiles.map((name) => lineWriter(path(name))) as [
    LineWriter,
    LineWriter,
    LineWriter,
    LineWriter,
  ];
  let journal: LineWriter | undefined;
  const streams = [metrics, timings, trajectories, digests];

  /** Runs all, even if one fails, then throws the first failure. */
  const all = async <Result>(act: (stream: LineWriter) => Promise<Result>): Promise<Result[]> => {
    const results = await Promise.allSettled(streams.map(act));
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  };

  return {
    id,
    folder,
    appendMetrics: metrics.append,
    appendTimings: timings.append,
    appendTrajectory: trajectories.append,
    appendDigest: digests.append,
    appendJournal: (row) => journal?.append(row),
    turnJournal: async (step, keepFrom) => {
      await journal?.close();
      const folder_ = path("journal");
      await mkdir(folder_, { recursive: true });
      for (const name of await readdir(folder_)) {
        const first = Number(/^(\d+)\.jsonl$/.exec(name)?.[1] ?? Number.NaN);
        // What is written again from this step on, and what no checkpoint leads to any more.
        if (first >= step || first < keepFrom) await remove(join(folder_, name));
      }
      journal = lineWriter(join(folder_, `${String(step).padStart(7, "0")}.jsonl`));
    },
    writeJson: (name, value) => writeDurably(path(name), json(value)),
    path,
    flush: async () => {
      await all((stream) => stream.flush());
      await journal?.flush();
    },
    lengths: async () => {
      await journal?.settled();
      const found = await all((stream) => stream.settled());
      return Object.fromEntries(rowFiles.map((name, i) => [name, found[i] ?? 0]));
    },
    close: async () => {
      try {
        await all((stream) => stream.close());
        await journal?.close();
      } finally {
        await release();
      }
    },
  };
};

/** Ids of the runs in a folder, oldest first; none when the folder does not exist. */
export const listRuns = async (root: string): Promise<string[]> => {
  const found = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new StoreError(`Cannot list the runs in ${root}: ${error.message}`, { cause: error });
  });
  const ids: string[] = [];
  for (const entry of found)
    if (entry.isDirectory() && (await exists(join(root, entry.name, "config.json")))) ids.push(entry.name);
  return ids.sort();
};

/** What a file of a run may take: more is none of ours, and takes long to read. */
const FILE: JsonLimits = { bytes: 8 * 2 ** 20, depth: 200, parts: 100_000 };

const readJson = async (path: string): Promise<Record<string, unknown>> => {
  let value: unknown;
  try {
    const { size } = await stat(path);
    const bytes = size > FILE.bytes ? undefined : await readFile(path);
    const problem =
      bytes === undefined ? `it takes ${size} bytes; accepted are ${FILE.bytes}` : jsonProblem(bytes, FILE);
    if (problem !== undefined || bytes === undefined) throw new Error(problem);
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new StoreError(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== 1)
    throw new StoreError(`${path} has schemaVersion ${JSON.stringify(version)}; this version reads 1.`);
  return value as Record<string, unknown>;
};

/** Reads a run, finished or not. Throws `StoreError` naming the file that is missing or damaged. */
export const readRun = async (root: string, id: string): Promise<StoredRun> => {
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

/** The trajectories that a run stored, in the order in which they were appended. Throws `StoreError`. */
export const readTrajectories = (run: { readonly folder: string }): Promise<unknown[]> =>
  readLines(join(run.folder, "trajectories.jsonl"));
