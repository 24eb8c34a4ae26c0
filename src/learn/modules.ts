/** Modules that a model can play; the others go by rules. */
export const moduleNames = ["planner", "executor", "verifier", "generator"] as const;
export type ModuleName = (typeof moduleNames)[number];

/** Modules that can be trained. */
export const trainableNames = ["planner", "verifier"] as const;
export type TrainableName = (typeof trainableNames)[number];
