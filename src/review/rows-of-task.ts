import { join } from "node:path";
import { readLines } from "../store/lines.ts";
import type { AdvantageKind } from "../train/index.ts";
import type { MetTask } from "./find-task.ts";
import { type StoredRow, storedRows } from "./stored-rows.ts";
import { type TrainedGroup, trainedGroup } from "./training-of-task.ts";

/** All tasks of a run's rows, each once. */
export const metTasks = async (folder: string): Promise<MetTask[]> => {
  const met = new Map<string, MetTask>();
  for await (const { task, family, trajectory } of storedRows(folder))
    if (task !== "" && met.get(task)?.question === undefined)
      met.set(task, { id: task, family, question: trajectory?.query.question });
  return [...met.values()];
};

export interface RowsOfTask {
  /** Evaluations that stored the task's trajectory. */
  readonly evaluated: readonly StoredRow[];
  readonly groups: readonly TrainedGroup[];
  /** Rollouts of the task's family in training: no more tasks of it were drawn. */
  readonly drawn: number;
}

/** What a run's rows say of a task. Throws `StoreError`. */
export const rowsOfTask = async (
  folder: string,
  { id, family }: MetTask,
  config: Readonly<Record<string, unknown>>,
): Promise<RowsOfTask> => {
  const by = { groupSize: Number(config.groupSize ?? 1), advantage: (config.advantage ?? "paper") as AdvantageKind };
  const metrics = (await readLines(join(folder, "metrics.jsonl"))) as { index?: number; undone?: unknown }[];
  const undone = new Set(metrics.filter((row) => row.undone === true).map(({ index = -1 }) => index + 1));
  const evaluated: StoredRow[] = [];
  const groups: TrainedGroup[] = [];
  let drawn = 0;
  let step: StoredRow[] = [];
  const settle = (): void => {
    const at = step[0]?.step;
    if (at !== undefined)
      for (let from = 0; from < step.length; from += by.groupSize) {
        const group = step.slice(from, from + by.groupSize);
        if (group[0]?.task === id) groups.push(...trainedGroup(at, group, by, undone.has(at)));
      }
    step = [];
  };
  for await (const row of storedRows(folder)) {
    if (row.phase === "train" && row.step !== undefined) {
      if (row.step !== step[0]?.step) settle();
      step.push(row);
      if (row.family === family) drawn += 1;
    } else if (row.task === id && row.trajectory !== undefined) evaluated.push(row);
  }
  settle();
  return { evaluated, groups, drawn };
};
