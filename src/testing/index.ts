/** Doubles that the tests of this project use, for yours. */

export { failingExecutor } from "./failing-executor.ts";
export { type FixedClock, fixedClock } from "./fixed-clock.ts";
export {
  type HubFault,
  type HubRepo,
  type HubRequestLog,
  type HubServer,
  type HubServerOptions,
  hubServer,
} from "./hub-server.ts";
export { type LeverEnvironmentOptions, leverEnvironment, leverPolicy, leverTools } from "./lever-environment.ts";
export { type Fault, infrastructureFaults, modelFaults, randomFaults } from "./model-faults.ts";
export { type OpenAIRequest, type OpenAIServer, type OpenAIServerOptions, openaiServer } from "./openai-server.ts";
export { type ScriptedModel, scriptedModel } from "./scripted-model.ts";
export { type ScriptedAction, type ScriptedPlan, scriptedPlanner } from "./scripted-planner.ts";
export {
  byteTokenizer,
  chatTokenizer,
  type PolicyLog,
  plainChat,
  type ScriptedPolicy,
  type ScriptedPolicyOptions,
  scriptedPolicy,
} from "./scripted-policy.ts";
export { type TabularPolicyOptions, tabularPolicy } from "./tabular-policy.ts";
export { wordTokenizer } from "./word-tokenizer.ts";
