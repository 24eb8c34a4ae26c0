import type { Engine, ForwardResult, Policy, Sample, SampleRequest, TrainingSequence } from "../../engine.ts";
import { ConfigError, EngineError } from "../../errors.ts";

/** What an engine lends to a policy that is its frozen base. */
export interface BasePolicyParts {
  readonly version: string;
  readonly sample: (request: SampleRequest) => Promise<Sample>;
  readonly release: (history: string) => void;
  readonly forward: (sequences: readonly TrainingSequence[]) => Promise<ForwardResult>;
}

/** The base itself as a policy: it samples and scores, has one version, and never learns. */
export const createBasePolicy = (name: string, engine: Engine, parts: BasePolicyParts): Policy => {
  const frozen = async (): Promise<never> => {
    throw new ConfigError(
      `The policy ${name} is the frozen base of ${engine.model}. To train an adapter on it, ask for it with { lora: {} }.`,
    );
  };
  const { version, sample, release, forward } = parts;
  return {
    name,
    engine,
    version,
    sample: async (request) => {
      requireVersion(request.version ?? version, version);
      return sample(request);
    },
    release,
    forward: (sequences) => forward(sequences),
    backward: frozen,
    optimStep: frozen,
    publish: async () => version,
    hold: (wanted) => {
      requireVersion(wanted, version);
      return () => undefined;
    },
    restore: async (wanted) => requireVersion(wanted, version),
    exportState: frozen,
    importState: frozen,
    save: frozen,
  };
};

const requireVersion = (wanted: string, version: string): void => {
  if (wanted !== version)
    throw new EngineError(`The frozen base has the version ${version.slice(0, 12)} only, not ${wanted.slice(0, 12)}.`);
};
