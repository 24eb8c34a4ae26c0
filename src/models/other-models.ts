/** The models beside an endpoint's. A file of its own, also in the build: who bundles an endpoint's alone gets none of it. */
export { type AiSdkLanguageModel, type AiSdkModelOptions, aiSdkModel } from "./ai-sdk.ts";
export { type EngineModelOptions, engineModel } from "./engine-model.ts";
export { recordingModel, replayModel } from "./recording.ts";
export { type ResilientOptions, resilient } from "./resilient.ts";
