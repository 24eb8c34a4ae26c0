/** Implementations of ChatModel. */
export { type AiSdkLanguageModel, type AiSdkModelOptions, aiSdkModel } from "./ai-sdk.ts";
export { type EngineModelOptions, engineModel } from "./engine-model.ts";
export { type OpenAICompatibleOptions, openaiCompatible } from "./openai-compatible.ts";
export { recordingModel, replayModel } from "./recording.ts";
export { type ResilientOptions, resilient } from "./resilient.ts";
export { fetchTransport, type HttpReply, type HttpRequest, pooledTransport, type Transport } from "./transport.ts";
