/** Implementations of ChatModel. */
export { type EngineModelOptions, engineModel } from "./engine-model.ts";
