import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine.ts";
import { ConfigError, EngineError } from "../../errors.ts";
import { checked, defined, name, required } from "../../options.ts";
import { packageFolder } from "../../package-folder.ts";
import { randomKey } from "../../random.ts";
import { createAdapterEngine } from "./adapter-engine.ts";
import { openRuntime } from "./carriers/open-runtime.ts";
import { elementsOf, floatsOf, type Runtime } from "./carriers/runtime.ts";
import { selfTest } from "./carriers/self-test.ts";
import {
  chatTemplateOf,
  describeEngine,
  engineRules,
  type OpenEngineOptions,
  oneAtATime,
  policiesByName,
} from "./engine-parts.ts";
import { isAdapterFolder, readAdapterBase } from "./files/adapter-files.ts";
import { writeModelFolder } from "./files/checkpoint.ts";
import type { ModelFiles } from "./files/model-files.ts";
import { openModelFiles } from "./files/open-model.ts";
import { createFullPolicy, type FullPolicyParts } from "./full-policy.ts";
import { initialise } from "./initialise.ts";
import { type ModelConfig, parameterShapes } from "./model-config.ts";
import { requireMemory } from "./model-memory.ts";
import { createSampler, type Sampler } from "./sampling/sampler.ts";
import { textRules } from "./text/text-rules.ts";
import { loadTokenizer, type TokenizerJson } from "./text/tokenizer.ts";
import { createTrainer, type Trainer } from "./training/trainer.ts";
import { allocateWeights } from "./weights.ts";

/** What `createEngine` makes an engine from: a model folder's contents, or fresh weights from a seed. */
export interface ModelSource extends Partial<Pick<ModelFiles, "tokenizerConfig" | "chatTemplate" | "endIds">> {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  readonly tensors?: Readonly<Record<string, Float32Array>>;
  /** Of fresh weights. @default 0 */
  readonly seed?: number;
}

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
  const tokenizer = await loadTokenizer(source.tokenizer, source.tokenizerConfig);
  const chat = await chatTemplateOf(source);
  if (tokenizer.vocabularySize > source.config.vocab_size) {
    throw new EngineError(
      `The tokenizer has ${tokenizer.vocabularySize} tokens, the model only ${source.config.vocab_size}.`,
    );
  }
  const base = allocateWeights(runtime, source.config);
  if (source.tensors) {
    for (const [name, tensor] of base.tensors) floatsOf(tensor).set(source.tensors[name] ?? []);
  } else initialise(base, source.config, randomKey(source.seed ?? 0, "weights"));

  // Training and sampling run side by side: one fills the time that the other leaves idle between its native calls.
  const training = oneAtATime();
  const sampling = oneAtATime();
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw new EngineError("This engine is closed.");
  };
  // Made on first use: who only samples pays for no trainer, and the other way round.
  let sampler: Sampler | undefined;
  let trainer: Trainer | undefined;
  const parts: FullPolicyParts = {
    base,
    allocate: () => allocateWeights(runtime, source.config),
    exclusive: training.exclusive,
    sampler: () => {
      requireOpen();
      sampler ??= createSampler(runtime, source.config, {
        exclusive: sampling.exclusive,
        text: textRules(tokenizer, source.tokenizer, source.config.vocab_size),
        ...defined({ slots: options.slots }),
      });
      return sampler;
    },
    // A history that is let go of needs no sampler to be made, and may outlive the engine.
    release: (history) => sampler?.release(history),
    trainer: () => {
      requireOpen();
      trainer ??= createTrainer(runtime, source.config);
      return trainer;
    },
    save: (folder, weights, about) => writeModelFolder(folder, { ...source, weights, about }),
  };
  const engine: Engine = {
    model: source.name,
    tokenizer,
    contextLength: source.config.max_position_embeddings,
    learns: "weights",
    endIds: source.endIds ?? [],
    ...defined({ chat }),
    description: describeEngine(
      runtime,
      source.name,
      [...base.tensors.values()].reduce((sum, tensor) => sum + floatsOf(tensor).length, 0),
    ),
    policy: policiesByName((name, { lora }) => {
      if (lora !== undefined)
        throw new ConfigError(
          `The engine of ${source.name} trains all weights. For adapters open it with { learns: "adapters" }.`,
        );
      return createFullPolicy(name, engine, parts);
    }),
    dispose: async () => {
      if (closed) return;
      closed = true;
      // A session must not go under a call.
      await Promise.all([training.idle(), sampling.idle()]);
      sampler?.dispose();
      trainer?.dispose();
      runtime.dispose();
    },
  };
  return engine;
};
