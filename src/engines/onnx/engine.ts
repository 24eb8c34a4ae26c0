import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine.ts";
import { checked, defined, name, required } from "../../options.ts";
import { packageFolder } from "../../package-folder.ts";
import { createAdapterEngine } from "./adapter-engine.ts";
import { openRuntime } from "./carriers/open-runtime.ts";
import { elementsOf, type Runtime } from "./carriers/runtime.ts";
import { selfTest } from "./carriers/self-test.ts";
import { chatTemplateOf, describeHost, engineRules, type OpenEngineOptions } from "./engine-parts.ts";
import { isAdapterFolder, readAdapterBase } from "./files/adapter-files.ts";
import { writeModelFolder } from "./files/checkpoint.ts";
import { openModelFiles } from "./files/open-model.ts";
import { fullEngine, type ModelSource } from "./full-engine.ts";
import { parameterShapes } from "./model-config.ts";
import { requireMemory } from "./model-memory.ts";

/** Folders of the models that the package ships. */
const BUILT_IN: Readonly<Record<string, URL>> = {
  "agentflow-tiny": new URL("models/agentflow-tiny", packageFolder),
  "agentflow-tiny-trained": new URL("models/agentflow-tiny-trained", packageFolder),
};

/** Up to this size a model learns with all its weights by default. */
const SMALL = 20_000_000;

/**
 * Opens a model: the name of a built-in one, a model folder in the layout of Hugging Face, a GGUF file, or a folder of an
 * adapter, which the policy `planner` of an engine on the adapter's base starts from. Throws StoreError for what is
 * damaged or unfinished, EngineError for what is not supported, does not fit into memory, or lacks a runtime.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 *
 * const engine = await openEngine("agentflow-tiny");
 * const planner = engine.policy("planner");
 * await planner.save("./my-planner");
 * await engine.dispose();
 * ```
 */
export const openEngine = async (model: string, options: OpenEngineOptions = {}): Promise<Engine> => {
  required(name)(model, "openEngine: the model");
  checked("openEngine", options, engineRules);
  const builtIn = Object.hasOwn(BUILT_IN, model) ? BUILT_IN[model] : undefined;
  if (builtIn === undefined && (await isAdapterFolder(model))) {
    return openEngine(await readAdapterBase(model), { ...options, adapters: { planner: model, ...options.adapters } });
  }
  const files = await openModelFiles(builtIn ? fileURLToPath(builtIn) : model);
  const parameters = [...parameterShapes(files.config).values()].reduce((sum, shape) => sum + elementsOf(shape), 0);
  const learns = options.learns ?? (parameters <= SMALL ? "weights" : "adapters");
  try {
    if (learns === "adapters") return await createAdapterEngine(files, await openRuntimeOf(options), options);
    requireMemory(model, files.config, { purpose: "full" });
    const tensors: Record<string, Float32Array> = {};
    for (const name of parameterShapes(files.config).keys()) tensors[name] = await files.tensors.read(name);
    await files.tensors.close();
    return await createEngine({ ...files, name: model, tensors }, options);
  } catch (error) {
    await files.tensors.close();
    throw error;
  }
};

const openRuntimeOf = async ({ threads, runtime: carrier }: OpenEngineOptions): Promise<Runtime> => {
  const runtime = await openRuntime({
    ...defined({ threads, carrier }),
  });
  await selfTest(runtime);
  return runtime;
};

/**
 * An engine over given or fresh weights.
 *
 * @example
 * ```ts
 * import { createEngine, type ModelConfig, trainTokenizer } from "agentflow/engines/onnx";
 *
 * const open = (config: ModelConfig) => {
 *   const tokenizer = trainTokenizer(["stock q1"], { vocabularySize: config.vocab_size, special: ["<end>"] });
 *   return createEngine({ name: "small", config, tokenizer, seed: 7 });
 * };
 * ```
 */
export const createEngine = async (source: ModelSource, options: OpenEngineOptions = {}): Promise<Engine> => {
  const runtime = await openRuntimeOf(options);
  return fullEngine(runtime, source, {
    description: describeHost(),
    save: (folder, weights, about) => writeModelFolder(folder, { ...source, weights, about }),
    ...defined({ chat: await chatTemplateOf(source), slots: options.slots }),
  });
};
