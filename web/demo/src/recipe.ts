/** Everything that decides a run, besides its seed. */
export const RECIPE = {
  steps: 100,
  tasksPerStep: 8,
  groupSize: 16,
  learningRate: { peak: 8e-4, warmUp: 5, finalShare: 0.3 },
  /** Unseen tasks of the first and the last measurement, and of those on the way. */
  measured: 200,
  measuredOnTheWay: 96,
  measuredEvery: 10,
} as const;
