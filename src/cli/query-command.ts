import { join } from "node:path";
import { findRun } from "../setup/local-model.ts";
import type { SqlValue } from "../sqlite.ts";
import { queryWithin } from "../store/query-limits.ts";
import { openTrajectoryIndex, type QueryResult } from "../store/trajectory-index.ts";
import type { Screen } from "./screen.ts";
import { openScreen, sideScreen, writeJson } from "./terminal.ts";
import { cellsOf, clip, pad, padStart } from "./text-width.ts";
import { visible } from "./visible.ts";
import { percent } from "./words.ts";

export interface QueryOptions {
  /** Rows at most. */
  readonly limit: number;
  /** Words to look for, instead of SQL. */
  readonly search?: string;
  /** How long the query may take. */
  readonly seconds: number;
  readonly json: boolean;
}

/** Queries that answer something of any run. */
const examples = [
  [
    "how each phase went",
    "SELECT phase, task_set, count(*) AS tasks, avg(reward) AS reward, avg(turns) AS turns FROM trajectories GROUP BY phase, task_set",
  ],
  [
    "what tools failed with",
    "SELECT tool, status, reason, count(*) AS times, min(error) AS error FROM turns WHERE status <> 'ok' GROUP BY tool, status, reason ORDER BY times DESC",
  ],
  [
    "what went wrong, turn by turn",
    "SELECT t.id, t.question, t.expected, u.turn, u.tool, u.sub_goal, u.text FROM trajectories t JOIN turns u ON u.trajectory = t.id WHERE t.question IS NOT NULL AND coalesce(t.reward, 0) = 0 ORDER BY t.id, u.turn",
  ],
] as const;

/** `agentflow runs query`: SQL or words over a run's trajectories; with neither, what there is to ask. */
export const queryCommand = async (
  name: string,
  sql: string | undefined,
  { search, limit, seconds, json }: QueryOptions,
): Promise<number> => {
  const { root, id } = await findRun(name);
  const progress = sideScreen();
  const index = await openTrajectoryIndex(
    { folder: join(root, id) },
    {
      onProgress: (bytes, ofBytes) =>
        progress.live(`reading trajectories: ${percent(bytes / Math.max(1, bytes, ofBytes))}`),
    },
  );
  progress.clear();
  try {
    const screen = openScreen();
    if (sql === undefined && search === undefined) {
      const tables = index.tables();
      if (json)
        writeJson({
          schemaVersion: 1,
          run: id,
          tables,
          examples: examples.map(([about, query]) => ({ about, query })),
        });
      else showTables(screen, name, tables);
      return 0;
    }
    const asked = search === undefined ? { sql: sql ?? "" } : { search };
    const found = await queryWithin({ path: index.path, limit, ...asked }, { seconds });
    if (json)
      writeJson({
        schemaVersion: 1,
        columns: found.columns,
        rows: found.rows.map((row) => row.map(jsonCell)),
        truncated: found.truncated,
      });
    else showRows(screen, found);
    return 0;
  } finally {
    await index.close();
  }
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const jsonCell = (value: SqlValue): string | number | null => (value instanceof Uint8Array ? hex(value) : value);

const shown = (value: SqlValue): string => {
  if (value === null) return "";
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  return visible(value.replace(/\s+/gu, " "));
};

const NARROWEST = 6;
const BETWEEN = "  ";

/** The rows as a table as wide as the screen: the widest columns are narrowed until all fit, and what is cut has an ellipsis. */
const showRows = (screen: Screen, { columns, rows, truncated }: QueryResult): void => {
  // More than a screen's width of a text is never seen.
  const texts = rows.map((row) => row.map((value) => shown(typeof value === "string" ? value.slice(0, 1000) : value)));
  const names = columns.map(visible);
  const wanted = names.map((column, i) =>
    texts.reduce((most, row) => Math.max(most, cellsOf(row[i] ?? "")), cellsOf(column)),
  );
  const room = screen.width - BETWEEN.length * (columns.length - 1);
  const within = (most: number): number[] => wanted.map((width) => Math.min(width, most));
  let most = room;
  while (most > NARROWEST && within(most).reduce((sum, width) => sum + width, 0) > room) most -= 1;
  const widths = within(most);
  const isNumber = columns.map((_, i) => rows.every((row) => typeof row[i] === "number" || row[i] === null));
  const lineOf = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        const text = clip(cell, width);
        return isNumber[i] === true ? padStart(text, width) : pad(text, width);
      })
      .join(BETWEEN)
      .trimEnd();
  screen.line(screen.bold(lineOf(names)));
  for (const row of texts) screen.line(lineOf(row));
  const count = `${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
  screen.line(screen.dim(truncated ? `the first ${count}: --limit takes more, --json shows texts whole` : count));
};

const showTables = (
  screen: Screen,
  name: string,
  tables: readonly { readonly name: string; readonly rows: number; readonly columns: readonly string[] }[],
): void => {
  for (const { name: table, rows, columns } of tables) {
    screen.line(screen.bold(table), `  ${rows} rows`);
    screen.line(`  ${columns.join(", ")}`);
  }
  screen.line();
  screen.line("turns.trajectory is trajectories.id, the line of trajectories.jsonl; turns.text_hash is texts.hash.");
  for (const [about, query] of examples) {
    screen.line();
    screen.line(screen.dim(`${about}:`));
    screen.line(`agentflow runs query ${name} "${query}"`);
  }
  screen.line();
  screen.line(`agentflow runs query ${name} --search "<words>"`);
};
