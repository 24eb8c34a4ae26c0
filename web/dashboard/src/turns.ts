import type { TurnCard } from "./solve-log.ts";
import type { StoredTrajectory } from "./types.ts";

/** The turns of a stored trajectory, whether its memory was kept whole or only what was planned. */
export const turnsOf = ({ row, journal }: StoredTrajectory): TurnCard[] => {
  const { trajectory, actions = [] } = row;
  if (trajectory !== undefined)
    return trajectory.memory.map(({ index, step, call, observation, verdict }) => ({
      turn: index,
      tool: step.tool,
      subGoal: step.subGoal,
      call,
      observation,
      verdict,
    }));
  return actions.map((action, i) => {
    const [tool = "", ...rest] = action.trim().split(/\s+/);
    const kept = journal?.turns[i];
    return {
      turn: i + 1,
      tool,
      subGoal: rest.join(" "),
      call: kept?.call ?? undefined,
      observation: kept?.observation ?? undefined,
    };
  });
};

/** What two turns have in common when they are the same: plan, call and outcome. */
export const turnKey = ({ tool, subGoal, observation }: TurnCard): string =>
  JSON.stringify([tool, subGoal, observation?.status, observation === undefined ? null : outcome(observation)]);

export const outcome = (observation: NonNullable<TurnCard["observation"]>): string =>
  observation.status === "ok" ? observation.text : observation.error;
