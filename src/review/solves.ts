import type { EnvironmentTask } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import type { Planner } from "../module.ts";
import { randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import { stepOf, type Trajectory } from "../trajectory.ts";
import type { PlannersOfRun, PlannerVersion } from "./planners-of-run.ts";
import type { StoredRow } from "./stored-rows.ts";
import type { Counterfactual } from "./why-types.ts";

/** A solve of one of the two planners. */
export interface Solved {
  readonly by: PlannerVersion;
  readonly trajectory: Trajectory;
  readonly reward: number | undefined;
  readonly stored: boolean;
}

/** What a planner said, turn by turn. */
export const actionsOf = ({ memory }: Trajectory): string[] => memory.map(({ step }) => step.raw.trim());

/** The solve of a version: the one that the run stored, else a new one with the draws of an evaluation. */
export const solvedBy = async (
  run: PlannersOfRun,
  task: EnvironmentTask,
  by: PlannerVersion,
  rows: readonly StoredRow[],
  signal: AbortSignal,
): Promise<Solved> => {
  const row = rows.find(
    ({ trajectory, phase }) =>
      phase !== "failing" &&
      trajectory?.turns[0] !== undefined &&
      trajectory.turns.every(({ policy, version }) => by.versions[policy] === version),
  );
  if (row?.trajectory !== undefined) return { by, trajectory: row.trajectory, reward: row.reward, stored: true };
  return solvedNow(run, task, by, by.flow, undefined, signal);
};

/** Solves a task with the draws of an evaluation. */
const solvedNow = async (
  { environment, settings: { seed } }: PlannersOfRun,
  task: EnvironmentTask,
  by: PlannerVersion,
  flow: PlannerVersion["flow"],
  from: Pick<Trajectory, "memory" | "turns"> | undefined,
  signal: AbortSignal,
): Promise<Solved> => {
  const { trajectory } = await flow.solve(queryOf(task), {
    id: `evaluate/${seed}/${task.id}`,
    randomKey: randomKey(seed, "evaluate", task.id),
    versions: by.versions,
    ...(from !== undefined && { from }),
    abortSignal: signal,
  });
  signal.throwIfAborted();
  const reward = trajectory.status === "failed" ? undefined : await environment.reward(task, trajectory.answer);
  return { by, trajectory, reward, stored: false };
};

/** The solve that continues another one with a choice that its planner did not make. */
export const solvedOtherwise = async (
  run: PlannersOfRun,
  task: EnvironmentTask,
  { by, trajectory: { memory, turns } }: Solved,
  { from, choose }: Counterfactual,
  signal: AbortSignal,
): Promise<Solved> => {
  const { planner, flow } = by;
  const chosen: Planner = Object.assign(
    ((state, context) =>
      state.turn === from ? { step: stepOf(choose) } : planner(state, context)) satisfies Planner as Planner,
    { release: planner.release },
  );
  const earlier = { memory: memory.slice(0, from - 1), turns: turns.filter(({ turn }) => turn < from) };
  return solvedNow(run, task, by, flow.with({ planner: chosen }), earlier, signal);
};

/** Throws `ConfigError` for a turn that there is not, and for a tool that there is not. */
export const requireChoice = (
  { learning: { tools } }: PlannersOfRun,
  { from, choose }: Counterfactual,
  { memory }: Trajectory,
): void => {
  if (from > memory.length)
    throw new ConfigError(
      `There is no turn ${from} to choose otherwise in: the new planner took ${memory.length}. Accepted is a turn from 1 to ${memory.length}.`,
    );
  const { tool } = stepOf(choose);
  if (!Object.hasOwn(tools, tool))
    throw new ConfigError(
      `${JSON.stringify(choose.slice(0, 200))} begins with no tool of the run: accepted are ${Object.keys(tools).join(", ")}, each followed by a sub-goal, such as "${Object.keys(tools)[0] ?? "tool"} q1".`,
    );
};
