import type { GrowingBlocks } from "../carriers/growing-blocks.ts";
import type { Tensor } from "../carriers/runtime.ts";
import { blocks } from "../graph/operators.ts";
import type { LayerType } from "../model-config.ts";
import type { Pack } from "./packing.ts";

const TOKEN_STEP = 8;
/** What the scores of tokens get that must not be seen. */
export const HIDDEN = -1e9;

/** Writes to `mask`, from `at` on, that a token sees itself and its ancestors up to `reach` tokens; padding sees itself. */
export const showAncestors = (
  mask: Float32Array,
  at: number,
  { pack, row, reach }: { readonly pack: Pack; readonly row: number; readonly reach: number },
): void => {
  mask[at + row] = 0;
  let seen = pack.parents[row] ?? -1;
  for (let distance = 1; distance < reach && seen >= 0; distance += 1) {
    mask[at + seen] = 0;
    seen = pack.parents[seen] ?? -1;
  }
};

/** How far a token sees in a kind of layer. */
export const reachOf = (type: LayerType, window = Number.POSITIVE_INFINITY): number =>
  type === "sliding_attention" ? window : Number.POSITIVE_INFINITY;

/** Tokens with padding: a multiple of 8, and enough that no block of queries is empty. */
export const paddedTokens = (count: number): number =>
  TOKEN_STEP * Math.max(blocks.length, Math.ceil(count / TOKEN_STEP));

/** Tokens of a pack with padding, and where its blocks of queries begin and end. */
export const packSizes = ({ ids }: Pack): { readonly tokens: number; readonly bounds: readonly number[] } => {
  const tokens = paddedTokens(ids.length);
  const ends = blocks.map((i) => TOKEN_STEP * Math.floor(((i + 1) * tokens) / TOKEN_STEP / blocks.length));
  return { tokens, bounds: [0, ...ends] };
};

/**
 * Positions, bounds and additive masks of a pack, as inputs of a layer's graphs by kind of layer. A token sees its
 * ancestors and itself, in sliding layers only the `window` nearest; padding sees itself.
 */
export const fillPackInputs = (
  block: GrowingBlocks,
  pack: Pack,
  kinds: Iterable<LayerType>,
  window?: number,
): ReadonlyMap<LayerType, Readonly<Record<string, Tensor>>> => {
  const { tokens, bounds } = packSizes(pack);
  const whole = (name: string, shape: readonly number[], value: (i: number) => number): Tensor => {
    const tensor = block(name, "int64", shape);
    const { data } = tensor.memory;
    for (let i = 0; i < (shape.at(-1) as number); i += 1) data[i] = BigInt(value(i));
    return tensor;
  };
  const shared = {
    positions: whole("positions", [1, tokens], (i) => pack.depths[i] ?? 0),
    bounds: whole("bounds", [bounds.length], (i) => bounds[i] as number),
  };
  const masksOf = (type: LayerType): Readonly<Record<string, Tensor>> => {
    const reach = reachOf(type, window);
    return Object.fromEntries(
      blocks.map((i) => {
        const [from, to] = [bounds[i] as number, bounds[i + 1] as number];
        const mask = block(`${type}.mask.${i}`, "float32", [to - from, to]);
        const values = mask.memory.data as Float32Array;
        values.fill(HIDDEN, 0, (to - from) * to);
        for (let row = from; row < to; row += 1) showAncestors(values, (row - from) * to, { pack, row, reach });
        return [`mask.${i}`, mask];
      }),
    );
  };
  return new Map([...kinds].map((type) => [type, { ...shared, ...masksOf(type) }]));
};
