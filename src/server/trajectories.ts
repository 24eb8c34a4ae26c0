import { join } from "node:path";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { readJson } from "../learn/stored-options.ts";
import { groupsIn } from "../review/training-of-task.ts";
import { openTrajectoryIndex, type TrajectoryIndex } from "../store/trajectory-index.ts";
import type { AdvantageKind } from "../train/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { storedTrajectory } from "./stored-trajectory.ts";

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
  readonly at: number;
}

/** The indexes of runs, each opened once and again when it is old. */
export interface Indexes {
  of(folder: string): Promise<TrajectoryIndex>;
  close(): Promise<void>;
}

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
      await drop(folder);
      const index = openTrajectoryIndex({ folder });
      opened.set(folder, { index, at: now() });
      const [oldest] = opened.keys();
      if (opened.size > MOST_OPEN && oldest !== undefined) await drop(oldest);
      return index;
    },
    close: async () => {
      for (const folder of [...opened.keys()]) await drop(folder);
    },
  };
};

const quoted = (value: string): string => `'${value.replace(/'/g, "''").replace(/\0/g, "")}'`;

const filters: Readonly<Record<string, PlainSchema>> = {
  phase: { type: "string", maxLength: 40 },
  step: count,
  task: { type: "string", maxLength: 200 },
  family: { type: "string", maxLength: 200 },
  set: { type: "string", maxLength: 40 },
  status: { enum: ["solved", "partial", "failed"] },
};
const columnOf = (filter: string): string => (filter === "set" ? "task_set" : filter);

/** What the flow did: lists by run, one trajectory in full, and the groups that were compared in a step of training. */
export const trajectoryRoutes = (
  root: string,
  indexes: Indexes,
  placeOf: (trajectory: string) => Promise<string | undefined>,
): readonly Route[] => [
  route({
    method: "get",
    path: "/api/trajectories",
    summary: "Lists the trajectories of a run, the newest first, from a cursor on.",
    query: {
      run: text,
      limit: { type: "integer", minimum: 1, maximum: 500 },
      before: { type: "integer", minimum: 1 },
      ...filters,
    },
    reply: {
      description: "A page, and the cursor of the next one.",
      schema: objectOf({ total: count, trajectories: listOf(listed), next: nullable("integer") }),
    },
    handle: async ({ query }) => {
      const { run, limit = "100", before, ...wanted } = query;
      if (run === undefined) throw new RequestError(400, "Name the run whose trajectories you want.", { param: "run" });
      const index = await indexes.of(await folderOf(root, run));
      const conditions = Object.entries(wanted).map(([name, value]) =>
        name === "step" ? `step = ${Number(value)}` : `${columnOf(name)} = ${quoted(value)}`,
      );
      const where = (more: readonly string[]): string => {
        const all = [...conditions, ...more];
        return all.length === 0 ? "" : ` WHERE ${all.join(" AND ")}`;
      };
      const most = Number(limit);
      const page = index.query(
        `SELECT ${columns.join(", ")} FROM trajectories${where(before === undefined ? [] : [`id < ${Number(before)}`])} ORDER BY id DESC`,
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
      const place = (await placeOf(path.id ?? "")) ?? path.id ?? "";
      const [run, line] = place.split(":");
      if (line !== undefined && /^\d{1,12}$/.test(line)) {
        const folder = await folderOf(root, run);
        return Response.json({ id: place, run, ...(await storedTrajectory(folder, Number(line))) });
      }
      throw new RequestError(
        404,
        `There is no trajectory ${JSON.stringify(path.id?.slice(0, 100))}: accepted is <run>:<line>, as /api/trajectories lists them, or the trajectory of one of the latest answers.`,
        {
          code: "no_trajectory",
        },
      );
    },
  }),
  route({
    method: "get",
    path: "/api/runs/:id/groups",
    summary: "Shows the groups of a step of training: rollouts of one task that were compared, with their advantages.",
    query: { step: count },
    reply: {
      description: "Groups in the order in which they were rolled out; steps count from 0, as in the rows.",
      schema: objectOf({
        groups: listOf(
          objectOf({
            task: nullable("string"),
            family: nullable("string"),
            rollouts: listOf(
              objectOf({
                id: text,
                reward: nullable("number"),
                advantage: nullable("number"),
                answer: nullable("string"),
                turns: number,
              }),
            ),
          }),
        ),
      }),
    },
    handle: async ({ path, query }) => {
      const folder = await folderOf(root, path.id);
      if (query.step === undefined) throw new RequestError(400, "Name the step.", { param: "step" });
      return Response.json({
        groups: await groupsOf(folder, path.id ?? "", Number(query.step), await indexes.of(folder)),
      });
    },
  }),
];

const groupsOf = async (folder: string, run: string, step: number, index: TrajectoryIndex): Promise<object[]> => {
  const config = ((await readJson(join(folder, "config.json")))?.config ?? {}) as Readonly<Record<string, unknown>>;
  const size = typeof config.groupSize === "number" && config.groupSize > 0 ? config.groupSize : 1;
  const { rows } = index.query(
    `SELECT id, task, family, reward, answer, turns FROM trajectories WHERE phase = 'train' AND step = ${step} ORDER BY id`,
    { limit: 10_000 },
  );
  const rollouts = rows.map(([id, task, family, reward, answer, turns]) => ({
    ...{ id, task, family, answer, turns },
    reward: typeof reward === "number" ? reward : undefined,
  }));
  const by = { groupSize: size, advantage: (config.advantage ?? "paper") as AdvantageKind };
  return groupsIn(rollouts, by).map(({ rows: group, advantages }) => ({
    task: group[0]?.task ?? null,
    family: group[0]?.family ?? null,
    rollouts: group.map(({ id, reward, answer, turns }, i) => ({
      id: `${run}:${id}`,
      reward: reward ?? null,
      advantage: advantages[i] ?? null,
      answer,
      turns,
    })),
  }));
};
