import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdir, readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { remove, syncFolder, truncate } from "../files/file-calls.ts";
import type { FileLock } from "../files/file-lock.ts";
import { makeFolder } from "../files/make-folder.ts";
import { writeDurably } from "./durable.ts";
import { begunIn, type Extent, type LineWriter, lineWriter } from "./lines.ts";
import { own } from "./owner.ts";
import { SEAL, sealOf } from "./run-seal.ts";

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
 *   checkpoints/        states to resume from
 *   report.json         the result; a run that has one is finished
 *   weights/            what was learnt
 *   seal.json           the hash of every file, when the run ended
 */
export interface Run {
  readonly id: string;
  readonly folder: string;
  /** How the run is owned: `create` on a file system without hard links, where that takes two steps. */
  readonly ownedBy: FileLock["by"];
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
  /** Ends a run: writes the hash of every file of it, and then its last one. Throws `StoreError`. */
  end(name: string, value: object): Promise<void>;
  /** A path inside the run's folder. Throws `StoreError` for one outside it. */
  path(name: string): string;
  /** Waits until all rows are written. Throws `StoreError` if one could not be. */
  flush(): Promise<void>;
  /** Flushes and syncs; how far each file of rows reaches, and what was written of the files of JSON, by name. */
  extents(): Promise<Extents>;
  /** Flushes and closes the streams. Throws `StoreError` if a row could not be written. */
  close(): Promise<void>;
}

/** Files of a run by name, with their length and hash. */
export type Extents = Readonly<Record<string, Extent>>;

/** What a run may be called. */
export const idShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** An id such as `2026-11-25-1412-7f3a`: the minute in UTC, and four random hexadecimal digits. `uniform` is in [0, 1). */
export const runId = (now: Date, uniform: () => number): string => {
  const suffix = Math.floor(uniform() * 0x10000)
    .toString(16)
    .padStart(4, "0");
  return `${now.toISOString().slice(0, 16).replace("T", "-").replace(":", "")}-${suffix}`;
};

/** The id of a run that begins now. */
export const newRunId = (): string => runId(new Date(), Math.random);

export const exists = (path: string): Promise<boolean> =>
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

const json = (value: object): string => `${JSON.stringify({ schemaVersion: 1, ...value }, null, 2)}\n`;

/**
 * Makes the folder of a new run and writes its `config.json`. Before anything is written it throws `ConfigError` for
 * an id or a root that cannot work, and `StoreError` when the run exists.
 */
export const createRun = async (root: string, id: string, config: object): Promise<Run> => {
  if (!idShape.test(id))
    throw new ConfigError(
      `${JSON.stringify(id)} is not a run id: accepted are up to 100 letters, digits, dots and dashes.`,
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

  const lock = await own(folder);
  await writeDurably(join(folder, "config.json"), configText);
  return runOn(id, folder, lock, { "config.json": extentOf(configText) });
};

/**
 * Resumes a run, in the process that owns it: its files of rows are cut to the given lengths, for
 * what was written after them is done again. Throws `StoreError` for a file that is not as it was at that length, before
 * anything is changed. The lock is given back when the run is closed.
 */
export const reopenRun = async (folder: string, extents: Extents, lock: FileLock): Promise<Run> => {
  const [change] = await changedSince(folder, extents);
  if (change !== undefined)
    throw new StoreError(
      `${join(folder, change)}. Bring the file back from a copy, or begin a new run; agentflow runs fork continues from an earlier checkpoint.`,
    );
  for (const name of rowFiles) {
    const [file, wanted] = [join(folder, name), extents[name]?.bytes ?? 0];
    if ((await exists(file)) && (await stat(file)).size > wanted) await truncate(file, wanted);
  }
  const written = Object.entries(extents).filter(([name]) => !isRows(name));
  return runOn(basename(folder), folder, lock, Object.fromEntries(written));
};

/** Files of a run that are not what they were, a line each that begins with the file's name. Rows may be more by now. */
export const changedSince = async (folder: string, extents: Extents): Promise<string[]> => {
  const changes: string[] = [];
  for (const [name, expected] of Object.entries(extents)) {
    if (!/^[a-z]+\.jsonl?$/.test(name))
      throw new StoreError(`${JSON.stringify(name)} is not a file of the run ${folder}.`);
    const file = join(folder, name);
    const found = await begunIn(file, isRows(name) ? expected.bytes : undefined);
    const sha256 = found.hash.digest("hex");
    if (found.bytes === expected.bytes && sha256 === expected.sha256) continue;
    changes.push(
      `${name} was changed: its first ${expected.bytes} bytes had the SHA-256 ${expected.sha256.slice(0, 12)}… when the run was last kept, and now there are ${found.bytes} with ${sha256.slice(0, 12)}…`,
    );
  }
  return changes;
};

/** Files of rows, which only grow. */
const rowFiles = ["metrics.jsonl", "timings.jsonl", "trajectories.jsonl", "digests.jsonl"] as const;

const isRows = (name: string): boolean => rowFiles.some((rows) => rows === name);

/** Of a whole file. */
export const extentOf = (text: string): Extent => ({
  bytes: Buffer.byteLength(text),
  sha256: createHash("sha256").update(text).digest("hex"),
});

/** `known` are the files of JSON that were written, as they were written. */
const runOn = (id: string, folder: string, lock: FileLock, known: Extents): Run => {
  const written = new Map(Object.entries(known));
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

  const extents = async (): Promise<Extents> => {
    await journal?.settled();
    const found = await all((stream) => stream.settled());
    const rows = rowFiles.flatMap((name, i): [string, Extent][] => (found[i] === undefined ? [] : [[name, found[i]]]));
    return Object.fromEntries([...written, ...rows]);
  };

  const writeJson = async (name: string, value: object): Promise<void> => {
    const text = json(value);
    await writeDurably(path(name), text);
    written.set(name, extentOf(text));
  };

  return {
    id,
    folder,
    ownedBy: lock.by,
    appendMetrics: metrics.append,
    appendTimings: timings.append,
    appendTrajectory: trajectories.append,
    appendDigest: digests.append,
    appendJournal: (row) => journal?.append(row),
    turnJournal: async (step, keepFrom) => {
      await journal?.close();
      const folder_ = path("journal");
      await makeFolder(folder_);
      for (const name of await readdir(folder_)) {
        const first = Number(/^(\d+)\.jsonl$/.exec(name)?.[1] ?? Number.NaN);
        // What is written again from this step on, and what no checkpoint leads to any more.
        if (first >= step || first < keepFrom) await remove(join(folder_, name));
      }
      journal = lineWriter(join(folder_, `${String(step).padStart(7, "0")}.jsonl`));
    },
    writeJson,
    end: async (name, value) => {
      const files = await sealOf(folder, { ...(await extents()), [name]: extentOf(json(value)) });
      await writeJson(SEAL, { files });
      await writeJson(name, value);
    },
    path,
    flush: async () => {
      await all((stream) => stream.flush());
      await journal?.flush();
    },
    extents,
    close: async () => {
      try {
        await all((stream) => stream.close());
        await journal?.close();
      } finally {
        await lock.release();
      }
    },
  };
};
