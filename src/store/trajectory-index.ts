import { createHash, type Hash, randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, copyFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AgentFlowError, messageOf, StoreError } from "../errors.ts";
import { rename, syncFolder } from "../files/file-calls.ts";
import { installCommand } from "../optional-package.ts";
import { callback, checked, type Rules } from "../options.ts";
import { pacer } from "../pacer.ts";
import { type OpenSqlite, openSqlite, type Sqlite, type SqlValue } from "../sqlite.ts";
import { excerptOf } from "./excerpt.ts";
import { parseLine, streamLines } from "./lines.ts";
import { checkReadOnly } from "./read-only-sql.ts";
import { isSealed, seal } from "./seal.ts";
import { isRunFolder } from "./stored-run.ts";
import {
  INDEX_VERSION,
  indexSchema,
  insertTrajectory,
  insertTurn,
  rowsOf,
  searchTexts,
  valuesOf,
} from "./trajectory-rows.ts";

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** There are more rows than were asked for. */
  readonly truncated: boolean;
}

/** How much a query may give. */
export interface QueryLimits {
  /** Rows; what is beyond is cut. @default 100 */
  readonly limit?: number;
  /** Of all values together: more is an error. @default no limit */
  readonly bytes?: number;
}

/** What can be asked of a run's trajectories. */
export interface TrajectoryIndex {
  /** Where the file is. */
  readonly path: string;
  /** Tables and views that a query may read, with their numbers of rows. */
  tables(): readonly { readonly name: string; readonly rows: number; readonly columns: readonly string[] }[];
  /** The first rows of one SELECT. Throws `StoreError` for SQL that is wrong, or that would do anything but read. */
  query(sql: string, limits?: QueryLimits): QueryResult;
  /** Questions, answers, and what tools said or failed with, that have all the words; the best first. */
  search(words: string, limits?: QueryLimits): QueryResult;
  close(): Promise<void>;
}

export interface TrajectoryIndexOptions {
  /** Told while the index is made, after each part of the file. */
  readonly onProgress?: (bytes: number, ofBytes: number) => void;
  readonly sqlite?: OpenSqlite;
}

const optionRules: Rules<TrajectoryIndexOptions> = { onProgress: callback, sqlite: callback };

const FILE = "index.sqlite";
const ROWS = 100;
/** Longest text that is looked for. */
const SEARCH_LENGTH = 1000;

