import type { SetName } from "../environment.ts";
import { readTrajectories } from "../store/stored-run.ts";
import type { Trajectory } from "../trajectory.ts";
import { clip } from "./text-width.ts";
import { sideBySide, transcript } from "./transcript.ts";

/** An evaluated task as a run stores it. */
interface Row {
  readonly phase: string;
  readonly set: SetName;
  readonly task: string;
  readonly expected: string;
  readonly reward: number | null;
  readonly trajectory?: Trajectory;
}

/** A task before and after training. */
interface Pair {
  readonly before: Row;
  readonly after: Row;
}

/** Sets in which to look for a question to show: what was never trained tells most. */
const preferred: readonly SetName[] = ["deep", "heldOutFamily", "heldOutPages", "heldOutParaphrase"];

/** The longest task that only the trained planner solved; the very first task where there is none. */
const pick = (pairs: readonly Pair[]): Pair | undefined => {
  for (const name of preferred) {
    const learnt = pairs.filter(({ before, after }) => after.set === name && after.reward === 1 && before.reward !== 1);
    const turns = ({ after }: Pair): number => after.trajectory?.memory.length ?? 0;
    const [first] = learnt.toSorted((a, b) => turns(b) - turns(a));
    if (first !== undefined) return first;
  }
  return pairs[0];
};

const MOST_COLUMN = 72;
const GAP = 3;

/**
 * One question of a stored run as its planner solved it before and after, side by side. Chosen among those that it learnt
 * to solve.
 */
export const beforeAndAfter = async (folder: string, width: number): Promise<string[]> => {
  const rows = (await readTrajectories({ folder })) as Row[];
  const before = new Map(rows.filter(({ phase }) => phase === "before").map((row) => [row.task, row]));
  const pairs = rows.flatMap((after): Pair[] => {
    const earlier = before.get(after.task);
    return after.phase === "after" && earlier !== undefined ? [{ before: earlier, after }] : [];
  });
  const chosen = pick(pairs);
  const [old, young] = [chosen?.before.trajectory, chosen?.after.trajectory];
  if (chosen === undefined || old === undefined || young === undefined) return [];
  const column = Math.min(MOST_COLUMN, Math.floor((width - GAP) / 2));
  return [
    clip(`One question, before and after: ${young.query.question}`, width),
    clip(`Expected answer: ${chosen.after.expected}`, width),
    "",
    ...sideBySide(
      { title: "before", lines: transcript(old, column) },
      { title: "after", lines: transcript(young, column) },
      column,
    ),
  ];
};
