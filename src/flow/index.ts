/**
 * What flows are put together of beside `createFlow`: modules by models and by rules, prompts, conditions. A file of its own,
 * also in the build: who bundles `createFlow` alone gets none of it but what is used.
 */
export { experiencedPlanner } from "./experienced-planner.ts";
export { type EntryForm, renderEntry } from "./memory.ts";
export { modelAnalyst } from "./model/analyst.ts";
export { type ModelExecutorOptions, modelExecutor } from "./model/executor.ts";
export { type ModelGeneratorOptions, modelGenerator } from "./model/generator.ts";
export { parseAction, parseChatAction } from "./model/parse-action.ts";
export { type ModelPlannerOptions, modelPlanner } from "./model/planner.ts";
export type { ResultDetail } from "./model/planner-prompt.ts";
export {
  type PromptEngine,
  type PromptForm,
  type PromptOptions,
  type PromptSource,
  renderHead,
} from "./model/prompt-form.ts";
export {
  type TrajectorySegments,
  type TrajectorySegmentsOptions,
  trajectorySegments,
} from "./model/trajectory-segments.ts";
export { type ModelVerifierOptions, modelVerifier } from "./model/verifier.ts";
export type { VerifierFormOptions } from "./model/verifier-form.ts";
export type { VerdictForm } from "./model/verifier-prompt.ts";
export { verifierSegments } from "./model/verifier-segments.ts";
export { observe } from "./observation.ts";
export { resolve } from "./references.ts";
export { ruleAnalyst } from "./rules/analyst.ts";
export { ruleExecutor } from "./rules/executor.ts";
export { ruleGenerator } from "./rules/generator.ts";
export { ruleVerifier } from "./rules/verifier.ts";
export {
  answered,
  noProgress,
  type Progress,
  repeatedCall,
  type StopCondition,
  turnCount,
} from "./stop-condition.ts";
export type { TraceApi, TraceSpan } from "./tracing.ts";
