import { type SetName, setNames, type WorldSets, type WorldTask } from "../environment.ts";
import type { Evaluated } from "../learn/evaluation.ts";
import { clip } from "./text-width.ts";
import { sideBySide, transcript } from "./transcript.ts";

/** Sets in which to look for a question to show: what was never trained tells most. */
const preferred: readonly SetName[] = ["deep", "heldOutFamily", "heldOutPages", "heldOutParaphrase"];

/** The longest task that only the trained planner solved; the very first task where there is none. */
const pick = (sets: WorldSets, before: Evaluated, after: Evaluated): WorldTask | undefined => {
  for (const name of preferred) {
    const learnt = sets[name].filter(({ id }) => after.outcomes[name][id] === 1 && before.outcomes[name][id] !== 1);
    const turns = ({ id }: WorldTask): number => after.trajectories.get(id)?.memory.length ?? 0;
    const [first] = learnt.toSorted((a, b) => turns(b) - turns(a));
    if (first !== undefined) return first;
  }
  return setNames.flatMap((name) => sets[name])[0];
};

const MOST_COLUMN = 72;
const GAP = 3;

/** One question as the planner solved it before and after, side by side. Chosen among those that it learnt to solve. */
export const beforeAndAfter = (sets: WorldSets, before: Evaluated, after: Evaluated, width: number): string[] => {
  const task = pick(sets, before, after);
  const [old, young] = [before, after].map(({ trajectories }) => trajectories.get(task?.id ?? ""));
  if (task === undefined || old === undefined || young === undefined) return [];
  const column = Math.min(MOST_COLUMN, Math.floor((width - GAP) / 2));
  return [
    clip(`One question, before and after: ${task.question}`, width),
    clip(`Expected answer: ${task.sealed.answer}`, width),
    "",
    ...sideBySide(
      { title: "before", lines: transcript(old, column) },
      { title: "after", lines: transcript(young, column) },
      column,
    ),
  ];
};
