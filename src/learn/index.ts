/** Runs of learning: evaluate, train in the flow, evaluate again; resume, verify, fork and watch; a project of one's own. */
export { type AlgorithmName, algorithmNames, algorithms } from "./algorithms.ts";
export { type BaselineOptions, type Baselines, measureBaselines } from "./baselines.ts";
export { chooseRecipe, type RecipeChoice } from "./choose-recipe.ts";
export {
  type Evaluated,
  type EvaluateSetsOptions,
  evaluateSets,
  type FailureFigures,
  type Gain,
  gainOf,
  type PlannerFigures,
  type SetFigures,
} from "./evaluation.ts";
export type { EvaluationPhase, LearnEvent, LearnFinish, LearnHappening } from "./event.ts";
export { type Fork, fork } from "./fork.ts";
export {
  type FromTrajectoriesOptions,
  learnFromTrajectories,
  readSolved,
  type SupervisedReport,
} from "./from-trajectories.ts";
export { learn, type ResumeOptions, resume } from "./learn.ts";
export { type ModuleName, moduleNames, type TrainableName, trainableNames } from "./modules.ts";
export type { LearnOptions, LearnSignals } from "./options.ts";
export {
  microPlanner,
  type OpenedPlanner,
  type PlannerOpening,
  type PlannerSource,
} from "./planner-source.ts";
export { type FixedOrderHint, fixedOrderPlanner, searchBestFixedOrder } from "./planners/fixed-order.ts";
export { oraclePlanner } from "./planners/oracle.ts";
export {
  type AskedCalculation,
  type RandomValidOptions,
  type ReadyPlanner,
  randomValidPlanner,
} from "./planners/random-valid.ts";
export {
  checkEnvironment,
  type ProjectEvaluation,
  type ProjectOptions,
  project,
  projectEvaluation,
} from "./project/project.ts";
export type { ProjectSealed, ProjectTask, Split } from "./project/project-tasks.ts";
export { type Descent, type Recipe, recipes } from "./recipe.ts";
export type { LearnReport } from "./report.ts";
export type { LearnRun } from "./run-stream.ts";
export type { AskedSettings, LearnSettings } from "./settings.ts";
export type { ToolFailures } from "./tool-failures.ts";
export type { Agreement } from "./verifier-imitation.ts";
export { type Verification, type VerifyOptions, verify } from "./verify.ts";
export { integrityOf } from "./verify-integrity.ts";
export { type WatchOptions, type WatchReport, watch } from "./watch.ts";
export { type WorkerTexts, type WorkOptions, work } from "./work.ts";
