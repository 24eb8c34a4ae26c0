import { fileURLToPath } from "node:url";
import type { Engine, Policy } from "../../engine.ts";
import { EngineError } from "../../errors.ts";
import { randomKey } from "../../random.ts";
import { readModelFolder, writeModelFolder } from "./checkpoint.ts";
import { describeEngine, type OpenEngineOptions, oneAtATime } from "./engine-parts.ts";
import { createFullPolicy, type FullPolicyParts } from "./full-policy.ts";
import { initialise } from "./initialise.ts";
import type { ModelConfig } from "./model-config.ts";
import { openNativeRuntime } from "./ort-native.ts";
import { floatsOf } from "./runtime.ts";
import { createSampler, type Sampler } from "./sampler.ts";
import { selfTest } from "./self-test.ts";
import { loadTokenizer, type TokenizerJson } from "./tokenizer.ts";
import { createTrainer, type Trainer } from "./trainer.ts";
import { allocateWeights } from "./weights.ts";

/** What `createEngine` makes an engine from: a model folder's contents, or fresh weights from a seed. */
export interface ModelSource {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  readonly tensors?: Readonly<Record<string, Float32Array>>;
  /** Of fresh weights. @default 0 */
  readonly seed?: number;
}

/** Folders of the models that the package ships. */
const BUILT_IN: Readonly<Record<string, URL>> = {
  "agentflow-tiny": new URL("../../../models/agentflow-tiny", import.meta.url),
};

/**
 * Opens a model: the name of a built-in one, or a model folder (config.json, tokenizer.json, model.safetensors,
 * manifest.json). Throws StoreError for a damaged folder, EngineError where the native runtime is missing.
 */
export const openEngine = async (model: string, options: OpenEngineOptions = {}): Promise<Engine> => {
  const builtIn = BUILT_IN[model];
  const { config, tokenizer, tensors } = await readModelFolder(builtIn ? fileURLToPath(builtIn) : model);
  return createEngine({ name: model, config, tokenizer, tensors }, options);
};

/** An engine over given or fresh weights. */
export const createEngine = async (source: ModelSource, options: OpenEngineOptions = {}): Promise<Engine> => {
  const runtime = openNativeRuntime(options.threads === undefined ? {} : { threads: options.threads });
  await selfTest(runtime);
  const tokenizer = await loadTokenizer(source.tokenizer);
  if (tokenizer.vocabularySize > source.config.vocab_size) {
    throw new EngineError(
      `The tokenizer has ${tokenizer.vocabularySize} tokens, the model only ${source.config.vocab_size}.`,
    );
  }
  const base = allocateWeights(runtime, source.config);
  if (source.tensors) {
    for (const [name, tensor] of base.tensors) floatsOf(tensor).set(source.tensors[name] ?? []);
  } else initialise(base, source.config, randomKey(source.seed ?? 0, "weights"));

  const { exclusive, idle } = oneAtATime();
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
    exclusive,
    sampler: () => {
      requireOpen();
      sampler ??= createSampler(runtime, source.config, {
        exclusive,
        ...(options.slots !== undefined && { slots: options.slots }),
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
    save: (folder, weights, about) =>
      writeModelFolder(folder, { config: source.config, tokenizer: source.tokenizer, weights, about }),
  };
  const policies = new Map<string, Policy>();
  const engine: Engine = {
    model: source.name,
    tokenizer,
    contextLength: source.config.max_position_embeddings,
    endIds: [],
    description: describeEngine(
      runtime,
      source.name,
      [...base.tensors.values()].reduce((sum, tensor) => sum + floatsOf(tensor).length, 0),
    ),
    policy: (name) => {
      const known = policies.get(name);
      if (known) return known;
      const made = createFullPolicy(name, engine, parts);
      policies.set(name, made);
      return made;
    },
    dispose: async () => {
      if (closed) return;
      closed = true;
      // A session must not go under a call.
      await idle();
      sampler?.dispose();
      trainer?.dispose();
      runtime.dispose();
    },
  };
  return engine;
};
