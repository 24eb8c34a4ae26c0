import type { Engine, Policy } from "../../engine.ts";

/**
 * An engine on which a policy is trained and never published: every rollout is of the version that it began with. What is
 * drawn is then not what the trained weights would draw, so that each token weighs min(π/π_behaviour, 2) in training.
 */
export const staleEngine = (engine: Engine): Engine => {
  const policies = new Map<string, Policy>();
  const policy = (name: string): Policy => {
    const known = policies.get(name) ?? (name === "planner" ? stale(engine.policy(name)) : engine.policy(name));
    policies.set(name, known);
    return known;
  };
  const { model, tokenizer, contextLength, learns, chat, grammars, endIds, description } = engine;
  return {
    model,
    tokenizer,
    contextLength,
    learns,
    endIds,
    description: { ...description, rollouts: "of the first version" },
    ...(chat !== undefined && { chat }),
    ...(grammars !== undefined && { grammars }),
    policy,
    dispose: () => engine.dispose(),
  };
};

const stale = (policy: Policy): Policy => {
  const { name, engine, version } = policy;
  policy.hold(version);
  return {
    name,
    engine,
    version,
    sample: async (request) => ({ ...(await policy.sample({ ...request, version })), exact: false }),
    release: (history) => policy.release(history),
    forward: (sequences, options) => policy.forward(sequences, options),
    backward: (sequences, coefficients, options) => policy.backward(sequences, coefficients, options),
    optimStep: (options) => policy.optimStep(options),
    publish: async () => version,
    hold: (held) => policy.hold(held),
    restore: (held) => policy.restore(held),
    exportState: () => policy.exportState(),
    importState: (state) => policy.importState(state),
    save: (folder, about) => policy.save(folder, about),
  };
};
