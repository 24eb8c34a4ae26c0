import { join } from "node:path";
import { parseLine, streamLines } from "../store/lines.ts";
import type { Trajectory } from "../trajectory.ts";

/**
 * One row of a run's `trajectories.jsonl`. Evaluations and solves hold their trajectory; rollouts of training hold what the
 * planner said in each turn (`actions`), for there are many of them.
 */
export interface StoredRow {
  /** Its line, which counts from 1. */
  readonly line: number;
  readonly phase: string | undefined;
  /** Of training, which counts from 1 here as everywhere people read it. */
  readonly step: number | undefined;
  readonly set: string | undefined;
  readonly task: string;
  readonly family: string | undefined;
  readonly expected: string | undefined;
  /** Undefined where it is not a sample. */
  readonly reward: number | undefined;
  readonly trajectory: Trajectory | undefined;
  readonly actions: readonly string[];
  /** Turns that were taken before the rollout began: nobody learnt from them. */
  readonly begun: number;
  readonly answer: string | undefined;
  readonly stopReason: string | undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

const isTrajectory = (value: unknown): value is Trajectory => {
  const { query, memory, turns } = (value ?? {}) as Partial<Record<keyof Trajectory, unknown>>;
  return typeof query === "object" && query !== null && Array.isArray(memory) && Array.isArray(turns);
};

const rowOf = (value: unknown, line: number): StoredRow => {
  const row = (value ?? {}) as Readonly<Record<string, unknown>>;
  // A server keeps trajectories as they are, without a row around them.
  const trajectory = [row.trajectory, row].find(isTrajectory);
  const step = numberOf(row.step);
  return {
    line,
    phase: textOf(row.phase),
    step: step === undefined ? undefined : step + 1,
    set: textOf(row.set),
    task: textOf(row.task) ?? trajectory?.query.id ?? "",
    family: textOf(row.family),
    expected: textOf(row.expected),
    reward: numberOf(row.reward),
    trajectory,
    actions:
      trajectory?.memory.map(({ step: { raw } }) => raw) ??
      (Array.isArray(row.actions) ? row.actions.filter((action) => typeof action === "string") : []),
    begun: numberOf(row.begun) ?? 0,
    answer: textOf(row.answer) ?? trajectory?.answer,
    stopReason: textOf(row.stopReason) ?? trajectory?.stopReason,
  };
};

/** The rows of a run one by one, in the order in which they were written: no more than one is in memory. Throws `StoreError`. */
export async function* storedRows(folder: string): AsyncGenerator<StoredRow> {
  const path = join(folder, "trajectories.jsonl");
  let line = 0;
  for await (const bytes of streamLines(path)) {
    line += 1;
    yield rowOf(parseLine(bytes, path, line), line);
  }
}
