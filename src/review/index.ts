/** Stored runs, read for people and for other programs: why a planner does what it does, a report, other formats. */

export type { Chart } from "./charts/chart.ts";
export { type PngWriter, pngWriter } from "./charts/png.ts";
export {
  type ExportedRun,
  type ExportFilters,
  type ExportRunOptions,
  exportRun,
  type TrajectoryFormat,
  trajectoryFormats,
} from "./export.ts";
export { UnknownTaskError } from "./find-task.ts";
export { type KnownOfAtif, trajectoryOfAtif } from "./formats/read-atif.ts";
export { type ImportedTrajectory, importAtif } from "./import.ts";
export { type RunReport, reportOnRun } from "./report.ts";
export type { ChoiceTraining, TrainedGroup, TrainedRollout } from "./training-of-task.ts";
export { why } from "./why.ts";
export type {
  Choice,
  Counterfactual,
  Likelihood,
  OpenPlannersOptions,
  VersionName,
  WeighedChoice,
  Why,
  WhyOptions,
  WhySolve,
  WhyTurn,
} from "./why-types.ts";
