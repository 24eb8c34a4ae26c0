import { createHash } from "node:crypto";
import type {
  Engine,
  ForwardResult,
  ImportanceWeights,
  OptimStepOptions,
  Policy,
  TrainingSequence,
} from "../../engine.ts";
import { ConfigError, EngineError, messageOf } from "../../errors.ts";
import { scoredDatum, targetLogProbs, trainedData, type Weighted } from "./data.ts";
import type { Dialect } from "./dialect.ts";
import type { Drift } from "./drift.ts";
import type { Journal, SavedPoint } from "./journal.ts";
import { writePointer } from "./pointer.ts";
import type { RemoteModel } from "./remote-model.ts";
import { createSamplers } from "./samplers.ts";
import type { Sampling } from "./sampling.ts";

/** What an engine lends to a policy at a server. */
export interface RemotePolicyParts {
  readonly url: string;
  readonly dialect: Dialect;
  readonly lora: { readonly rank: number; readonly seed: number };
  /** The model that it trains, and one that is never trained: its reference. */
  readonly model: RemoteModel;
  readonly reference: () => RemoteModel;
  readonly sampling: Sampling;
  readonly journal: Journal;
  readonly drift: Drift;
  /** Deletes a checkpoint that nothing needs. */
  readonly remove: (path: string) => Promise<void>;
}

/** What `exportState` says: where the weights are, as they cannot be fetched, and which they are. */
interface ExportedState extends SavedPoint {
  readonly schemaVersion: 1;
  readonly kind: "tinker";
  readonly base: string;
  readonly rank: number;
  /** Name of weights and optimiser together. */
  readonly state: string;
}

/** Exported states whose checkpoints are kept at the server: those of a run and of its previous checkpoint, and some. */
const EXPORTED = 8;

