export { cacheFolder } from "../../cache-folder.ts";
export { createEngine, openEngine } from "./engine.ts";
export type { OpenEngineOptions } from "./engine-parts.ts";
export type { AdapterFolder } from "./files/adapter-files.ts";
export { type ExportFormat, type ExportOptions, exportAdapter, verifyExport } from "./files/export.ts";
export { type PullEvent, type PullOptions, pullModel } from "./files/hub.ts";
export type { HubRequest } from "./files/hub-client.ts";
export type { DownloadOptions } from "./files/hub-download.ts";
export type { Adapter, MergeOptions } from "./files/merge.ts";
export {
  type CachedModel,
  listModels,
  type PulledAbout,
  removeModel,
  resolveModel,
} from "./files/model-cache.ts";
export type { ModelFiles, TensorSource } from "./files/model-files.ts";
export type { WrittenType } from "./files/safetensors-writer.ts";
export type { ModelSource } from "./full-engine.ts";
export type { LoraConfig } from "./lora.ts";
export type { LayerType, ModelConfig, ModelType, RopeScaling } from "./model-config.ts";
export { loadTokenizer, type TokenizerJson } from "./text/tokenizer.ts";
export { trainTokenizer } from "./text/train-tokenizer.ts";
