import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Tokenizer } from "../engine.ts";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { openTrajectoryIndex, type TrajectoryIndex } from "../store/trajectory-index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { storedTrajectory } from "./stored-trajectory.ts";
import { shownSamples } from "./token-texts.ts";

/** Columns of the index that a list shows. */
const columns = [
  ...["id", "phase", "step", "task_set", "task", "family", "trajectory", "status", "stop_reason", "reward", "turns"],
  ...["errors", "tokens", "policy_version", "question", "expected", "answer"],
] as const;

const listed = objectOf({
  ...Object.fromEntries(columns.map((column) => [column, {}])),
  id: { type: "string", description: "`<run>:<line>`, for /api/trajectories/:id." },
});

/** How long an index is used before new rows are looked for: to extend it copies it. */
const FRESH_MS = 5000;
/** Indexes that stay open. */
const MOST_OPEN = 4;

interface Opened {
  readonly index: Promise<TrajectoryIndex>;
  /** Of the rows when it was opened: their size and when they were written. */
  readonly rows: string;
  at: number;
}

/** The indexes of runs, each opened once, and again when it is old and there are new rows. */
export interface Indexes {
  of(folder: string): Promise<TrajectoryIndex>;
  close(): Promise<void>;
}

const rowsIn = (folder: string): Promise<string> =>
  stat(join(folder, "trajectories.jsonl")).then(
    ({ size, mtimeMs }) => `${size} ${mtimeMs}`,
    () => "",
  );

export const openIndexes = (now: () => number): Indexes => {
  const opened = new Map<string, Opened>();
  const drop = async (folder: string): Promise<void> => {
    const one = opened.get(folder);
    opened.delete(folder);
    await (await one?.index.catch(() => undefined))?.close();
  };
  return {
    of: async (folder) => {
      const known = opened.get(folder);
      if (known !== undefined && now() - known.at < FRESH_MS) return known.index;
      const rows = await rowsIn(folder);
      const same = opened.get(folder);
      if (same !== undefined && (same.rows === rows || same !== known)) {
        same.at = now();
        return same.index;
      }
      const index = openTrajectoryIndex({ folder });
      // One that failed is tried again.
      index.catch(() => opened.delete(folder));
      opened.delete(folder);
      opened.set(folder, { index, rows, at: now() });
      // Whoever reads the old one has read it by then.
      const closeOld = async (): Promise<void> => (await same?.index)?.close();
      void index.then(closeOld, closeOld).catch(() => undefined);
      const [oldest] = opened.keys();
      if (opened.size > MOST_OPEN && oldest !== undefined) await drop(oldest);
      return index;
    },
    close: async () => {
      for (const folder of [...opened.keys()]) await drop(folder);
    },
  };
};

/** A text in SQL. */
export const quoted = (value: string): string => `'${value.replace(/'/g, "''").replace(/\0/g, "")}'`;

const filters: Readonly<Record<string, PlainSchema>> = {
  phase: { type: "string", maxLength: 40 },
  step: count,
  task: { type: "string", maxLength: 200 },
  family: { type: "string", maxLength: 200 },
  set: { type: "string", maxLength: 40 },
  status: { enum: ["solved", "partial", "failed"] },
};
const columnOf = (filter: string): string => (filter === "set" ? "task_set" : filter);

export interface TrajectoryRoutesOptions {
  /** Folder of the runs. */
  readonly root: string;
  readonly indexes: Indexes;
  /** Where the trajectory of one of the latest answers stands, as `<run>:<line>`. */
  readonly placeOf: (trajectory: string) => Promise<string | undefined>;
  /** What the tokens of a run may be read with. */
  readonly tokenizers: (folder: string) => Promise<readonly Tokenizer[]>;
}