const nameOf = (...parts: readonly string[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}/${part}`);
  return hash.digest("hex");
};

/**
 * A LoRA adapter at a server as a policy. A version is the hash of all that made its weights: base, adapter, and every
 * step's data and settings. The gradient is gathered here and leaves with the optimiser step, so that a step is whole
 * or not there; a server that averages over all sequences of a step needs to know how many they are anyway.
 */
export const createRemotePolicy = (name: string, engine: Engine, parts: RemotePolicyParts): Policy => {
  const { dialect, lora, model, sampling, journal, drift } = parts;
  const begun = journal.saved.get(name);
  const start = begun?.version ?? nameOf("start", engine.model, JSON.stringify(lora));
  /** Of the weights that are trained, and of them with their optimiser. */
  let weights = start;
  let state = nameOf("state", start);
  let gradient: Weighted[] = [];
  let kept: string[] = [];
  /** Where weights were saved last, be they a version or not. */
  let last: SavedPoint | undefined;
  const samplers = createSamplers(name, start, begun?.path, {
    immutable: dialect.immutableSnapshots,
    isTrained: (version) => version === weights,
    open: () => model.publish(),
    remove: (path) => (kept.includes(path) ? Promise.resolve() : parts.remove(path)),
  });
  let opened: Promise<void> | undefined;
  /** The checkpoint that an earlier client left is where this one continues. */
  const ready = (): Promise<void> => {
    opened ??= begun === undefined ? Promise.resolve() : model.reopen(begun.path, true);
    return opened;
  };
  /** The path of the weights as they are. It is in the journal before anything that it replaces is removed. */
  const saved = async (): Promise<string> => {
    await ready();
    const known = samplers.pathOf(weights) ?? (last?.version === weights ? last.path : undefined);
    if (known !== undefined) return known;
    last = { path: await model.save(), version: weights };
    samplers.savedAt(weights, last.path);
    await journal.savedAt(name, last);
    return last.path;
  };
  const keep = (path: string): void => {
    kept = [...kept.filter((other) => other !== path), path];
  };
  const publish = async (): Promise<string> => {
    if (samplers.newest !== weights) await samplers.publish(weights, await saved());
    return weights;
  };
  const score = async (
    sequences: readonly TrainingSequence[],
    by: Pick<RemoteModel, "forward">,
  ): Promise<ForwardResult> => {
    for (const { ids } of sequences)
      if (ids.length > engine.contextLength || ids.length < 2)
        throw new EngineError(`A sequence has ${ids.length} tokens: accepted are 2 to ${engine.contextLength}.`);
    // An empty request is never answered by some servers.
    const logProbs =
      sequences.length === 0 ? [] : targetLogProbs(sequences, await by.forward(sequences.map(scoredDatum)));
    // The protocol has no entropies: −log p of a token that the policy drew is an estimate without bias.
    return { logProbs, entropies: logProbs.map((values) => values.map((value) => -value)) };
  };

  return {
    name,
    engine,
    get version() {
      return samplers.newest;
    },
    sample: async (request) => {
      await ready();
      return samplers.use(request.version, (session, version) => sampling.sample(session, version, request));
    },
    release: () => undefined,
    forward: async (sequences, { reference = false } = {}) => {
      await ready();
      return score(sequences, reference ? parts.reference() : model);
    },
    backward: async (sequences, coefficients, { importance } = {}) => {
      await ready();
      const result = await score(sequences, model);
      if (importance !== undefined && sampling.plain) drift.measure(importance.behaviour, result.logProbs);
      for (const [i, sequence] of sequences.entries()) {
        const logProbs = result.logProbs[i] ?? new Float32Array();
        const plain = coefficients[i] ?? new Float32Array(logProbs.length);
        gradient.push({ sequence, logProbs, coefficients: weighed(plain, logProbs, importance, i) });
      }
      return result;
    },
    optimStep: async (options) => {
      requireHonoured(dialect, options);
      // A version can be restored. Weights between two versions cannot: the model keeps what it needs of them itself.
      if (samplers.newest === weights) await saved();
      else await ready();
      const data = trainedData(gradient, dialect);
      const { gradientNorm = 0 } = await model.step({ data, optimiser: options });
      if (!Number.isFinite(gradientNorm)) throw new EngineError(`The gradient of ${name} is not finite.`);
      const hash = createHash("sha256").update(JSON.stringify(options));
      for (const { tokens, inputs } of data) {
        hash.update(Int32Array.from(tokens));
        for (const input of inputs.values()) hash.update(input.data);
      }
      state = nameOf(state, hash.digest("hex"));
      weights = nameOf("weights", state);
      gradient = [];
      return { gradientNorm };
    },
    publish,
    hold: (version) => samplers.hold(version),
    restore: async (version) => {
      const path = version === weights ? await saved() : samplers.pathOf(version);
      if (path === undefined)
        throw new EngineError(`Version ${version.slice(0, 12)} of the policy ${name} is not saved at the server.`);
      await model.reopen(path, false);
      gradient = [];
      weights = version;
      state = nameOf("restored", version);
      samplers.restored(version);
    },
    exportState: async () => {
      const path = await saved();
      keep(path);
      for (const old of kept.splice(0, kept.length - EXPORTED)) if (!samplers.needs(old)) await parts.remove(old);
      const exported: ExportedState = {
        schemaVersion: 1,
        kind: "tinker",
        base: engine.model,
        rank: lora.rank,
        path,
        version: weights,
        state,
      };
      return new TextEncoder().encode(JSON.stringify(exported));
    },
    importState: async (bytes) => {
      const exported = readState(bytes, engine.model, lora.rank);
      opened = Promise.resolve();
      await model.reopen(exported.path, true);
      gradient = [];
      ({ version: weights, state } = exported);
      keep(exported.path);
      await journal.savedAt(name, { path: exported.path, version: weights });
      await samplers.publish(weights, exported.path);
    },
    save: async (folder, about = {}) =>
      writePointer(folder, {
        ...about,
        base: engine.model,
        policy: name,
        version: weights,
        server: parts.url,
        path: await saved(),
      }),
  };
};

/** Coefficients with truncated importance weights, of the weights that are trained. */
const weighed = (
  coefficients: Float32Array,
  logProbs: Float32Array,
  importance: ImportanceWeights | undefined,
  i: number,
): Float32Array => {
  const drawn = importance?.behaviour[i];
  if (importance === undefined || drawn === undefined) return coefficients;
  return coefficients.map((c, t) => {
    const was = drawn[t];
    return was === undefined ? c : c * Math.min(Math.exp((logProbs[t] ?? 0) - was), importance.cap);
  });
};

/** Throws `ConfigError` for a setting that the server would not keep. */
const requireHonoured = (
  { name, clips, adam }: Dialect,
  { gradientClip = Number(clips), beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0 }: OptimStepOptions,
): void => {
  if (!clips && gradientClip !== 0)
    throw new ConfigError(`Servers of the dialect ${name} do not clip gradients: set gradientClip to 0.`);
  if (!adam && (beta1 !== 0.9 || beta2 !== 0.95 || epsilon !== 1e-8 || weightDecay !== 0))
    throw new ConfigError(`Servers of the dialect ${name} take a learning rate only: leave out the other settings.`);
};

/** Throws `EngineError` for bytes of another model, or of another kind of engine. */
const readState = (bytes: Uint8Array, base: string, rank: number): ExportedState => {
  let read: Partial<ExportedState>;
  try {
    read = JSON.parse(new TextDecoder().decode(bytes)) as Partial<ExportedState>;
  } catch (cause) {
    throw new EngineError(`This is not the state of a policy at a server: ${messageOf(cause)}.`, { cause });
  }
  const { schemaVersion, kind, path, version, state } = read;
  const isState = [path, version, state].every((part) => typeof part === "string");
  if (schemaVersion !== 1 || kind !== "tinker" || !isState)
    throw new EngineError("This is not the state of a policy at a server: was it trained by another engine?");
  if (read.base !== base || read.rank !== rank)
    throw new EngineError(
      `This is a state of ${read.base} at rank ${read.rank}: the policy is of ${base} at rank ${rank}.`,
    );
  return read as ExportedState;
};
