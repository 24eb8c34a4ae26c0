import type { Engine, Policy } from "../../engine.ts";
import type { Sampler, Snapshot } from "./sampling/sampler.ts";
import { type AdamState, adamwStep, resetAdam } from "./training/adamw.ts";
import type { Trainer } from "./training/trainer.ts";
import { averageState, packState, unpackState } from "./training-state.ts";
import { createVersions } from "./versions.ts";
import { hashWeights, type Weights } from "./weights.ts";

/** What an engine lends to its policies. */
export interface FullPolicyParts {
  /** The frozen base: what the policy starts from, and its reference. */
  readonly base: Weights;
  /** Zeros in the layout of the base. */
  readonly allocate: () => Weights;
  /** Runs one call on weights at a time; sampling, from published versions, continues beside it. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly sampler: () => Sampler;
  readonly release: (history: string) => void;
  readonly trainer: () => Trainer;
  readonly save: (folder: string, weights: Weights, about: Readonly<Record<string, unknown>>) => Promise<void>;
}

/** All weights trainable: its own copy of the base, its optimiser, its published versions. */
export const createFullPolicy = (name: string, engine: Engine, parts: FullPolicyParts): Policy => {
  const { base, allocate, exclusive, sampler, release, trainer } = parts;
  const spare: Weights[] = [];
  const first: Snapshot = { version: hashWeights(base), weights: base };
  const versions = createVersions(name, first, ({ weights }) => {
    if (weights !== base) spare.push(weights);
  });
  // Training state: made when training starts.
  let training: { readonly weights: Weights; readonly gradient: Weights; readonly adam: AdamState } | undefined;
  const trained = (): NonNullable<typeof training> => {
    if (!training) {
      training = {
        weights: allocate(),
        gradient: allocate(),
        adam: { first: allocate(), second: allocate(), step: 0 },
      };
      training.weights.floats.set(base.floats);
    }
    return training;
  };
  const publish = async (): Promise<string> => {
    const { weights } = trained();
    const version = hashWeights(weights);
    const known = versions.find(version);
    if (known) versions.publish(known);
    else {
      const copy = spare.pop() ?? allocate();
      copy.floats.set(weights.floats);
      versions.publish({ version, weights: copy });
    }
    return version;
  };
  return {
    name,
    engine,
    get version() {
      return versions.newest.version;
    },
    sample: (request) => versions.use(request.version, (snapshot) => sampler().sample(request, snapshot)),
    release,
    forward: (sequences, { reference = false } = {}) =>
      exclusive(() => trainer().forward(reference ? base : (training?.weights ?? base), sequences)),
    backward: (sequences, coefficients, options) => {
      const { weights, gradient } = trained();
      return exclusive(() => trainer().backward(weights, gradient, sequences, coefficients, options));
    },
    optimStep: async (options) => {
      const { weights, gradient, adam } = trained();
      return exclusive(async () => ({ gradientNorm: adamwStep(weights, gradient, adam, options) }));
    },
    publish: () => exclusive(publish),
    hold: (version) => versions.hold(version),
    restore: (version) =>
      versions.use(version, (snapshot) =>
        exclusive(async () => {
          const { weights, gradient, adam } = trained();
          weights.floats.set(snapshot.weights.floats);
          gradient.floats.fill(0);
          resetAdam(adam);
          versions.publish(snapshot);
        }),
      ),
    exportState: () => exclusive(async () => packState(trained().weights, trained().adam)),
    importState: (state) =>
      exclusive(async () => {
        const { weights, gradient, adam } = trained();
        unpackState(state, weights, adam);
        gradient.floats.fill(0);
        await publish();
      }),
    average: (state, share) =>
      exclusive(async () => {
        averageState(state, trained().weights, share);
        await publish();
      }),
    save: (folder, about = {}) =>
      exclusive(() => {
        const weights = training?.weights ?? base;
        return parts.save(folder, weights, {
          base: engine.model,
          policy: name,
          version: hashWeights(weights),
          ...about,
        });
      }),
  };
};
