import { createHash, timingSafeEqual } from "node:crypto";
import type { Model } from "./model.ts";
import { ALPHA } from "./policy-pool.ts";
import { type LoraRequest, pathOf, type StoredState, type StoredStates } from "./state-files.ts";

/** Whether a key is the token, in the same time whatever it is. */
export const isKey = (key: string | undefined, token: string): boolean => {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(key ?? ""), digest(token));
};

/** An adapter in the protocol's words; null where all weights are trained. */
export const loraAnswer = (lora: LoraRequest | undefined): object | null =>
  lora === undefined
    ? null
    : {
        rank: lora.rank,
        alpha: ALPHA,
        seed: lora.seed,
        train_attn: lora.trainAttention,
        train_mlp: lora.trainMlp,
        train_unembed: false,
      };

export const checkpointAnswer = (model: string, { kind, name, time, bytes }: StoredState): object => ({
  checkpoint_id: `${kind}/${name}`,
  checkpoint_type: kind === "weights" ? "training" : "sampler",
  time,
  tinker_path: pathOf(model, kind, name),
  size_bytes: bytes,
  public: false,
});

/** A training run: a model that is loaded, or one that left checkpoints. */
export const runAnswer = (
  id: string,
  base: string,
  { whole: stored, damaged }: StoredStates,
  live: Model | undefined,
): object => {
  const newest = (kind: StoredState["kind"]): object | null => {
    const [last] = stored.filter((one) => one.kind === kind).sort((a, b) => (a.time < b.time ? 1 : -1));
    return last === undefined ? null : checkpointAnswer(id, last);
  };
  const lora = live?.lora ?? stored[0]?.lora;
  const times = [...stored.map(({ time }) => time), ...(live ? [new Date(live.lastRequest).toISOString()] : [])].sort();
  return {
    training_run_id: id,
    base_model: base,
    model_owner: "local",
    is_lora: lora !== undefined,
    lora_rank: lora?.rank ?? null,
    corrupted: damaged.length > 0,
    last_request_time: times.at(-1),
    last_checkpoint: newest("weights"),
    last_sampler_checkpoint: newest("sampler_weights"),
    user_metadata: null,
  };
};
