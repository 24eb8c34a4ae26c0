export { createEngine, type ModelSource, openEngine } from "./engine.ts";
export type { OpenEngineOptions } from "./engine-parts.ts";
export { type ExportFormat, type ExportOptions, exportAdapter, verifyExport } from "./export.ts";
export { type PullEvent, type PullOptions, pullModel } from "./hub.ts";
export { type CachedModel, cacheFolder, listModels, removeModel, resolveModel } from "./model-cache.ts";
export type { ModelConfig } from "./model-config.ts";
export { openNativeRuntime } from "./ort-native.ts";
export { loadTokenizer, type TokenizerJson } from "./tokenizer.ts";
export { trainTokenizer } from "./train-tokenizer.ts";
