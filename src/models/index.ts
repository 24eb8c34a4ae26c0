/** Implementations of ChatModel. */
export { type ChatModelOptions, chatModel } from "./chat-model.ts";
export { type EngineModelOptions, engineModel } from "./engine-model.ts";
