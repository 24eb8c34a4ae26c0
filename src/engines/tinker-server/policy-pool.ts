import type { Engine, Policy, PolicyOptions } from "../../engine.ts";
import type { LoraRequest } from "./state-files.ts";

const ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"];
const MLP = ["gate_proj", "up_proj", "down_proj"];
/** Of every adapter, as of the servers that clients were made for. */
export const ALPHA = 32;

/** Policies to train and to read with: an engine keeps each for its life, so one that is given back is used again. */
export interface PolicyPool {
  /** One at its beginning: a fresh adapter, or the base's weights. */
  lease(lora: LoraRequest | undefined): Promise<Policy>;
  giveBack(policy: Policy): void;
}

const optionsOf = (lora: LoraRequest | undefined): PolicyOptions => {
  if (lora === undefined) return {};
  const { rank, seed, trainAttention, trainMlp } = lora;
  const targets = [...(trainAttention ? ATTENTION : []), ...(trainMlp ? MLP : [])];
  return { lora: { rank, alpha: ALPHA, seed, ...(!(trainAttention && trainMlp) && { targets }) } };
};

export const policyPool = (engine: Engine): PolicyPool => {
  const free = new Map<string, Policy[]>();
  const made = new Map<Policy, { readonly kind: string; readonly first: string }>();
  return {
    lease: async (lora) => {
      const kind = JSON.stringify(lora ?? null);
      const used = free.get(kind)?.pop();
      const first = used === undefined ? undefined : made.get(used)?.first;
      if (used !== undefined && first !== undefined) {
        // Without gradient and moments, as after its making.
        await used.restore(first);
        return used;
      }
      const policy = engine.policy(`tinker-${made.size}`, optionsOf(lora));
      // What it starts from stays, so that it can start again.
      policy.hold(policy.version);
      made.set(policy, { kind, first: policy.version });
      return policy;
    },
    giveBack: (policy) => {
      const kind = made.get(policy)?.kind;
      if (kind !== undefined) free.set(kind, [...(free.get(kind) ?? []), policy]);
    },
  };
};