/** Where a trajectory is, by its id here or by the one of an answer. Throws `RequestError` 404. */
const placesIn =
  (root: string, placeOf: TrajectoryRoutesOptions["placeOf"]) =>
  async (id = ""): Promise<{ readonly run: string; readonly folder: string; readonly line: number }> => {
    const place = (await placeOf(id)) ?? id;
    const [run = "", line] = place.split(":");
    if (line !== undefined && /^\d{1,12}$/.test(line))
      return { run, folder: await folderOf(root, run), line: Number(line) };
    throw new RequestError(
      404,
      `There is no trajectory ${JSON.stringify(id.slice(0, 100))}: accepted is <run>:<line>, as /api/trajectories lists them, or the trajectory of one of the latest answers.`,
      { code: "no_trajectory" },
    );
  };

/** What the flow did: lists by run, and one trajectory in full. */
export const trajectoryRoutes = ({ root, indexes, placeOf, tokenizers }: TrajectoryRoutesOptions): readonly Route[] => {
  const placed = placesIn(root, placeOf);
  return [
    route({
      method: "get",
      path: "/api/trajectories",
      summary: "Lists the trajectories of a run, the newest first, from a cursor on.",
      query: {
        run: text,
        limit: { type: "integer", minimum: 1, maximum: 500 },
        before: { type: "integer", minimum: 1 },
        offset: { ...count, description: "Rows to leave out from the cursor on, for lists that are scrolled." },
        ...filters,
      },
      reply: {
        description: "A page, and the cursor of the next one.",
        schema: objectOf({ total: count, trajectories: listOf(listed), next: nullable("integer") }),
      },
      handle: async ({ query }) => {
        const { run, limit = "100", before, offset = "0", ...wanted } = query;
        if (run === undefined)
          throw new RequestError(400, "Name the run whose trajectories you want.", { param: "run" });
        const index = await indexes.of(await folderOf(root, run));
        const conditions = Object.entries(wanted).map(([name, value]) =>
          name === "step" ? `step = ${Number(value)}` : `${columnOf(name)} = ${quoted(value)}`,
        );
        const where = (more: readonly string[]): string => {
          const all = [...conditions, ...more];
          return all.length === 0 ? "" : ` WHERE ${all.join(" AND ")}`;
        };
        const most = Number(limit);
        const cursor = where(before === undefined ? [] : [`id < ${Number(before)}`]);
        // Rows are counted off by their numbers alone; texts are looked up for those of the page.
        const page = index.query(
          `SELECT ${columns.join(", ")} FROM trajectories WHERE id IN (SELECT id FROM trajectories${cursor} ORDER BY id DESC LIMIT ${most + 1} OFFSET ${Number(offset)}) ORDER BY id DESC`,
          { limit: most },
        );
        const [[total = 0] = []] = index.query(`SELECT count(*) FROM trajectories${where([])}`).rows;
        const trajectories = page.rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
        const next = page.truncated ? (trajectories.at(-1)?.id ?? null) : null;
        return Response.json({
          total,
          trajectories: trajectories.map((one) => ({ ...one, id: `${run}:${one.id}` })),
          next,
        });
      },
    }),
    route({
      method: "get",
      path: "/api/trajectories/:id",
      summary: "Shows one trajectory in full, with what was sampled where that is still kept.",
      reply: { description: "The stored row, and tokens with log-probabilities a turn.", schema: { type: "object" } },
      handle: async ({ path }) => {
        const { run, folder, line } = await placed(path.id);
        return Response.json({ id: `${run}:${line}`, run, ...(await storedTrajectory(folder, line)) });
      },
    }),
    route({
      method: "get",
      path: "/api/trajectories/:id/tokens",
      summary: "Shows what was sampled in a trajectory, token by token, with the probability of each.",
      reply: {
        description: "Samples in the order of the turns; none where they are no longer kept.",
        schema: objectOf({
          samples: listOf(
            objectOf({
              turn: count,
              module: text,
              version: text,
              prompt: nullable("string"),
              tokens: listOf(objectOf({ id: count, text, logProb: number })),
              decoded: { type: "boolean" },
            }),
          ),
        }),
      },
      handle: async ({ path }) => {
        const { folder, line } = await placed(path.id);
        const stored = await storedTrajectory(folder, line);
        return Response.json({ samples: shownSamples(stored, await tokenizers(folder)) });
      },
    }),
  ];
};
