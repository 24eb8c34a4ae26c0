/** Everything that decides a run, besides its seed. */
export const RECIPE = {
  steps: 80,
  tasksPerStep: 16,
  groupSize: 8,
  /** Each advantage is divided by the mean of its group, so that what is rarely right weighs more. */
  advantage: "max-rl",
  learningRate: { peak: 8e-4, warmUp: 5, finalShare: 0.3 },
  /** Unseen tasks of the first and the last measurement, and of those on the way. */
  measured: 200,
  measuredOnTheWay: 96,
  measuredEvery: 10,
} as const;
