/** Published claims as data, what each needs, and one call that puts them to the test. */
export type { Arm, ColdStartArm, EvaluationArm, ImitationArm, TrainingArm } from "./arm.ts";
export type { VariantName } from "./arms/variants.ts";
export type { Claim } from "./claim.ts";
export { claims } from "./claims/all.ts";
export type { ReproduceEvent } from "./event.ts";
export type { ReproductionGround } from "./ground.ts";
export type { Ground } from "./keys.ts";
export type { ClaimResults, Measured } from "./measured.ts";
export type { Sizes } from "./options.ts";
export type { ClaimReport, ReproductionMeta, ReproductionReport } from "./report.ts";
export { reproductionHtml } from "./report-html.ts";
export { reproductionMarkdown } from "./report-markdown.ts";
export { type ReproduceOptions, type Reproduction, reproduce } from "./reproduce.ts";
export type {
  ArmResult,
  ColdStartResult,
  CourseStep,
  EvaluationResult,
  ImitationResult,
  ResultBase,
  TrainingResult,
} from "./result.ts";
export type { SolveRow, TurnRow } from "./row.ts";
export type { Ended } from "./run-jobs.ts";
export type { Verdict } from "./verdict.ts";
