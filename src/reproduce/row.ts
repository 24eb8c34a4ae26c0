import type { EnvironmentTask, SetName } from "../environment.ts";
import type { Trajectory } from "../trajectory.ts";

/** One turn of a solve: what the planner wrote, and what came of it. */
export interface TurnRow {
  readonly action: string;
  readonly status: "ok" | "refused" | "failed";
  readonly reason?: string;
}

/** One solve of an evaluation, as short as its figures allow. */
export interface SolveRow {
  readonly set: SetName;
  readonly task: string;
  readonly family: string;
  /** Actions of the oracle's plan. */
  readonly depth: number;
  /** Null: no sample, which counts as not solved. */
  readonly reward: number | null;
  readonly stop: string;
  readonly turns: readonly TurnRow[];
  /** That all trained modules sampled. */
  readonly tokens: number;
}

/** A task's depth, where its environment knows a plan. */
export const depthOf = ({ sealed }: EnvironmentTask): number => {
  const { plan } = sealed as { readonly plan?: unknown };
  return Array.isArray(plan) ? plan.length : 0;
};

/** A trajectory as a row. */
export const rowOf = (
  set: SetName,
  task: EnvironmentTask,
  { memory, turns, stopReason }: Trajectory,
  reward: number | undefined,
): SolveRow => ({
  set,
  task: task.id,
  family: task.sealed.family,
  depth: depthOf(task),
  reward: reward ?? null,
  stop: stopReason,
  turns: memory.map(({ step, observation }) => ({
    action: step.raw.trim(),
    status: observation.status,
    ...(observation.status !== "ok" && { reason: observation.reason }),
  })),
  tokens: turns.reduce((sum, { ids }) => sum + ids.length, 0),
});

/** The tool of an action. */
export const toolOf = (action: string): string => action.split(" ", 1)[0] ?? "";

/**
 * The actions of a solve as a chain of tools with what each refers to: how far back, and which field or hit. So the same way
 * to an answer reads the same whatever it is about and wherever in a plan it stands.
 */
export const chainOf = (actions: readonly string[]): string =>
  actions
    .map((action, i) =>
      action
        .trim()
        .replace(/@(\d+)(?:\.(\S+))?/gu, (_, entry: string, field?: string) => {
          const back = i + 1 - Number(entry);
          return field === undefined ? `−${back}` : `−${back}.${/^\d+$/u.test(field) ? "hit" : field}`;
        })
        // Which of the entities is asked first makes no other chain.
        .replace(/\bq\d+\b/gu, "q"),
    )
    .join(" → ");

/** The chain of a solve. */
export const chainOfRow = ({ turns }: SolveRow): string => chainOf(turns.map(({ action }) => action));
