import type { SolveRow } from "./row.ts";

/** What every arm comes to for one seed: a file of its own. Wall time is in `seconds` alone. */
export interface ResultBase {
  readonly schemaVersion: 1;
  readonly arm: string;
  readonly seed: number;
  /** Hash of all that it depends on. */
  readonly key: string;
  readonly seconds: number;
}

/** One step of training. */
export interface CourseStep {
  readonly reward: number;
  readonly toolErrorRate: number;
  readonly turns: number;
}

export interface TrainingResult extends ResultBase {
  readonly kind: "training";
  readonly steps: number;
  readonly rollouts: number;
  readonly sampledTokens: number;
  /** Rollouts that solved their tasks. */
  readonly successes: number;
  readonly course: readonly CourseStep[];
  /** Chain of a rollout that solved its task → the step, from 1, in which it first did. */
  readonly firsts: Readonly<Record<string, number>>;
}

export interface ImitationResult extends ResultBase {
  readonly kind: "imitation";
  readonly trajectories: number;
  readonly steps: number;
  readonly loss: number;
}

export interface EvaluationResult extends ResultBase {
  readonly kind: "evaluation";
  readonly rows: readonly SolveRow[];
}

export interface ColdStartResult extends ResultBase {
  readonly kind: "cold start";
  /** Plans that were shown, and exercises in reading. */
  readonly plans: number;
  readonly exercises: number;
  /** Chain → how many of them hold it, of those chains that were looked for. */
  readonly found: Readonly<Record<string, number>>;
}

export type ArmResult = TrainingResult | ImitationResult | EvaluationResult | ColdStartResult;