/** How far an index reaches: bytes of the rows, and their hash. */
interface Reach {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Opens the index of a run's `trajectories.jsonl`, the file `index.sqlite` beside it. It holds nothing of its own: it is
 * made when it is missing, damaged or of another version, or when the rows that it was made of were cut or changed, and
 * extended when there are more. In a folder that is read only it is made elsewhere, and goes when it is closed. Throws
 * `StoreError` where there is no SQLite, and for rows that are damaged.
 *
 * @example
 * ```ts
 * import { openTrajectoryIndex } from "agentflow/store";
 *
 * const index = await openTrajectoryIndex({ folder: "runs/2026-11-29-1412-7f3a" });
 * console.log(index.query("SELECT count(*) FROM trajectories").rows);
 * await index.close();
 * ```
 */
export const openTrajectoryIndex = async (
  run: { readonly folder: string },
  options: TrajectoryIndexOptions = {},
): Promise<TrajectoryIndex> => {
  isRunFolder(run, "openTrajectoryIndex: the run");
  const { onProgress = () => undefined, sqlite = openSqlite } = checked("openTrajectoryIndex", options, optionRules);
  const { folder } = run;
  const rows = join(folder, "trajectories.jsonl");
  let path = join(folder, FILE);
  let elsewhere: string | undefined;
  const opened = async (file: string, readOnly: boolean): Promise<Sqlite> => {
    const database = await sqlite(file, { readOnly });
    if (database !== undefined) return database;
    throw new StoreError(
      `Queries need SQLite, which Node.js ${process.versions.node} does not bring: use Node.js 22.16 or newer, or run: ${installCommand("libsql")}`,
    );
  };
  const size = await sizeOf(rows);
  const reach = await reachOf(path, opened);
  const begun = reach === undefined ? undefined : await hashOf(rows, reach);
  const known = reach !== undefined && begun !== undefined ? { reach, hash: begun } : undefined;
  if (known === undefined || (await hasLineAfter(rows, known.reach.bytes))) {
    const begunAt = path;
    if (!(await isWritable(folder))) {
      elsewhere = await mkdtemp(join(tmpdir(), "agentflow-index-"));
      path = join(elsewhere, FILE);
    }
    const draft = `${path}.${process.pid}-${randomUUID()}.tmp`;
    try {
      await removeDrafts(dirname(path));
      if (known !== undefined) await copyFile(begunAt, draft);
      const database = await opened(draft, false);
      try {
        await extend(database, rows, known, (bytes) => onProgress(bytes, size));
      } finally {
        database.close();
      }
      await seal(draft);
      await rename(draft, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(elsewhere ?? draft, { recursive: true, force: true });
      if (error instanceof AgentFlowError) throw error;
      throw new StoreError(`Cannot make the index ${path}: ${messageOf(error)}`, { cause: error });
    }
  }
  return indexOn(path, await opened(path, true), elsewhere);
};

/** The index of an existing file, for a process that does nothing else: SQL uses at most `bytes` of memory. */
export const openIndexWithin = async (path: string, bytes: number): Promise<TrajectoryIndex> => {
  const database = await openSqlite(path, { readOnly: true });
  if (database === undefined) throw new StoreError("Queries need SQLite, and there is none.");
  // Of the whole process, and for good. What is sorted stays in memory too, and does not fill the disk.
  for (const setting of [`hard_heap_limit = ${bytes}`, "temp_store = MEMORY", "trusted_schema = OFF"])
    onlyRow(database, `PRAGMA ${setting}`);
  return indexOn(path, database);
};

const isWritable = (folder: string): Promise<boolean> =>
  access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );

/** Adds what the index does not have, in one transaction. */
const extend = async (
  database: Sqlite,
  rows: string,
  known: { readonly reach: Reach; readonly hash: Hash } | undefined,
  onProgress: (bytes: number) => void,
): Promise<void> => {
  // The draft is nobody's yet: what a crash leaves of it is thrown away.
  database.exec("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536");
  database.exec("BEGIN");
  if (known === undefined) database.exec(indexSchema);
  const lastOf = (table: string): number => Number(onlyRow(database, `SELECT coalesce(max(id), 0) FROM ${table}`)[0]);
  const textsBefore = lastOf("texts");
  let [line, turn, bytes] = [lastOf("trajectories_stored"), lastOf("turns_stored"), known?.reach.bytes ?? 0];
  const hash = known?.hash ?? createHash("sha256");
  const textId = textsOf(database, textsBefore);
  const [addTrajectory, addTurn] = [database.prepare(insertTrajectory), database.prepare(insertTurn)];
  let told = bytes;
  for await (const text of streamLines(rows, bytes)) {
    line += 1;
    const { trajectory, turns } = rowsOf(parsed(text, rows, line));
    addTrajectory.run(line, ...valuesOf(trajectory, textId));
    for (const { plain, texts } of turns) {
      turn += 1;
      addTurn.run(turn, ...valuesOf({ plain: { ...plain, trajectory: line }, texts }, textId));
    }
    hash.update(text);
    bytes += text.length;
    if (bytes - told < 2 ** 20) continue;
    told = bytes;
    onProgress(bytes);
  }
  await makeSearchable(database, textsBefore);
  database.exec("DELETE FROM about");
  database.prepare("INSERT INTO about VALUES (?, ?)").run(bytes, hash.digest("hex"));
  database.exec("COMMIT");
};

const parsed = (text: Buffer, file: string, line: number): unknown => {
  const row = parseLine(text, file, line);
  const version = (row as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== 1)
    throw new StoreError(`Line ${line} of ${file} has schemaVersion ${JSON.stringify(version)}; this version reads 1.`);
  return row;
};

/** Characters of text that are made searchable at once; then other work runs. */
const PACE = 100_000;

/** Puts the texts after a number into the full-text index, a few at a time. */
const makeSearchable = async (database: Sqlite, after: number): Promise<void> => {
  const sizes = database.prepare("SELECT id, length(text) FROM texts WHERE id > ? ORDER BY id LIMIT 1000");
  const add = database.prepare(
    "INSERT INTO text_search (rowid, text) SELECT id, text FROM texts WHERE id > ? AND id <= ?",
  );
  const pace = pacer(1);
  for (let done = after; ; ) {
    let [last, characters] = [done, 0];
    for (const [id, length] of sizes.rows(done)) {
      last = Number(id);
      characters += Number(length);
      if (characters >= PACE) break;
    }
    if (last === done) return;
    add.run(done, last);
    done = last;
    await pace(1);
  }
};

const SHORT = 200;
const REMEMBERED = 100_000;

/** Keeps each text once and says its number. Short ones that come often are not looked up again. */
const textsOf = (database: Sqlite, last: number): ((text: string) => number) => {
  const find = database.prepare("SELECT id FROM texts WHERE hash = ?");
  const add = database.prepare("INSERT INTO texts VALUES (?, ?, ?)");
  const known = new Map<string, number>();
  let next = last;
  return (text) => {
    const remembered = known.get(text);
    if (remembered !== undefined) return remembered;
    const hash = createHash("sha256").update(text).digest("hex");
    const [found] = find.rows(hash);
    if (found === undefined) {
      next += 1;
      add.run(next, hash, text);
    }
    const id = found === undefined ? next : Number(found[0]);
    if (known.size >= REMEMBERED) known.clear();
    if (text.length <= SHORT) known.set(text, id);
    return id;
  };
};

const indexOn = (path: string, database: Sqlite, elsewhere?: string): TrajectoryIndex => {
  const read = (
    sql: string,
    values: readonly SqlValue[],
    { limit = ROWS, bytes = Number.POSITIVE_INFINITY }: QueryLimits,
  ): QueryResult => {
    let length = 0;
    try {
      const statement = database.prepare(sql);
      const rows: (readonly SqlValue[])[] = [];
      for (const row of statement.rows(...values)) {
        if (rows.length === limit) return { columns: statement.columns, rows, truncated: true };
        rows.push(row);
        length += row.reduce<number>((sum, value) => sum + lengthOf(value), 0);
        if (length > bytes)
          throw new StoreError(
            `The query gives more than ${bytes} bytes: ask for fewer rows (--limit) or for a part of a text (substr).`,
          );
      }
      return { columns: statement.columns, rows, truncated: false };
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(`SQLite refuses the query: ${messageOf(error)}`, { cause: error });
    }
  };
  return {
    path,
    tables: () =>
      ["trajectories", "turns", "texts"].map((name) => ({
        name,
        rows: Number(onlyRow(database, `SELECT count(*) FROM ${name}`)[0]),
        columns: database.prepare(`SELECT * FROM ${name}`).columns,
      })),
    query: (sql, limits = {}) => {
      checkReadOnly(sql, database);
      return read(sql, [], limits);
    },
    search: (words, limits = {}) => {
      // Each word is quoted: FTS5 has a query language, and searches are not written in it.
      if (words.length > SEARCH_LENGTH)
        throw new StoreError(`What is looked for has ${words.length} characters; accepted are ${SEARCH_LENGTH}.`);
      const found = words.match(/[\p{L}\p{N}]+/gu) ?? [];
      if (found.length === 0) throw new StoreError(`There is no word to look for in ${JSON.stringify(words)}.`);
      const sought = [...new Set(found.map((word) => word.toLowerCase()))];
      const hits = read(searchTexts, [sought.map((word) => `"${word}"`).join(" ")], limits);
      const textOf = database.prepare("SELECT text FROM texts WHERE id = ?");
      const rows = hits.rows.map((row) => {
        const [[text = ""] = []] = [...textOf.rows(row.at(-1) ?? null)];
        return [...row.slice(0, -1), excerptOf(String(text), sought)];
      });
      return { ...hits, rows };
    },
    close: async () => {
      database.close();
      if (elsewhere !== undefined) await rm(elsewhere, { recursive: true, force: true });
    },
  };
};

const lengthOf = (value: SqlValue): number => (typeof value === "number" || value === null ? 8 : value.length);

const onlyRow = (database: Sqlite, sql: string): readonly SqlValue[] => [...database.prepare(sql).rows()][0] ?? [];

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const hasLineAfter = async (path: string, bytes: number): Promise<boolean> => {
  for await (const _ of streamLines(path, bytes)) return true;
  return false;
};

/** The hash of the rows that an index covers, to be continued; undefined when they are no longer those. */
const hashOf = async (path: string, { bytes, sha256 }: Reach): Promise<Hash | undefined> => {
  const hash = createHash("sha256");
  if (bytes > 0 && (await sizeOf(path)) < bytes) return undefined;
  if (bytes > 0) for await (const chunk of createReadStream(path, { end: bytes - 1 })) hash.update(chunk as Buffer);
  return hash.copy().digest("hex") === sha256 ? hash : undefined;
};

/** How far the index reaches; undefined when it is missing, damaged or of another version. */
const reachOf = async (
  path: string,
  opened: (path: string, readOnly: boolean) => Promise<Sqlite>,
): Promise<Reach | undefined> => {
  if (!(await isSealed(path))) return undefined;
  const database = await opened(path, true);
  try {
    if (onlyRow(database, "PRAGMA user_version")[0] !== INDEX_VERSION) return undefined;
    if (!(await hasOurSchema(database, opened))) return undefined;
    const [bytes, sha256] = onlyRow(database, "SELECT bytes, sha256 FROM about");
    return { bytes: Number(bytes), sha256: String(sha256) };
  } catch {
    // Sealed, and yet no index of ours.
    return undefined;
  } finally {
    database.close();
  }
};

/** Whether the index of a run, if it has one, is whole and of the rows that are there. */
export const indexFits = async ({ folder }: { readonly folder: string }): Promise<boolean> => {
  const path = join(folder, FILE);
  if ((await sizeOf(path)) === 0) return true;
  if (!(await isSealed(path))) return false;
  const database = await openSqlite(path, { readOnly: true });
  // Without SQLite its seal is all that can be looked at.
  if (database === undefined) return true;
  try {
    const memory = (): Promise<Sqlite | undefined> => openSqlite(":memory:");
    if (!(await hasOurSchema(database, memory))) return false;
    const [bytes, sha256] = onlyRow(database, "SELECT bytes, sha256 FROM about");
    const reach = { bytes: Number(bytes), sha256: String(sha256) };
    return (await hashOf(join(folder, "trajectories.jsonl"), reach)) !== undefined;
  } catch {
    // Sealed, and yet no index of ours.
    return false;
  } finally {
    database.close();
  }
};

/**
 * Whether a file has the tables and views that an index is made with, word for word: a view of somebody else, under the
 * name of ours, computes what it likes when it is read.
 */
const hasOurSchema = async (
  database: Sqlite,
  opened: (path: string, readOnly: boolean) => Promise<Sqlite | undefined>,
): Promise<boolean> => {
  const schemaOf = (one: Sqlite): string =>
    JSON.stringify([...one.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").rows()]);
  const fresh = await opened(":memory:", false);
  if (fresh === undefined) return false;
  try {
    fresh.exec(indexSchema);
    return schemaOf(database) === schemaOf(fresh);
  } finally {
    fresh.close();
  }
};

/** Drafts of processes that are gone. */
const removeDrafts = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    const pid = /^index\.sqlite\.(\d+)-.*\.tmp/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
  }
};

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
