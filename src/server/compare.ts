import type { TrajectoryIndex } from "../store/trajectory-index.ts";
import { type Accuracy, accuracyOf, type PairedDifference, pairedCounts, pairedDifference } from "../train/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { type Indexes, quoted } from "./trajectories.ts";

/** Rows of one evaluation that are read, at most. */
const MOST_TASKS = 20_000;
const MOST_TURNS = 400_000;
/** Tool orders, and tasks that came out differently, that a comparison shows. */
const MOST_ORDERS = 12;
const MOST_CHANGED = 200;

const interval = listOf(number);
const accuracy = objectOf({ n: count, accuracy: number, interval });
const pairedSchema = objectOf({
  name: text,
  left: accuracy,
  right: accuracy,
  difference: objectOf({ n: count, points: number, interval, p: number }),
});
const orderSchema = objectOf({ tools: listOf(text), left: number, right: number });
const side = objectOf({ run: text, phase: text, tasks: count, averageTurns: number });

/** What evaluations a run holds, and two of them side by side. */
export const compareRoutes = (root: string, indexes: Indexes): readonly Route[] => {
  const openOf = async (run: string | undefined): Promise<TrajectoryIndex> => indexes.of(await folderOf(root, run));
  const sideOf = async (given: string | undefined, param: string): Promise<Side> => {
    const [run, phase] = (given ?? "").split(":");
    if (run === undefined || phase === undefined || phase === "")
      throw new RequestError(400, `${param} is ${JSON.stringify(given ?? "")}: accepted is <run>:<phase>.`, { param });
    const found = evaluationOf(await openOf(run), run, phase);
    if (found.tasks.size === 0)
      throw new RequestError(404, `The run ${run} has no scored tasks of the phase ${JSON.stringify(phase)}.`, {
        code: "no_evaluation",
        param,
      });
    return found;
  };
  return [
    route({
      method: "get",
      path: "/api/runs/:id/evaluations",
      summary: "Lists the evaluations of a run: phases whose tasks were scored.",
      reply: {
        description: "Phases, and their tasks and mean reward.",
        schema: objectOf({ evaluations: listOf(objectOf({ phase: text, tasks: count, reward: number })) }),
      },
      handle: async ({ path }) => {
        const { rows } = (await openOf(path.id)).query(
          "SELECT phase, count(*), avg(reward) FROM trajectories WHERE reward IS NOT NULL AND phase <> 'train' GROUP BY phase ORDER BY min(id)",
        );
        return Response.json({ evaluations: rows.map(([phase, tasks, reward]) => ({ phase, tasks, reward })) });
      },
    }),
    route({
      method: "get",
      path: "/api/compare",
      summary:
        "Compares two evaluations, paired by task: sets, families, tool orders, and tasks that came out differently.",
      query: { left: text, right: text },
      reply: {
        description: "Differences are right minus left, over the tasks that both have.",
        schema: objectOf({
          left: side,
          right: side,
          sets: listOf(pairedSchema),
          families: listOf(pairedSchema),
          orders: objectOf({ likelier: listOf(orderSchema), rarer: listOf(orderSchema) }),
          changed: listOf(
            objectOf({
              task: text,
              family: nullable("string"),
              question: nullable("string"),
              left: objectOf({ id: text, reward: number }),
              right: objectOf({ id: text, reward: number }),
            }),
          ),
        }),
      },
      handle: async ({ query }) =>
        Response.json(comparisonOf(await sideOf(query.left, "left"), await sideOf(query.right, "right"))),
    }),
  ];
};

interface ScoredTask {
  readonly line: number;
  readonly set: string;
  readonly task: string;
  readonly family: string | null;
  readonly question: string | null;
  readonly reward: number;
}

interface Side {
  readonly run: string;
  readonly phase: string;
  /** By set and task. */
  readonly tasks: ReadonlyMap<string, ScoredTask>;
  readonly turns: number;
  /** Sequences of tools, joined by line breaks, and how many trajectories took them. */
  readonly orders: ReadonlyMap<string, number>;
}

