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

/** The adapters that a policy can be, whatever their seeds. */
const shapeOf = (lora: LoraRequest | undefined): string => JSON.stringify({ ...lora, seed: undefined });
const wholeOf = (lora: LoraRequest | undefined): string => JSON.stringify(lora ?? null);

export const policyPool = (engine: Engine): PolicyPool => {
  const free = new Map<string, Policy[]>();
  const made = new Map<Policy, { readonly kind: string; readonly first: string }>();
  return {
    lease: async (lora) => {
      const used = free.get(shapeOf(lora))?.pop() ?? free.get(wholeOf(lora))?.pop();
      const first = used === undefined ? undefined : made.get(used)?.first;
      if (used !== undefined && first !== undefined) {
        // Without gradient and moments, as after its making.
        if (used.reset === undefined) await used.restore(first);
        else await used.reset(lora?.seed ?? 0);
        return used;
      }
      const policy = engine.policy(`tinker-${made.size}`, optionsOf(lora));
      // What can only go back to where it started keeps that, and is used again for the same.
      if (policy.reset === undefined) policy.hold(policy.version);
      const kind = policy.reset === undefined ? wholeOf(lora) : shapeOf(lora);
      made.set(policy, { kind, first: policy.version });
      return policy;
    },
    giveBack: (policy) => {
      const kind = made.get(policy)?.kind;
      if (kind !== undefined) free.set(kind, [...(free.get(kind) ?? []), policy]);
    },
  };
};
