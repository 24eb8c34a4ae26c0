import { EngineError } from "../../errors.ts";
import type { AdamState } from "./training/adamw.ts";
import type { Weights } from "./weights.ts";

const MAGIC = 0x53504641; // "AFPS"
const HEADER = 16;

/** Weights, moments and the number of steps as bytes: a header of four words, then three blocks of floats. */
export const packState = (weights: Weights, { first, second, step }: AdamState): Uint8Array => {
  const blocks = [weights, first, second].map(({ floats }) => floats);
  const { length } = weights.floats;
  const bytes = new Uint8Array(HEADER + 12 * length);
  new Uint32Array(bytes.buffer, 0, 4).set([MAGIC, 1, step, length]);
  for (const [i, floats] of blocks.entries())
    new Float32Array(bytes.buffer, HEADER + 4 * length * i, length).set(floats);
  return bytes;
};

/** Moves weights to the mean of themselves, which count for `share` of it, and those of a packed state. */
export const averageState = (bytes: Uint8Array, weights: Weights, share: number): void => {
  const { floats } = blocksIn(bytes, weights.floats.length);
  for (const [i, own] of weights.floats.entries()) weights.floats[i] = share * own + (1 - share) * (floats[i] ?? 0);
};

/** Takes a packed state in. Throws `EngineError`, with everything as it was, for bytes of another size. */
export const unpackState = (bytes: Uint8Array, weights: Weights, adam: AdamState): void => {
  const { length } = weights.floats;
  const { step, floats: all } = blocksIn(bytes, length);
  for (const [i, { floats }] of [weights, adam.first, adam.second].entries())
    floats.set(all.subarray(length * i, length * (i + 1)));
  adam.step = step;
};

/** The three blocks of a packed state, one after the other, and the number of steps. */
const blocksIn = (bytes: Uint8Array, length: number): { readonly step: number; readonly floats: Float32Array } => {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const [magic, version, step, count] =
    aligned.length < HEADER ? [] : new Uint32Array(aligned.buffer, aligned.byteOffset, 4);
  if (magic !== MAGIC || version !== 1 || step === undefined)
    throw new EngineError("These bytes are not the training state of a policy (version 1).");
  if (count !== length || aligned.length !== HEADER + 12 * length)
    throw new EngineError(`The training state has ${count} numbers; this policy has ${length}: it is another model's.`);
  return { step, floats: new Float32Array(aligned.buffer, aligned.byteOffset + HEADER, 3 * length) };
};
