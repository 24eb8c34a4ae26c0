/** The public surface of AgentFlow. It loads no native code, no file and no network. */
export type { Budget, Meter } from "./budget.ts";
export type { ChatFrame } from "./chat-frame.ts";
export { type Clock, systemClock } from "./clock.ts";
export {
  type AgentFlowConfig,
  defineConfig,
  type EndpointSettings,
  type ModelSettings,
  type RoleName,
  type TaskSource,
} from "./config.ts";
export type {
  ChatTemplate,
  Engine,
  ForwardResult,
  ImportanceWeights,
  LoraOptions,
  OptimStepOptions,
  Policy,
  PolicyOptions,
  PromptSegment,
  RenderOptions,
  Sample,
  SampleRequest,
  Tokenizer,
  TrainingSequence,
} from "./engine.ts";
export type {
  Environment,
  EnvironmentFlow,
  EnvironmentOpening,
  EnvironmentSealed,
  EnvironmentSource,
  EnvironmentTask,
  Finding,
  SetName,
  TaskOf,
  TaskSets,
} from "./environment.ts";
export type { EnvironmentVariables } from "./environment-variables.ts";
export {
  AgentFlowError,
  BudgetError,
  ConfigError,
  EngineError,
  ModelError,
  type ModelErrorOptions,
  SandboxError,
  StoreError,
  TaskError,
  ToolError,
  type ToolErrorOptions,
} from "./errors.ts";
export type { FlowEvent, FlowEventBody } from "./event.ts";
export type { EventStream } from "./event-stream.ts";
export type { Experience, ExperienceStore } from "./experience.ts";
export { type Familiarity, familiarityOf } from "./familiarity.ts";
export {
  createFlow,
  type Flow,
  type FlowOptions,
  type FlowStream,
  type SolveEnd,
  type SolveOptions,
  type SolveResult,
} from "./flow/flow.ts";
export {
  answered,
  type EntryForm,
  experiencedPlanner,
  type ModelExecutorOptions,
  type ModelGeneratorOptions,
  type ModelPlannerOptions,
  type ModelVerifierOptions,
  modelAnalyst,
  modelExecutor,
  modelGenerator,
  modelPlanner,
  modelVerifier,
  noProgress,
  observe,
  type Progress,
  type PromptEngine,
  type PromptForm,
  type PromptOptions,
  type PromptSource,
  parseAction,
  parseChatAction,
  type ResultDetail,
  renderEntry,
  renderHead,
  repeatedCall,
  resolve,
  ruleAnalyst,
  ruleExecutor,
  ruleGenerator,
  ruleVerifier,
  type StopCondition,
  type TraceApi,
  type TraceSpan,
  type TrajectorySegments,
  type TrajectorySegmentsOptions,
  trajectorySegments,
  turnCount,
  type VerdictForm,
  type VerifierFormOptions,
  verifierSegments,
} from "./flow/index.ts";
export type { Grammar } from "./grammar.ts";
export { metered } from "./metered.ts";
export type {
  ChatMessage,
  ChatModel,
  ChatReply,
  ChatRequest,
  OfferedTool,
  Price,
  PromptStyle,
  SecretHolder,
} from "./model.ts";
export type {
  Analyst,
  Executor,
  FlowState,
  Generated,
  Generator,
  Judgement,
  ModuleContext,
  Plan,
  Planner,
  Refusal,
  Solution,
  TokenCount,
  Verifier,
} from "./module.ts";
export { deriveKey, type Random, type RandomKey, random, randomKey, uniform } from "./random.ts";
export type { CallPlace, Reply, ReplyEntry, ReplyLog } from "./reply-log.ts";
export type { RedactedStream, Redactor } from "./secrets/redact.ts";
export { type Query, queryOf, type Reward, type RolloutCost, type Task, type Utterance } from "./task.ts";
export {
  type AnyTool,
  type Field,
  type Grants,
  type JsonSchema,
  type SdkTool,
  type Tool,
  type ToolContext,
  type ToolMetadata,
  type ToolOutput,
  type Tools,
  type Toolset,
  type Trust,
  tool,
} from "./tool.ts";
export type {
  Analysis,
  ErrorReason,
  MemoryEntry,
  Observation,
  Step,
  StopReason,
  ToolCall,
  TrainedTurn,
  Trajectory,
  Verdict,
  VerdictCause,
} from "./trajectory.ts";
export type { Spent, Usage } from "./usage.ts";
