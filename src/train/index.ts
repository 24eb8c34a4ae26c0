/** Learning: Flow-GRPO and its pieces, evaluation with intervals, supervised training. */
export { type AdvantageKind, advantages, hasSpread } from "./advantage.ts";
export { type Aggregation, type BatchOptions, type BatchSequence, batchOf } from "./batch.ts";
export { mapConcurrently } from "./concurrency.ts";
export type { DiagnosedStep } from "./diagnosed-step.ts";
export {
  type DiagnoseOptions,
  type Diagnosis,
  type Diagnostics,
  diagnose,
  diagnostics,
} from "./diagnosis.ts";
export { type DiagnosisCause, diagnosisCauses } from "./diagnosis-causes.ts";
export {
  type Accuracy,
  accuracyOf,
  compare,
  type EvaluateOptions,
  type EvaluationReport,
  evaluate,
  type Outcomes,
} from "./evaluate.ts";
export { flowGrpo } from "./flow-grpo.ts";
export type { FlowGrpoOptions, ReplayOptions } from "./flow-grpo-options.ts";
export { type GrpoOptions, type GrpoSettings, grpoDefaults } from "./grpo-options.ts";
export { type ClipKind, coefficients, type LossInput, type LossOutput } from "./loss.ts";
export {
  type OnlineLearner,
  type OnlineOptions,
  type OnlineRound,
  onlineLearner,
} from "./online.ts";
export { type Group, permuteRewards, type RollOutOptions, type Rollout, rollOut, rollOutGroups } from "./roll-out.ts";
export type { FamilyOf, GroupCounts, LengthCounts } from "./rollout-counts.ts";
export { type LinearScheduleOptions, linearSchedule, type Schedule } from "./schedule.ts";
export {
  type Interval,
  mcNemar,
  mean,
  type PairedCounts,
  type PairedDifference,
  pairedCounts,
  pairedDifference,
  standardDeviation,
  wilsonInterval,
} from "./statistics.ts";
export { type StepCredit, type StepCreditOptions, stepCredits } from "./step-credit.ts";
export type { GuardState, StepGuardOptions } from "./step-guard.ts";
export type { StepMetrics, StepTimings } from "./step-metrics.ts";
export { type SupervisedOptions, type SupervisedStep, supervised, validationLoss } from "./supervised.ts";
export { type ToolOrder, type ToolUse, toolOrders, toolUse } from "./tool-use.ts";