const evaluationOf = (index: TrajectoryIndex, run: string, phase: string): Side => {
  const where = `WHERE t.phase = ${quoted(phase)} AND t.reward IS NOT NULL`;
  const { rows } = index.query(
    `SELECT t.id, t.task_set, t.task, t.family, t.question, t.reward FROM trajectories t ${where} ORDER BY t.id`,
    { limit: MOST_TASKS },
  );
  const tasks = new Map<string, ScoredTask>();
  for (const [id, set, task, family, question, reward] of rows)
    tasks.set(`${set ?? ""}\n${task ?? id}`, {
      line: Number(id),
      set: String(set ?? "all"),
      task: String(task ?? id),
      family: textOr(family),
      question: textOr(question),
      reward: Number(reward),
    });
  const called = new Map<number, string[]>();
  const turns = index.query(
    `SELECT t.id, u.tool FROM trajectories t JOIN turns u ON u.trajectory = t.id ${where} ORDER BY t.id, u.turn`,
    { limit: MOST_TURNS },
  ).rows;
  for (const [id, tool] of turns) {
    const known = called.get(Number(id));
    if (known === undefined) called.set(Number(id), [String(tool)]);
    else known.push(String(tool));
  }
  const orders = new Map<string, number>();
  for (const tools of called.values()) {
    const order = tools.join("\n");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  return { run, phase, tasks, turns: turns.length, orders };
};

const textOr = (value: unknown): string | null => (typeof value === "string" ? value : null);

interface Paired {
  readonly name: string;
  readonly left: Accuracy;
  readonly right: Accuracy;
  readonly difference: PairedDifference;
}

type Pair = readonly [ScoredTask, ScoredTask];
const isSolved = ({ reward }: ScoredTask): boolean => reward >= 1;

const comparisonOf = (left: Side, right: Side): object => {
  const pairs = [...left.tasks].flatMap(([key, ours]): Pair[] => {
    const theirs = right.tasks.get(key);
    return theirs === undefined ? [] : [[ours, theirs]];
  });
  const about = ({ run, phase, tasks, turns }: Side): object => ({
    run,
    phase,
    tasks: tasks.size,
    averageTurns: turns / tasks.size,
  });
  return {
    left: about(left),
    right: about(right),
    sets: pairedBy(pairs, ({ set }) => set),
    families: pairedBy(pairs, ({ family }) => family),
    orders: ordersOf(left, right),
    changed: pairs
      .filter(([ours, theirs]) => ours.reward !== theirs.reward)
      .slice(0, MOST_CHANGED)
      .map(([ours, theirs]) => ({
        task: ours.task,
        family: ours.family,
        question: ours.question ?? theirs.question,
        left: { id: `${left.run}:${ours.line}`, reward: ours.reward },
        right: { id: `${right.run}:${theirs.line}`, reward: theirs.reward },
      })),
  };
};

const pairedBy = (pairs: readonly Pair[], nameOf: (task: ScoredTask) => string | null): Paired[] => {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const name = nameOf(pair[0]);
    if (name === null) continue;
    const known = groups.get(name);
    if (known === undefined) groups.set(name, [pair]);
    else known.push(pair);
  }
  return [...groups].map(([name, members]) => {
    const [ours, theirs] = [members.map(([one]) => one), members.map(([, other]) => other)];
    return {
      name,
      left: accuracyOf(ours.map(({ reward }) => reward)),
      right: accuracyOf(theirs.map(({ reward }) => reward)),
      difference: pairedDifference(pairedCounts(ours.map(isSolved), theirs.map(isSolved))),
    };
  });
};

/** Orders by how much their share of the trajectories grew, and by how much it shrank. */
const ordersOf = (left: Side, right: Side): object => {
  const shareOf = ({ orders, tasks }: Side, order: string): number => (orders.get(order) ?? 0) / tasks.size;
  const all = [...new Set([...left.orders.keys(), ...right.orders.keys()])]
    .map((order) => ({ tools: order.split("\n"), left: shareOf(left, order), right: shareOf(right, order) }))
    .sort((a, b) => b.right - b.left - (a.right - a.left));
  return {
    likelier: all.filter((one) => one.right > one.left).slice(0, MOST_ORDERS),
    rarer: all
      .filter((one) => one.right < one.left)
      .reverse()
      .slice(0, MOST_ORDERS),
  };
};
