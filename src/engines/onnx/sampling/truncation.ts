import type { SampleRequest } from "../../../engine.ts";
import { ConfigError, EngineError } from "../../../errors.ts";

/** Which part of a distribution may be drawn: the mask first, then top-k, then top-p, then min-p, each of what the one before left. */
export interface Truncation {
  readonly topK?: SampleRequest["topK"];
  readonly topP?: SampleRequest["topP"];
  readonly minP?: SampleRequest["minP"];
  /** Bit `id & 31` of word `id >> 5` says whether a token may be drawn. @default all may */
  readonly allowed?: Uint32Array | undefined;
}

/** What may be drawn, in the order of token ids. The weights are those given, not divided by `total`, their sum. */
export interface Candidates {
  readonly ids: Uint32Array;
  readonly weights: Float32Array;
  readonly total: number;
}

/** Throws ConfigError for a setting that is out of bounds. */
export const checkTruncation = ({ topK, topP, minP }: Truncation): void => {
  if (topK !== undefined && !(Number.isInteger(topK) && topK >= 1))
    throw new ConfigError(`topK must be an integer of 1 or more, received ${topK}. Leave it out to keep all tokens.`);
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new ConfigError(`topP must be above 0 and at most 1, received ${topP}. 1 keeps all tokens.`);
  if (minP !== undefined && !(minP >= 0 && minP <= 1))
    throw new ConfigError(`minP must be between 0 and 1, received ${minP}. 0 keeps all tokens.`);
};

/** Whether the settings leave anything out at all. When not, draw from the distribution itself. */
export const truncates = ({ topK, topP = 1, minP = 0, allowed }: Truncation): boolean =>
  topK !== undefined || topP < 1 || minP > 0 || allowed !== undefined;

/** Tokens that the mask allows and that are possible at all. */
const possible = (probabilities: Float32Array, allowed: Uint32Array | undefined): Candidates => {
  const V = probabilities.length;
  const ids = new Uint32Array(V);
  const weights = new Float32Array(V);
  let count = 0;
  let total = 0;
  for (let start = 0; start < V; start += 32) {
    let bits = allowed ? (allowed[start >> 5] ?? 0) : -1;
    for (let id = start; bits !== 0 && id < V; id += 1, bits >>>= 1) {
      const weight = probabilities[id] as number;
      if ((bits & 1) === 0 || weight === 0) continue;
      ids[count] = id;
      weights[count] = weight;
      count += 1;
      total += weight;
    }
  }
  return { ids: ids.subarray(0, count), weights: weights.subarray(0, count), total };
};

/** All that the mask allows, alike: for a mask under which every probability is too small for a float. */
const alike = (allowed: Uint32Array, V: number): Candidates => {
  const ids: number[] = [];
  for (let id = 0; id < V; id += 1) if (((allowed[id >> 5] ?? 0) >>> (id & 31)) & 1) ids.push(id);
  return { ids: Uint32Array.from(ids), weights: new Float32Array(ids.length).fill(1), total: ids.length };
};

const keep = ({ ids, weights }: Candidates, kept: (weight: number) => boolean): Candidates => {
  const ids_kept = new Uint32Array(ids.length);
  const weights_kept = new Float32Array(ids.length);
  let count = 0;
  let total = 0;
  for (let i = 0; i < ids.length; i += 1) {
    const weight = weights[i] as number;
    if (!kept(weight)) continue;
    ids_kept[count] = ids[i] as number;
    weights_kept[count] = weight;
    count += 1;
    total += weight;
  }
  return { ids: ids_kept.subarray(0, count), weights: weights_kept.subarray(0, count), total };
};

/**
 * The fewest of the likeliest that together measure at least `target`, each counting 1 or its weight. Of equally likely
 * tokens the lower ids come first. A positive float orders like the integer of the same bits, so the least weight that
 * is kept is found digit by digit, in three passes over ever fewer tokens, without sorting.
 */
const likeliest = (candidates: Candidates, target: number, by: "count" | "weight"): Candidates => {
  const { ids, weights } = candidates;
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  let prefix = 0;
  let above = 0;
  for (const [shift, digits] of [
    [20, 11],
    [10, 10],
    [0, 10],
  ] as const) {
    const bins = new Float64Array(2 ** digits);
    const shared = prefix >>> (shift + digits);
    for (let i = 0; i < ids.length; i += 1) {
      const value = bits[i] as number;
      if (value >>> (shift + digits) !== shared) continue;
      const bin = (value >>> shift) & (bins.length - 1);
      bins[bin] = (bins[bin] as number) + (by === "count" ? 1 : (weights[i] as number));
    }
    let bin = bins.length - 1;
    let last = -1;
    for (; bin >= 0; bin -= 1) {
      if (bins[bin] === 0) continue;
      last = bin;
      if (above + (bins[bin] as number) >= target) break;
      above += bins[bin] as number;
    }
    if (bin < 0) {
      // Rounding left the sum of all short of the target: the least likely is kept too.
      bin = last;
      above -= bins[bin] as number;
    }
    prefix |= bin << shift;
  }
  const least = new Float32Array(new Uint32Array([prefix]).buffer)[0] as number;
  let ties = Math.max(1, Math.ceil((target - above) / (by === "count" ? 1 : least)));
  return keep(candidates, (weight) => {
    if (weight !== least) return weight > least;
    ties -= 1;
    return ties >= 0;
  });
};

/**
 * What may be drawn of one row of probabilities, which were divided by the temperature before. `topK: 1` is greedy, and
 * of equally likely tokens takes the lowest id. If all that the mask allows has rounded to 0, it is allowed alike and is
 * not truncated. Throws EngineError when the row is not finite or the mask allows nothing.
 */
export const truncate = (probabilities: Float32Array, truncation: Truncation): Candidates => {
  const { topK, topP = 1, minP = 0, allowed } = truncation;
  let left = possible(probabilities, allowed);
  if (!Number.isFinite(left.total))
    throw new EngineError("The next-token distribution is not finite: the weights are damaged or training diverged.");
  if (left.ids.length === 0) {
    left = allowed ? alike(allowed, probabilities.length) : left;
    if (left.ids.length > 0) return left;
    throw new EngineError(
      allowed
        ? "The grammar allows no token here: the text is complete, and the model has no token that ends it."
        : "The next-token distribution is 0 everywhere: the weights are damaged or training diverged.",
    );
  }
  if (topK !== undefined && topK < left.ids.length) left = likeliest(left, topK, "count");
  if (topP < 1) left = likeliest(left, topP * left.total, "weight");
  if (minP > 0) {
    let most = 0;
    for (const weight of left.weights) most = Math.max(most, weight);
    const least = minP * most;
    left = keep(left, (weight) => weight >= least);
  }
  return left;
};
