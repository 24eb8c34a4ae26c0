import type { StepMetrics } from "./step-metrics.ts";

/** Steps in a row without a mixed group after which it is said. */
const STEPS = 3;

type Seen = Pick<StepMetrics, "index" | "reward" | "groups" | "toolErrorRate" | "noSample" | "trajectories">;

/**
 * Looks at the metrics of each step, gives them back, and says once what keeps rewards from teaching anything: where all
 * rollouts of each group earn the same, every advantage is 0.
 */
export const diagnosisOf = (
  tell: (message: string) => void = (message) => globalThis.process?.emitWarning(message),
): (<Metrics extends Seen>(metrics: Metrics) => Metrics) => {
  let alike: Seen[] = [];
  let told = false;
  return (metrics) => {
    alike = metrics.groups.mixed === 0 ? [...alike, metrics].slice(-STEPS) : [];
    if (alike.length === STEPS && !told) {
      told = true;
      tell(`In ${STEPS} steps no group earned different rewards, so nothing was learnt from them: ${causeOf(alike)}`);
    }
    return metrics;
  };
};

const causeOf = (steps: readonly Seen[]): string => {
  const all = (holds: (step: Seen) => boolean): boolean => steps.every(holds);
  if (all(({ noSample, trajectories }) => noSample === trajectories))
    return "no rollout got a reward (the reward is undefined, or models and engines failed).";
  if (all(({ groups }) => groups.allSolved === groups.total))
    return "every rollout earned 1. Take harder tasks, or stop here.";
  if (!all(({ groups }) => groups.noneSolved === groups.total))
    return "rollouts of a task hardly differ. Raise the temperature or groupSize.";
  if (all(({ toolErrorRate }) => toolErrorRate > 0.9))
    return "every rollout earned 0, and its calls failed. The planner does not know these tools: imitate some plans first (supervised, or learn with coldStart), or take a planner that was made for them (learn with a project).";
  return "every rollout earned 0. Begin with easier tasks, allow more turns, or imitate some plans first (supervised, or learn with coldStart).";
};
