export { openNativeRuntime } from "./carriers/ort-native.ts";
export { createEngine, type ModelSource, openEngine } from "./engine.ts";
export type { OpenEngineOptions } from "./engine-parts.ts";
export { type ExportFormat, type ExportOptions, exportAdapter, verifyExport } from "./files/export.ts";
export { type PullEvent, type PullOptions, pullModel } from "./files/hub.ts";
export { type CachedModel, cacheFolder, listModels, removeModel, resolveModel } from "./files/model-cache.ts";
export type { ModelConfig } from "./model-config.ts";
export { loadTokenizer, type TokenizerJson } from "./text/tokenizer.ts";
export { trainTokenizer } from "./text/train-tokenizer.ts";
