import type { ChatFrame } from "./chat-frame.ts";
import type { Grammar } from "./grammar.ts";
import type { ChatMessage } from "./model.ts";
import type { RandomKey } from "./random.ts";

export type { Grammar } from "./grammar.ts";

/**
 * A piece of a prompt. The split is canonical: `sampled` ids were drawn one by one in an earlier turn, others were
 * fed in one go. An engine replays a history by this split, so that a turn's result is a function of its prompt
 * alone and not of what a cache happens to hold.
 */
export interface PromptSegment {
  readonly ids: readonly number[];
  readonly sampled: boolean;
}

export interface SampleRequest {
  readonly prompt: readonly PromptSegment[];
  /** Names the trajectory whose turns extend each other: an engine keeps its cache under this name. */
  readonly history: string;
  readonly randomKey: RandomKey;
  readonly maxTokens: number;
  /** Ids that end a sample; the id that ended it is part of the sample. */
  readonly stopIds: readonly number[];
  /** Texts that end a sample wherever they appear in it; the tokens that complete one are part of the sample. @default none */
  readonly stop?: readonly string[];
  /** 0 is greedy. @default 1 */
  readonly temperature?: number;
  /** Only the k likeliest tokens. @default all */
  readonly topK?: number;
  /** Only the likeliest tokens that together have this probability. @default 1: all */
  readonly topP?: number;
  /** Only tokens at least this fraction as likely as the likeliest. @default 0: all */
  readonly minP?: number;
  /** Only tokens with which the text can still fit. @default any text */
  readonly grammar?: Grammar;
  /** A published version that is still held. @default the newest */
  readonly version?: string;
  readonly abortSignal?: AbortSignal;
}

export interface Sample {
  readonly ids: readonly number[];
  /** Behaviour log-probabilities, one an id: of the distribution that it was drawn from. */
  readonly logProbs: readonly number[];
  /**
   * Whether these are, but for rounding, what `forward` gives for the same weights. Not those of a quantised sampler, and
   * not those of a draw that is not plain (`isPlainDraw`).
   */
  readonly exact: boolean;
  readonly stopReason: "stop" | "length";
  /** Content hash of the weights that sampled it. */
  readonly version: string;
}

/** Whether a request draws from the model's own distribution: at temperature 1, with nothing cut off or ruled out. */
export const isPlainDraw = ({ temperature = 1, topK, topP = 1, minP = 0, grammar }: SampleRequest): boolean =>
  temperature === 1 && topK === undefined && topP === 1 && minP === 0 && grammar === undefined;

/** One sequence for training: `targets[i]` is the position in `ids` (≥ 1) of the i-th token that is trained. */
export interface TrainingSequence {
  readonly ids: readonly number[];
  readonly targets: readonly number[];
}

/** Truncated importance weights of tokens that other weights, or another arithmetic, sampled. */
export interface ImportanceWeights {
  /** Log-probability with which each target was drawn, one array a sequence; undefined for a sequence that nobody drew. */
  readonly behaviour: readonly (ArrayLike<number> | undefined)[];
  /** Most that a token weighs. */
  readonly cap: number;
}

export interface ForwardResult {
  /** One array a sequence, aligned with its `targets`. */
  readonly logProbs: readonly Float32Array[];
  /** Entropy of the distribution at each target, in nats. */
  readonly entropies: readonly Float32Array[];
}

export interface OptimStepOptions {
  readonly learningRate: number;
  /** @default 0.9 */
  readonly beta1?: number;
  /** @default 0.95 */
  readonly beta2?: number;
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** On matrices only, never on norms. @default 0 */
  readonly weightDecay?: number;
  /** Global norm to which the gradient is clipped; 0 turns it off. @default 1, and 0 at servers that do not clip */
  readonly gradientClip?: number;
}

/** A low-rank adapter (arXiv 2106.09685) on linears of the base, which stays frozen; dropout is 0. */
export interface LoraOptions {
  /** @default 16 */
  readonly rank?: number;
  /** The product is scaled by alpha/rank. @default 2·rank */
  readonly alpha?: number;
  /** Names of linears, such as `q_proj`. @default all of every layer */
  readonly targets?: readonly string[];
  /** Of the fresh A; B starts at 0, so that a fresh adapter changes nothing. @default 0 */
  readonly seed?: number;
}

export interface PolicyOptions {
  /** Train an adapter instead of all weights. */
  readonly lora?: LoraOptions;
}

