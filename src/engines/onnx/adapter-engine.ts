import { createHash } from "node:crypto";
import type { Engine } from "../../engine.ts";
import { EngineError } from "../../errors.ts";
import { defined } from "../../options.ts";
import { createBasePolicy } from "./base-policy.ts";
import { elementsOf, floatsOf, type Runtime } from "./carriers/runtime.ts";
import { chatTemplateOf, describeEngine, hashOfModel, type OpenEngineOptions } from "./engine-parts.ts";
import { type AdapterFolder, readAdapter, writeAdapter } from "./files/adapter-files.ts";
import type { ModelFiles } from "./files/model-files.ts";
import { allocateLora, initialiseLora, type LoraConfig, loraConfigOf } from "./lora.ts";
import { createLoraPolicy } from "./lora-policy.ts";
import { parameterShapes } from "./model-config.ts";
import { requireMemory } from "./model-memory.ts";
import { oneAtATime, policiesByName } from "./policies.ts";
import { createQuantisedSampler, type QuantisedSampler } from "./sampling/quantised-sampler.ts";
import { textRules } from "./text/text-rules.ts";
import { loadTokenizer } from "./text/tokenizer.ts";
import { createLayerTrainer, type LayerTrainer } from "./training/layer-trainer.ts";
import { allocateTensors, type Weights } from "./weights.ts";

/** Longest sequence by default: what a cache and a mask of moderate size hold. */
const CONTEXT_LENGTH = 4096;
/** An adapter on nothing: the base alone. */
const NO_ADAPTER: LoraConfig = { rank: 1, alpha: 1, targets: [] };

/**
 * An engine over a frozen base. It samples a quantised copy, with the adapters of its policies on top; the float32
 * weights are read when something is trained or scored. Policies without an adapter are the base, which never learns.
 */
export const createAdapterEngine = async (
  files: ModelFiles,
  runtime: Runtime,
  options: OpenEngineOptions = {},
): Promise<Engine> => {
  const { config, tensors } = files;
  const tokenizer = await loadTokenizer(files.tokenizer, files.tokenizerConfig);
  const chat = await chatTemplateOf(files);
  const contextLength = Math.min(options.contextLength ?? CONTEXT_LENGTH, config.max_position_embeddings);
  const quantisation = options.quantisation ?? "int8";
  const shapes = parameterShapes(config);
  requireMemory(files.name, config, { purpose: "sample", quantisation, slots: 1, contextLength });
  const modelHash = await hashOfModel(files.name);
  const baseVersion = createHash("sha256").update(`${modelHash}/${quantisation}`).digest("hex");
  const started = new Map<string, AdapterFolder>();
  for (const [name, folder] of Object.entries(options.adapters ?? {}))
    started.set(name, await readAdapter(folder, config));

  const { exclusive, idle } = oneAtATime();
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw new EngineError("This engine is closed.");
  };
  /** Made once, on first use: who only samples pays for no float32 weights, and the other way round. */
  const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
    let made: Promise<T> | undefined;
    return () => {
      requireOpen();
      made ??= make();
      return made;
    };
  };
  const base = once(async (): Promise<Weights> => {
    requireMemory(files.name, config, { purpose: "lora", lora: NO_ADAPTER });
    const weights = allocateTensors(runtime, shapes);
    for (const [name, tensor] of weights.tensors) floatsOf(tensor).set(await tensors.read(name));
    return weights;
  });
  const trainers = new Map<string, Promise<LayerTrainer>>();
  const trainerOf = (lora: LoraConfig): Promise<LayerTrainer> => {
    requireOpen();
    const key = JSON.stringify(lora);
    const known = trainers.get(key);
    if (known) return known;
    const made = base().then((weights) =>
      createLayerTrainer(runtime, config, { contextLength, adapter: { base: weights.tensors, lora } }),
    );
    trainers.set(key, made);
    return made;
  };
  let open: QuantisedSampler | undefined;
  const sampler = once(async () => {
    open = await createQuantisedSampler(runtime, config, {
      tensors,
      quantisation,
      exclusive,
      contextLength,
      tokenizer: textRules(tokenizer, files.tokenizer, config.vocab_size),
      ...defined({ slots: options.slots, cacheBytes: options.cacheBytes }),
    });
    return open;
  });
  const release = (history: string): void => open?.release(history);

  const engine: Engine = {
    model: files.name,
    tokenizer,
    contextLength,
    learns: "adapters",
    endIds: files.endIds,
    ...defined({ chat }),
    description: {
      ...describeEngine(
        runtime,
        files.name,
        [...shapes.values()].reduce((sum, shape) => sum + elementsOf(shape), 0),
      ),
      quantisation,
      contextLength,
    },
    policy: policiesByName((name, { lora: wanted }) => {
      const start = started.get(name);
      if (wanted === undefined && start === undefined)
        return createBasePolicy(name, engine, {
          version: baseVersion,
          sample: async (request) => (await sampler()).sample(request, { version: baseVersion }),
          release,
          forward: async (sequences) => {
            const trainer = await trainerOf(NO_ADAPTER);
            return exclusive(() => trainer.forward(undefined, sequences));
          },
        });
      const lora = start?.lora ?? loraConfigOf(config, wanted);
      const weights = allocateLora(runtime, config, lora);
      if (start === undefined) initialiseLora(weights, wanted?.seed ?? 0);
      else for (const [tensor, place] of weights.tensors) floatsOf(place).set(start.tensors[tensor] ?? []);
      return createLoraPolicy(name, engine, {
        lora,
        weights,
        baseVersion,
        allocate: () => allocateLora(runtime, config, lora),
        exclusive,
        sample: async (request, snapshot) => (await sampler()).sample(request, snapshot),
        forget: (version) => open?.forget(version),
        release,
        trainer: () => trainerOf(lora),
        save: (folder, values, about) =>
          writeAdapter(folder, { config, lora, weights: values, about, baseName: files.name }),
      });
    }),
    dispose: async () => {
      if (closed) return;
      closed = true;
      await idle();
      open?.dispose();
      for (const trainer of trainers.values()) (await trainer).dispose();
      await tensors.close();
      runtime.dispose();
    },
  };
  return engine;
};
