import type { SetName } from "../environment.ts";
import type { Diagnosis } from "../train/index.ts";
import type { Baselines } from "./baselines.ts";
import type { FailureFigures, Gain, PlannerFigures } from "./evaluation.ts";
import type { Agreement } from "./verifier-imitation.ts";

/** What `agentflow learn` found: `report.json` of its run, and its `--json`. Wall time is in `seconds` only. */
export interface LearnReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly seconds: {
    readonly total: number;
    readonly evaluate: number;
    readonly rollOut: number;
    readonly train: number;
    /** Of a planner that had to be shown the tools first. */
    readonly coldStart?: number;
  };
  /** Everything that was used. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps that were trained; fewer than asked for when it was interrupted. */
  readonly stepsDone: number;
  readonly interrupted: boolean;
  /** Validation was clearly better after this step, counted from 1: its weights were gone back to. */
  readonly keptStep?: number;
  readonly before: PlannerFigures;
  /** After imitation and before the first rollout, where there was a cold start. */
  readonly coldStart?: PlannerFigures;
  /** What the flow has taught beyond the cold start. */
  readonly gainOfFlow?: Readonly<Record<SetName, Gain>>;
  /** How a verifier that learns agreed with the rules after its cold start. */
  readonly agreement?: Agreement;
  readonly after: PlannerFigures;
  readonly gain: Readonly<Record<SetName, Gain>>;
  /** Of training with tool failures: the first set once more, with such failures. */
  readonly failing?: FailureFigures;
  readonly baselines: Baselines;
  /** What kept the run from learning: what held at the end of training, and what came and went (`until`). */
  readonly diagnosis: readonly Diagnosis[];
}