/** A named set of trainable weights on an engine, with its own optimiser, reference and versions. */
export interface Policy {
  readonly name: string;
  readonly engine: Engine;
  /** Content hash of the newest published weights. */
  readonly version: string;
  sample(request: SampleRequest): Promise<Sample>;
  /** Drops the cache of a history. */
  release(history: string): void;
  /** Log-probabilities under the current training weights, or under the frozen reference. */
  forward(sequences: readonly TrainingSequence[], options?: { readonly reference?: boolean }): Promise<ForwardResult>;
  /**
   * Adds the gradient of −Σ c·w·logp to the accumulated one. `coefficients` are aligned with the targets. With `importance`
   * w is min(exp(logp − behaviour), cap), held constant, of the weights that are trained; else, and where nobody drew, 1.
   */
  backward(
    sequences: readonly TrainingSequence[],
    coefficients: readonly Float32Array[],
    options?: { readonly importance?: ImportanceWeights | undefined },
  ): Promise<ForwardResult>;
  /** One AdamW step with the accumulated gradient, which it clears. Throws `EngineError` if it is not finite. */
  optimStep(options: OptimStepOptions): Promise<{ readonly gradientNorm: number }>;
  /** Makes the current weights an immutable version, which new samples use. Returns its content hash. */
  publish(): Promise<string>;
  /** Keeps a version sampleable until the returned function is called. */
  hold(version: string): () => void;
  /**
   * Goes back to a version that is held: it is the newest again, and training continues from its weights, without gradient
   * and with a fresh optimiser. Throws when it is not held.
   */
  restore(version: string): Promise<void>;
  /**
   * Begins again as a fresh adapter of this seed, which is published: without gradient and with a fresh optimiser, in the
   * memory that it has. @default it cannot
   */
  reset?(seed: number): Promise<void>;
  /** All that training continues from (weights, moments, steps), as bytes in the engine's format. The gradient is not in it. */
  exportState(): Promise<Uint8Array>;
  /** Continues from exported bytes and publishes their weights. Throws `EngineError` for bytes of another model. */
  importState(state: Uint8Array): Promise<void>;
  /**
   * Goes to a place between exported bytes and where it is: `share` of its own weights and the rest of those, which are
   * published; moments and steps stay its own. Throws `EngineError` for bytes of another model. @default it cannot
   */
  average?(state: Uint8Array, share: number): Promise<void>;
  /** Writes the current weights as a model folder (safetensors, config, tokenizer, manifest with hashes and `about`). */
  save(folder: string, about?: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface RenderOptions {
  /** @default false */
  readonly addGenerationPrompt?: boolean | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Turns a conversation into the text that a model was taught to continue. */
export interface ChatTemplate {
  /** With `addGenerationPrompt` the text ends where the assistant's next message begins. Throws `ModelError` for what the template refuses. */
  render(messages: readonly ChatMessage[], options?: RenderOptions): Promise<string>;
  /** The texts that it puts around what is said; undefined when it rewrites earlier messages as new ones come. */
  readonly frame: ChatFrame | undefined;
}

/** Text ⇄ token ids. */
export interface Tokenizer {
  readonly vocabularySize: number;
  /** `addSpecialTokens` adds what the model expects around a plain text, such as a token for its beginning. @default false */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  decode(ids: readonly number[]): string;
  /** The id of a token of the vocabulary, by its exact text. */
  idOf(token: string): number | undefined;
}

/** Owns a base model. Knows nothing of agents, rewards or losses. */
export interface Engine {
  readonly model: string;
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  /** What its policies train: all weights, or adapters (`PolicyOptions.lora`) on a frozen base. */
  readonly learns: "weights" | "adapters";
  /** Of a chat model. */
  readonly chat?: ChatTemplate;
  /** Whether a sample can be held to a grammar. @default true */
  readonly grammars?: boolean;
  /** What it keeps of the settings of an optimiser step: all but `gradientClip`, or the learning rate only. @default all */
  readonly optimiser?: "unclipped" | "learning-rate";
  /** Ids that end a reply; empty for a model that has none. */
  readonly endIds: readonly number[];
  /** What runs where, for people and for the fingerprint of a run: runtime, version, threads, CPU. */
  readonly description: Readonly<Record<string, string | number>>;
  /** The policy of this name; `options` count when it is first asked for. */
  policy(name: string, options?: PolicyOptions): Policy;
  dispose(): Promise<void>;
}
