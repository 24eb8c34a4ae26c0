import { join } from "node:path";
import { readJson } from "../learn/stored-options.ts";
import { groupsIn } from "../review/training-of-task.ts";
import type { TrajectoryRows } from "../store/trajectory-rows.ts";
import type { AdvantageKind } from "../train/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { journalRows } from "./stored-trajectory.ts";
import { columnFilter, type TrajectoryLines } from "./trajectory-lines.ts";

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
export const groupRoutes = (root: string, lines: TrajectoryLines): readonly Route[] => [
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
      const groups = await groupsOf(folder, path.id ?? "", Number(query.step), lines);
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
      const groups = step === undefined || step < 0 ? [] : await groupsOf(folder, path.id ?? "", step, lines);
      const group = groups[place ?? -1];
      if (group === undefined || step === undefined)
        throw new RequestError(404, `Step ${path.step} has ${groups.length} groups, and no group ${path.group}.`, {
          code: "no_group",
        });
      const before = groups.slice(0, place).reduce((sum, { rollouts }) => sum + rollouts.length, 0);
      return Response.json(await withTurns(folder, step, group, before, lines));
    },
  }),
];

/** Rollouts of one step that are shown, at most. */
const MOST_ROLLOUTS = 10_000;

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
  lines: TrajectoryLines,
): Promise<readonly StoredGroup[]> => {
  const config = ((await readJson(join(folder, "config.json")))?.config ?? {}) as Readonly<Record<string, unknown>>;
  const size = typeof config.groupSize === "number" && config.groupSize > 0 ? config.groupSize : 1;
  const numbers = (await lines.find(folder, columnFilter({ phase: "train", step }))).slice(0, MOST_ROLLOUTS);
  const rows = await lines.read(folder, numbers);
  const rollouts = rows.map(({ trajectory: { plain, texts } }, i) => ({
    ...{ plain, answer: texts.answer, id: `${run}:${numbers[i]}` },
    reward: typeof plain.reward === "number" ? plain.reward : undefined,
  }));
  const by = { groupSize: size, advantage: (config.advantage ?? "paper") as AdvantageKind };
  return groupsIn(rollouts, by).map(({ rows: group, advantages }) => ({
    task: textOr(group[0]?.plain.task),
    family: textOr(group[0]?.plain.family),
    rollouts: group.map(({ id, plain, reward, answer }, i) => ({
      id,
      reward: reward ?? null,
      advantage: advantages[i] ?? null,
      answer,
      stopReason: textOr(plain.stop_reason),
      turns: Number(plain.turns),
    })),
  }));
};

/** Adds what was planned in each turn, and what came of it while the journal has it. `before` are the rollouts of earlier groups. */
const withTurns = async (
  folder: string,
  step: number,
  group: StoredGroup,
  before: number,
  lines: TrajectoryLines,
): Promise<object> => {
  const numbers = group.rollouts.map(({ id }) => Number(id.split(":")[1]));
  const rows = await lines.read(folder, numbers);
  const kept = await observationsOf(folder, step, before, group.rollouts.length);
  return {
    ...group,
    rollouts: group.rollouts.map((one, i) => ({
      ...one,
      steps: stepsOf(rows[i], kept[i] ?? []),
    })),
  };
};

const stepsOf = (row: TrajectoryRows | undefined, kept: readonly ShownObservation[]): object[] =>
  (row?.turns ?? []).map(({ plain, texts }, i) => ({
    tool: String(plain.tool),
    subGoal: texts.sub_goal ?? "",
    ...(kept[i] ?? { status: null, text: null }),
  }));

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
