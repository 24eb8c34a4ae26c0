import { join } from "node:path";
import { readJson } from "../learn/stored-options.ts";
import type { TrajectoryIndex } from "../store/trajectory-index.ts";
import { type AdvantageKind, advantages } from "../train/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { journalRows } from "./stored-trajectory.ts";
import type { Indexes } from "./trajectories.ts";

const rollout = {
  id: text,
  reward: nullable("number"),
  advantage: nullable("number"),
  answer: nullable("string"),
  turns: number,
};
const turn = objectOf({
  tool: text,
  subGoal: text,
  status: { ...nullable("string"), description: "Of the observation; null where the journal is gone." },
  text: { ...nullable("string"), description: "What the tool said, or why there is nothing." },
});

/** The groups that were compared in a step of training, and one of them turn by turn. */
export const groupRoutes = (root: string, indexes: Indexes): readonly Route[] => [
  route({
    method: "get",
    path: "/api/runs/:id/groups",
    summary: "Shows the groups of a step of training: rollouts of one task that were compared, with their advantages.",
    query: { step: count },
    reply: {
      description: "Groups in the order in which they were rolled out; steps count from 0, as in the rows.",
      schema: objectOf({
        groups: listOf(
          objectOf({ task: nullable("string"), family: nullable("string"), rollouts: listOf(objectOf(rollout)) }),
        ),
      }),
    },
    handle: async ({ path, query }) => {
      const folder = await folderOf(root, path.id);
      if (query.step === undefined) throw new RequestError(400, "Name the step.", { param: "step" });
      const groups = await groupsOf(folder, path.id ?? "", Number(query.step), await indexes.of(folder));
      return Response.json({ groups });
    },
  }),
  route({
    method: "get",
    path: "/api/runs/:id/groups/:step/:group",
    summary: "Shows one group turn by turn: what its rollouts have in common, and where they parted.",
    reply: {
      description: "Its rollouts with their turns; steps and groups count from 0.",
      schema: objectOf({
        task: nullable("string"),
        family: nullable("string"),
        rollouts: listOf(objectOf({ ...rollout, stopReason: nullable("string"), steps: listOf(turn) })),
      }),
    },
    handle: async ({ path }) => {
      const folder = await folderOf(root, path.id);
      const [step, place] = [path.step, path.group].map((given) =>
        /^\d{1,9}$/.test(given ?? "") ? Number(given) : -1,
      );
      const index = await indexes.of(folder);
      const groups = step === undefined || step < 0 ? [] : await groupsOf(folder, path.id ?? "", step, index);
      const group = groups[place ?? -1];
      if (group === undefined || step === undefined)
        throw new RequestError(404, `Step ${path.step} has ${groups.length} groups, and no group ${path.group}.`, {
          code: "no_group",
        });
      const before = groups.slice(0, place).reduce((sum, { rollouts }) => sum + rollouts.length, 0);
      return Response.json(await withTurns(folder, step, group, before, index));
    },
  }),
];

interface GroupRollout {
  readonly id: string;
  readonly reward: number | null;
  readonly advantage: number | null;
  readonly answer: string | null;
  readonly stopReason: string | null;
  readonly turns: number;
}

interface StoredGroup {
  readonly task: string | null;
  readonly family: string | null;
  readonly rollouts: readonly GroupRollout[];
}

const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);

const groupsOf = async (
  folder: string,
  run: string,
  step: number,
  index: TrajectoryIndex,
): Promise<readonly StoredGroup[]> => {
  const config = ((await readJson(join(folder, "config.json")))?.config ?? {}) as Readonly<Record<string, unknown>>;
  const size = typeof config.groupSize === "number" && config.groupSize > 0 ? config.groupSize : 1;
  const { rows } = index.query(
    `SELECT id, task, family, reward, answer, stop_reason, turns FROM trajectories WHERE phase = 'train' AND step = ${step} ORDER BY id`,
    { limit: 10_000 },
  );
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, g) => {
    const group = rows.slice(g * size, (g + 1) * size);
    const rewards = group.map(([, , , reward]) => (typeof reward === "number" ? reward : undefined));
    const compared = advantages(rewards, config.advantage as AdvantageKind | undefined);
    return {
      task: textOr(group[0]?.[1]),
      family: textOr(group[0]?.[2]),
      rollouts: group.map(([id, , , , answer, stopReason, turns], i) => ({
        id: `${run}:${id}`,
        reward: rewards[i] ?? null,
        advantage: compared[i] ?? null,
        answer: textOr(answer),
        stopReason: textOr(stopReason),
        turns: Number(turns),
      })),
    };
  });
};

/** Adds what was planned in each turn, and what came of it while the journal has it. `before` are the rollouts of earlier groups. */
const withTurns = async (
  folder: string,
  step: number,
  group: StoredGroup,
  before: number,
  index: TrajectoryIndex,
): Promise<object> => {
  const lines = group.rollouts.map(({ id }) => Number(id.split(":")[1]));
  const { rows } = index.query(
    `SELECT trajectory, turn, tool, sub_goal FROM turns WHERE trajectory IN (${lines.join(", ")}) ORDER BY trajectory, turn`,
    { limit: 100_000 },
  );
  const kept = await observationsOf(folder, step, before, group.rollouts.length);
  return {
    ...group,
    rollouts: group.rollouts.map((one, i) => ({
      ...one,
      steps: rows
        .filter(([trajectory]) => trajectory === lines[i])
        .map(([, place, tool, subGoal]) => ({
          tool: String(tool),
          subGoal: textOr(subGoal) ?? "",
          ...(kept[i]?.[Number(place) - 1] ?? { status: null, text: null }),
        })),
    })),
  };
};

interface ShownObservation {
  readonly status: string | null;
  readonly text: string | null;
}

/** Observations of some rollouts of a step by turn, from the journal. */
const observationsOf = async (
  folder: string,
  step: number,
  first: number,
  n: number,
): Promise<readonly (readonly ShownObservation[])[]> => {
  const found: ShownObservation[][] = [];
  let at = 0;
  for await (const { turns } of journalRows(folder, step)) {
    if (at >= first + n) break;
    if (at >= first)
      found.push(
        (turns as readonly Readonly<Record<string, unknown>>[]).map(({ observation }) => {
          const { status, text: said, error } = (observation ?? {}) as Readonly<Record<string, unknown>>;
          return { status: textOr(status), text: textOr(said ?? error) };
        }),
      );
    at += 1;
  }
  return found;
};
