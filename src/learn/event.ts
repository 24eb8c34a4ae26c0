import type { Environment, Finding } from "../environment.ts";
import type { Diagnosis, StepMetrics, StepTimings } from "../train/index.ts";
import type { Baselines } from "./baselines.ts";
import type { PlannerFigures } from "./evaluation.ts";
import type { LearnReport } from "./report.ts";

/** Evaluations of a run, in their order: untrained, after imitation where there is any, trained, and where calls fail, if they did in training. */
export type EvaluationPhase = "before" | "coldStart" | "after" | "failing";

/** What a run of learning does, by type. Steps count from 1. */
export type LearnHappening =
  /** The environment is open and was checked. */
  | { readonly type: "check-end"; readonly findings: readonly Finding[] }
  | {
      readonly type: "run-start";
      readonly run: string;
      readonly folder: string;
      /** Of the engine. */
      readonly model: string;
      readonly machine: Readonly<Record<string, string | number>>;
      readonly split: "validation" | "test";
      /** What a report calls the evaluation sets. */
      readonly titles: Environment["titles"];
      /** A question to try the trained planner on. */
      readonly question: string;
      /** Questions of one evaluation. */
      readonly tasks: number;
      readonly steps: number;
      /** What the planner imitates before its first rollout, where it does. */
      readonly coldStart?: { readonly steps: number; readonly sequencesPerStep: number };
      readonly tasksPerStep: number;
      readonly groupSize: number;
      /** Minutes of training after which it stops, where they are limited. */
      readonly minutes?: number;
      /** The step that a resumed run continues after; 0 when it had none. */
      readonly resumedAfter?: number;
    }
  /** What is being done now, in a few words, where it takes a while. */
  | { readonly type: "stage"; readonly stage: string }
  /** A step of imitation, before the first rollout. */
  | { readonly type: "imitation-step"; readonly step: number; readonly steps: number; readonly loss: number }
  | { readonly type: "evaluation-start"; readonly phase: EvaluationPhase; readonly total: number }
  | {
      readonly type: "evaluation-progress";
      readonly phase: EvaluationPhase;
      readonly done: number;
      readonly total: number;
    }
  /** `seconds` is absent for an evaluation that a resumed run has read from its folder. */
  | {
      readonly type: "evaluation-end";
      readonly phase: EvaluationPhase;
      readonly figures: PlannerFigures;
      readonly seconds?: number;
    }
  | { readonly type: "baselines-end"; readonly baselines: Baselines }
  | { readonly type: "training-start"; readonly steps: number }
  | {
      readonly type: "step-end";
      readonly step: number;
      readonly steps: number;
      readonly metrics: Omit<StepMetrics, "timings">;
      readonly timings: StepTimings;
    }
  | { readonly type: "validation-end"; readonly step: number; readonly accuracy: number }
  /** Everything up to this step is stored, and the run can be resumed from there. */
  | { readonly type: "checkpoint-end"; readonly step: number }
  | { readonly type: "training-end"; readonly steps: number; readonly keptStep?: number }
  /** Something about the run that a person should know; with a diagnosis, what keeps it from learning, when that begins. */
  | { readonly type: "diagnosis"; readonly message: string; readonly diagnosis?: Diagnosis }
  /** A round of learning from a growing file. */
  | {
      readonly type: "round-end";
      readonly round: number;
      /** Mean reward of the round's last step. */
      readonly reward: number;
      /** Accuracy on questions that a new version must still solve, and the least that it must have. */
      readonly gate: number;
      readonly floor: number;
      readonly published: boolean;
    };

/** How a run ended: always the last event, and exactly one. */
export type LearnFinish<Report = LearnReport> =
  | { readonly type: "finish"; readonly status: "finished" | "interrupted"; readonly report: Report }
  | { readonly type: "finish"; readonly status: "aborted" | "failed"; readonly error: string };

/** An event of a run of learning: serialisable, with a number that counts from 1. */
export type LearnEvent<Report = LearnReport> = (LearnHappening | LearnFinish<Report>) & {
  readonly schemaVersion: 1;
  readonly sequence: number;
};

/** Tells what happens. */
export type Emit = (happening: LearnHappening) => void;
