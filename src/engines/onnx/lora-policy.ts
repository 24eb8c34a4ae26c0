import { createHash } from "node:crypto";
import type { Engine, Policy, Sample, SampleRequest } from "../../engine.ts";
import { initialiseLora, type LoraConfig } from "./lora.ts";
import { type AdamState, adamwStep, resetAdam } from "./training/adamw.ts";
import type { LayerTrainer } from "./training/layer-trainer.ts";
import { averageState, packState, unpackState } from "./training-state.ts";
import { createVersions, type Published } from "./versions.ts";
import { hashWeights, type Weights } from "./weights.ts";

/** An adapter that was published. */
export interface AdapterSnapshot extends Published {
  readonly adapter: { readonly lora: LoraConfig; readonly weights: Weights };
}

/** What an engine lends to a policy that is an adapter on its base. */
export interface LoraPolicyParts {
  readonly lora: LoraConfig;
  /** The adapter to start from; becomes the policy's training weights. */
  readonly weights: Weights;
  /** Content hash of the base: an adapter is nothing without it. */
  readonly baseVersion: string;
  /** Zeros in the layout of the adapter. */
  readonly allocate: () => Weights;
  /** Runs one native call at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly sample: (request: SampleRequest, snapshot: AdapterSnapshot) => Promise<Sample>;
  /** Says that a version is sampled no more. */
  readonly forget: (version: string) => void;
  readonly release: (history: string) => void;
  /** Made on first use: it needs the base in float32. Without an adapter it is the base. */
  readonly trainer: () => Promise<Pick<LayerTrainer, "forward" | "backward">>;
  readonly save: (folder: string, weights: Weights, about: Readonly<Record<string, unknown>>) => Promise<void>;
}

/** An adapter as a policy: the base stays frozen, is shared with every other policy, and is the reference. */
export const createLoraPolicy = (name: string, engine: Engine, parts: LoraPolicyParts): Policy => {
  const { lora, weights, baseVersion, allocate, exclusive, trainer } = parts;
  const gradient = allocate();
  const adam: AdamState = { first: allocate(), second: allocate(), step: 0 };
  const versionOf = (values: Weights): string =>
    createHash("sha256")
      .update(`${baseVersion}/${lora.alpha}/${hashWeights(values)}`)
      .digest("hex");
  const snapshot = (version: string): AdapterSnapshot => {
    const copy = allocate();
    copy.floats.set(weights.floats);
    return { version, adapter: { lora, weights: copy } };
  };
  const versions = createVersions(name, snapshot(versionOf(weights)), ({ version }) => parts.forget(version));
  const publish = async (): Promise<string> => {
    const version = versionOf(weights);
    versions.publish(versions.find(version) ?? snapshot(version));
    return version;
  };
  return {
    name,
    engine,
    get version() {
      return versions.newest.version;
    },
    sample: (request) => versions.use(request.version, (published) => parts.sample(request, published)),
    release: parts.release,
    forward: async (sequences, { reference = false } = {}) => {
      const ready = await trainer();
      return exclusive(() => ready.forward(reference ? undefined : weights, sequences));
    },
    backward: async (sequences, coefficients, options) => {
      const ready = await trainer();
      return exclusive(() => ready.backward(weights, gradient, sequences, coefficients, options));
    },
    optimStep: async (options) =>
      exclusive(async () => ({ gradientNorm: adamwStep(weights, gradient, adam, options) })),
    publish: () => exclusive(publish),
    hold: (version) => versions.hold(version),
    restore: (version) =>
      versions.use(version, (published) =>
        exclusive(async () => {
          weights.floats.set(published.adapter.weights.floats);
          gradient.floats.fill(0);
          resetAdam(adam);
          versions.publish(published);
        }),
      ),
    reset: (seed) =>
      exclusive(async () => {
        initialiseLora(weights, seed);
        gradient.floats.fill(0);
        resetAdam(adam);
        await publish();
      }),
    exportState: () => exclusive(async () => packState(weights, adam)),
    importState: (state) =>
      exclusive(async () => {
        unpackState(state, weights, adam);
        gradient.floats.fill(0);
        await publish();
      }),
    average: (state, share) =>
      exclusive(async () => {
        averageState(state, weights, share);
        await publish();
      }),
    save: (folder, about = {}) =>
      exclusive(() =>
        parts.save(folder, weights, { base: engine.model, policy: name, version: versionOf(weights), ...about }),
      ),
  };
};
