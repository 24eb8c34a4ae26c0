import type { ChatTemplate, Engine } from "../../engine.ts";
import { ConfigError, EngineError } from "../../errors.ts";
import { defined } from "../../options.ts";
import { randomKey } from "../../random.ts";
import { floatsOf, type Runtime } from "./carriers/runtime.ts";
import { createFullPolicy, type FullPolicyParts } from "./full-policy.ts";
import { initialise } from "./initialise.ts";
import type { ModelConfig } from "./model-config.ts";
import { oneAtATime, policiesByName } from "./policies.ts";
import { createSampler, type Sampler } from "./sampling/sampler.ts";
import { textRules } from "./text/text-rules.ts";
import { loadTokenizer, type TokenizerJson } from "./text/tokenizer.ts";
import { createTrainer, type Trainer } from "./training/trainer.ts";
import { allocateWeights } from "./weights.ts";

/** What `createEngine` makes an engine from: a model folder's contents, or fresh weights from a seed. */
export interface ModelSource {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerJson;
  /** The contents of tokenizer_config.json. */
  readonly tokenizerConfig?: Readonly<Record<string, unknown>>;
  /** The text of the Jinja template. */
  readonly chatTemplate?: string;
  /** Ids that end a reply. */
  readonly endIds?: readonly number[];
  readonly tensors?: Readonly<Record<string, Float32Array>>;
  /** Of fresh weights. @default 0 */
  readonly seed?: number;
}

/** What an engine gets from where it runs. */
export interface EngineSurroundings {
  /** The machine, for people and for the fingerprint of a run. */
  readonly description: Readonly<Record<string, string | number>>;
  /** Writes the weights of a policy as a model folder. */
  readonly save: FullPolicyParts["save"];
  readonly chat?: ChatTemplate;
  /** Histories that are kept in the cache at once. @default 192 */
  readonly slots?: number;
}

/**
 * An engine on a runtime that is open, whose policies train all weights. It reads no file and knows no platform: all that it
 * needs of Node is `createHash`, so that it runs in a browser too.
 */
export const fullEngine = async (
  runtime: Runtime,
  source: ModelSource,
  { description, save, chat, slots }: EngineSurroundings,
): Promise<Engine> => {
  const tokenizer = await loadTokenizer(source.tokenizer, source.tokenizerConfig);
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
        ...defined({ slots }),
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
    save,
  };
  const engine: Engine = {
    model: source.name,
    tokenizer,
    contextLength: source.config.max_position_embeddings,
    learns: "weights",
    endIds: source.endIds ?? [],
    ...defined({ chat }),
    description: {
      ...runtime.description,
      model: source.name,
      parameters: [...base.tensors.values()].reduce((sum, tensor) => sum + floatsOf(tensor).length, 0),
      ...description,
    },
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
