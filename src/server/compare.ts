import type { TrajectoryRows } from "../store/trajectory-rows.ts";
import {
  type Accuracy,
  accuracyOf,
  mean,
  type PairedDifference,
  pairedCounts,
  pairedDifference,
} from "../train/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { evaluatedFilter, type TrajectoryLines } from "./trajectory-lines.ts";

/** Rows of one evaluation that are read, at most. */
const MOST_TASKS = 20_000;
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
export const compareRoutes = (root: string, lines: TrajectoryLines): readonly Route[] => {
  const evaluatedIn = async (run: string | undefined): Promise<readonly NumberedRow[]> => {
    const folder = await folderOf(root, run);
    const numbers = (await lines.find(folder, evaluatedFilter)).slice(0, MOST_TASKS);
    return (await lines.read(folder, numbers)).map((row, i) => ({ ...row, line: numbers[i] ?? 0 }));
  };
  type Read = typeof evaluatedIn;
  const sideOf = async (given: string | undefined, param: string, rowsOf: Read): Promise<Side> => {
    const [run, phase] = (given ?? "").split(":");
    if (run === undefined || phase === undefined || phase === "")
      throw new RequestError(400, `${param} is ${JSON.stringify(given ?? "")}: accepted is <run>:<phase>.`, { param });
    const found = evaluationOf(await rowsOf(run), run, phase);
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
        const phases = new Map<string, number[]>();
        for (const { trajectory } of await evaluatedIn(path.id)) {
          const phase = String(trajectory.plain.phase);
          const known = phases.get(phase);
          if (known === undefined) phases.set(phase, [Number(trajectory.plain.reward)]);
          else known.push(Number(trajectory.plain.reward));
        }
        return Response.json({
          evaluations: [...phases].map(([phase, rewards]) => ({ phase, tasks: rewards.length, reward: mean(rewards) })),
        });
      },
    }),
    route({
      method: "get",
      path: "/api/compare",
      summary:
        "Compares two evaluations, paired by task: sets, families, tool orders, and tasks that came out differently.",
      query: { left: text, right: text },
      reply: {
        description:
          "Differences are right minus left, over the tasks that both have. What has changed most comes first; of the tasks that came out differently the first 200.",
        schema: objectOf({
          left: side,
          right: side,
          sets: listOf(pairedSchema),
          families: listOf(pairedSchema),
          orders: objectOf({ likelier: listOf(orderSchema), rarer: listOf(orderSchema) }),
          changedInAll: count,
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
      handle: async ({ query }) => {
        // Two phases of one run are read together.
        const read = new Map<string | undefined, ReturnType<Read>>();
        const rowsOf: Read = (run) => {
          const rows = read.get(run) ?? evaluatedIn(run);
          read.set(run, rows);
          return rows;
        };
        const left = await sideOf(query.left, "left", rowsOf);
        return Response.json(comparisonOf(left, await sideOf(query.right, "right", rowsOf)));
      },
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

type NumberedRow = TrajectoryRows & { readonly line: number };

const evaluationOf = (rows: readonly NumberedRow[], run: string, phase: string): Side => {
  const tasks = new Map<string, ScoredTask>();
  const orders = new Map<string, number>();
  let turnsInAll = 0;
  for (const { line, trajectory, turns } of rows) {
    const { plain, texts } = trajectory;
    if (plain.phase !== phase) continue;
    const [set, task] = [String(plain.task_set ?? "all"), String(plain.task ?? line)];
    const { question } = texts;
    const family = textOr(plain.family);
    tasks.set(`${set}\n${task}`, { line, set, task, family, question, reward: Number(plain.reward) });
    turnsInAll += turns.length;
    const order = turns.map((turn) => String(turn.plain.tool)).join("\n");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  return { run, phase, tasks, turns: turnsInAll, orders };
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
  const changed = mostChanged(
    pairs.filter(([ours, theirs]) => ours.reward !== theirs.reward),
    ([ours, theirs]) => theirs.reward - ours.reward,
  );
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
    families: mostChanged(
      pairedBy(pairs, ({ family }) => family),
      ({ difference }) => difference.points,
    ),
    orders: ordersOf(left, right),
    changedInAll: changed.length,
    changed: changed.slice(0, MOST_CHANGED).map(([ours, theirs]) => ({
      task: ours.task,
      family: ours.family,
      question: ours.question ?? theirs.question,
      left: { id: `${left.run}:${ours.line}`, reward: ours.reward },
      right: { id: `${right.run}:${theirs.line}`, reward: theirs.reward },
    })),
  };
};

/** The same, what differs most first; what differs by the same stays in its order. */
const mostChanged = <One>(all: readonly One[], differenceOf: (one: One) => number): One[] =>
  all.toSorted((a, b) => Math.abs(differenceOf(b)) - Math.abs(differenceOf(a)));

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
