import type { Trajectory } from "./trajectory.ts";

/** What is kept of an earlier task that was solved, or not. */
export interface Experience {
  readonly id: string;
  readonly question: string;
  /** What was done, in order, and which calls failed. */
  readonly plan: readonly { readonly tool: string; readonly subGoal: string; readonly failed: boolean }[];
  /** In [0, 1]; undefined where nobody scored it. */
  readonly reward?: number;
  /** Where it comes from: a run, a person, a file. One source can be forgotten as a whole. */
  readonly source: string;
}

/** A memory across tasks. Its texts are data for a slot of their own in the prompt; they allow nothing. */
export interface ExperienceStore {
  /** The earlier tasks most like this question, the most alike first, and none that is not alike. */
  retrieve(question: string, options?: { readonly limit?: number }): Promise<readonly Experience[]>;
  /** Keeps what a trajectory shows. */
  record(trajectory: Trajectory, options: { readonly source: string; readonly reward?: number }): Promise<void>;
}
