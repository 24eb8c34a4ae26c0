export { createEngine, type ModelSource, type OpenEngineOptions, openEngine } from "./engine.ts";
export type { ModelConfig } from "./model-config.ts";
export { openNativeRuntime } from "./ort-native.ts";
export { loadTokenizer, type TokenizerJson } from "./tokenizer.ts";
export { trainTokenizer } from "./train-tokenizer.ts";
