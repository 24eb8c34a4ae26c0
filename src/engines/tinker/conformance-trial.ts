import { EngineError } from "../../errors.ts";
import { type BareAnswer, type BareClient, datumOf, passesOf, type ScratchModel, TEXT } from "./bare-client.ts";
import type { Datum } from "./wire/forward-backward.ts";

/** A server under test, with a session and a model of its own for each rule. */
export interface Trial {
  readonly client: BareClient;
  readonly base: string;
  readonly session: string;
  /** A fresh model. */
  model(): Promise<ScratchModel>;
}

export type Rule = readonly [rule: string, check: (trial: Trial) => Promise<void>];

export const ones = TEXT.slice(1).map(() => 1);
export const plain = [datumOf({ weights: ones })];

export const must = (fits: boolean, found: string): void => {
  if (!fits) throw new EngineError(found);
};
export const requireRefused = ({ status, json }: BareAnswer): void =>
  must(
    status === 400 && String(json.detail ?? json.error).length > 10,
    `it answered ${status}, ${JSON.stringify(json).slice(0, 120)}`,
  );
export const backward = (model: ScratchModel, data: readonly Datum[] = plain, loss = "cross_entropy"): Uint8Array =>
  passesOf(model.id, model.next(), data, { loss });
export const optim = ({ id }: ScratchModel, seq: number, learningRate = 0.01): object => ({
  model_id: id,
  seq_id: seq,
  type: "optim_step",
  adam_params: { learning_rate: learningRate, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0, grad_clip_norm: 0 },
});
export const save = ({ id, next }: ScratchModel, path: string): object => ({
  model_id: id,
  path,
  seq_id: next(),
  type: "save_weights",
});

/** Norms of gradients of importance sampling at ratio 1, which is linear in the advantages. */
export const gradientNorm = async (
  { client }: Trial,
  model: ScratchModel,
  data: readonly (readonly number[])[],
): Promise<number> => {
  const logprobs = await client.score(model);
  const datums = data.map((advantages) => datumOf({ logprobs, advantages }));
  await client.run("forward_backward", backward(model, datums, "importance_sampling"));
  return (await client.norm(model)) ?? Number.NaN;
};
export const scaled = (at: number, by: number): number[] => ones.map((_, i) => (i === at ? by : 0));
export const near = (a: number, b: number): boolean => Math.abs(a - b) <= 0.01 * Math.abs(b);
