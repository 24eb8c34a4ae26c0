import { pathToFileURL } from "node:url";

/** What a cell of a row holds. Whole numbers that no `number` can hold come as text. */
export type SqlValue = string | number | Uint8Array | null;

/** A statement that SQLite has read. */
export interface SqliteStatement {
  readonly columns: readonly string[];
  /** Runs it to its end. */
  run(...values: readonly SqlValue[]): void;
  /** Its rows one by one, each with a value a column. Who stops reading stops it. */
  rows(...values: readonly SqlValue[]): Iterable<readonly SqlValue[]>;
}

/** An open SQLite file, or one in memory. */
export interface Sqlite {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteOptions {
  /** @default false */
  readonly readOnly?: boolean;
}

/** Opens a file (`:memory:` for none); undefined where there is no SQLite. Throws what SQLite throws. */
export type OpenSqlite = (path: string, options?: SqliteOptions) => Promise<Sqlite | undefined>;

/** The SQLite of Node (22.16 and later), or else that of `libsql`, an optional dependency. */
export const openSqlite: OpenSqlite = async (path, options = {}) =>
  (await openWithNode(path, options)) ?? (await openWithLibsql(path, options));

/** The part of `node:sqlite` that is used. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: SqliteOptions,
  ) => Closable & { prepare(sql: string): NodeStatement };
  readonly StatementSync: { readonly prototype: object };
}

interface Closable {
  exec(sql: string): void;
  close(): void;
}

interface NodeStatement extends Runnable {
  setReadBigInts(on: boolean): void;
  setReturnArrays(on: boolean): void;
}

interface Runnable {
  columns(): { readonly name: string }[];
  run(...values: unknown[]): unknown;
  iterate(...values: unknown[]): Iterable<unknown>;
}

const openWithNode = async (path: string, { readOnly = false }: SqliteOptions): Promise<Sqlite | undefined> => {
  // Not in Node 20, whose types this is built with: named in a variable, so that nothing looks for it.
  const name = "node:sqlite";
  const sqlite = (await import(name).catch(() => undefined)) as NodeSqlite | undefined;
  if (sqlite === undefined || !("setReturnArrays" in sqlite.StatementSync.prototype)) return undefined;
  const database = new sqlite.DatabaseSync(path, { readOnly });
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      statement.setReturnArrays(true);
      return {
        columns: namesOf(statement),
        run: (...values) => void statement.run(...values),
        rows: (...values) => cellsOf(statement.iterate(...values)),
      };
    },
    close: () => database.close(),
  };
};

/** The part of `libsql` that is used. */
type Libsql = new (
  path: string,
) => Closable & { prepare(sql: string): Runnable & { raw(): void; safeIntegers(): void } };

const openWithLibsql = async (path: string, { readOnly = false }: SqliteOptions): Promise<Sqlite | undefined> => {
  const libsql = (await import("libsql").catch(() => undefined)) as { readonly default: Libsql } | undefined;
  if (libsql === undefined) return undefined;
  // Its own option for this does nothing; SQLite's does.
  const database = new libsql.default(readOnly ? `${pathToFileURL(path).href}?mode=ro` : path);
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => {
      const statement = database.prepare(sql);
      const columns = namesOf(statement);
      if (columns.length > 0) {
        statement.raw();
        statement.safeIntegers();
      }
      return {
        columns,
        // One list: a single null would be taken for a list of none.
        run: (...values) => void statement.run(values),
        rows: (...values) => cellsOf(statement.iterate(values)),
      };
    },
    close: () => database.close(),
  };
};

const namesOf = (statement: Runnable): string[] => statement.columns().map(({ name }) => name);

function* cellsOf(rows: Iterable<unknown>): Generator<readonly SqlValue[]> {
  for (const row of rows) yield (row as readonly (SqlValue | bigint | ArrayBuffer)[]).map(cellOf);
}

const cellOf = (value: SqlValue | bigint | ArrayBuffer): SqlValue => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  // A plain one, whichever kind of bytes it came as.
  return value instanceof ArrayBuffer || value instanceof Uint8Array ? new Uint8Array(value) : value;
};
