/** Implementations of ChatModel. */
export { type OpenAICompatibleOptions, openaiCompatible } from "./openai-compatible.ts";
export {
  type AiSdkLanguageModel,
  type AiSdkModelOptions,
  aiSdkModel,
  type EngineModelOptions,
  engineModel,
  type ResilientOptions,
  recordingModel,
  replayModel,
  resilient,
} from "./other-models.ts";
export { fetchTransport, type HttpReply, type HttpRequest, pooledTransport, type Transport } from "./transport.ts";
