import { batchShape, plus, reshape } from "./node-shapes.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import { type Block, blocks, type Forward, type Names, type Operators, type Rule } from "./operators.ts";

/** Query heads grouped by key head: [N, H·d] → [B, K, G·T, d]. */
const splitQuery = (
  b: OnnxBuilder,
  x: string,
  shape: string,
  keyHeads: number,
  group: number,
  headSize: number,
): string => {
  const five = b.node("Reshape", [x, batchShape(b, shape, [keyHeads, group, headSize])]);
  return reshape(b, b.node("Transpose", [five], { perm: [0, 2, 3, 1, 4] }), [0, 0, -1, headSize]);
};

const joinQuery = (b: OnnxBuilder, x: string, group: number, headSize: number, width: number): string => {
  const five = reshape(b, x, [0, 0, group, -1, headSize]);
  return reshape(b, b.node("Transpose", [five], { perm: [0, 3, 1, 2, 4] }), [-1, width]);
};

/** [N, K·d] → [B, K, T, d]. */
const splitKey = (b: OnnxBuilder, x: string, shape: string, keyHeads: number, headSize: number): string =>
  b.node("Transpose", [b.node("Reshape", [x, batchShape(b, shape, [keyHeads, headSize])])], { perm: [0, 2, 1, 3] });

/** The gradient of keys or values, [B, K, d, T] → [N, K·d]. */
const joinKey = (b: OnnxBuilder, x: string, width: number): string =>
  reshape(b, b.node("Transpose", [x], { perm: [0, 3, 1, 2] }), [-1, width]);

/** Scores of queries [1, K, G·T, d] under a mask [T, S], as probabilities [1, K, G·T, S]; `keys` [1] is S. */
const probabilitiesOf = (
  b: OnnxBuilder,
  { query, key, mask, keys }: Names<"query" | "key" | "mask" | "keys">,
  group: number,
  scale: number,
): string => {
  const scores = b.node("FusedMatMul", [query, key], { transB: 1, alpha: { float: scale } });
  // The mask counts for each head of a group: seen as [B, K, G, T, S] the scores take it as it is.
  const seenAs = (sizes: readonly number[]): string =>
    b.node("Concat", [b.constant("int64", sizes), keys], { axis: 0 });
  const masked = b.node("Add", [b.node("Reshape", [scores, seenAs([0, 0, group, -1])]), mask]);
  return b.node("Reshape", [b.node("Softmax", [masked], { axis: -1 }), seenAs([0, 0, -1])]);
};

/** Σ dO∘O over each head, of rows [N, H·d]: [B, K, G·T, 1]. The row sum over d columns instead of over S. */
const rowSums = (
  b: OnnxBuilder,
  { y, gradient, shape }: Names<"y" | "gradient" | "shape">,
  { heads, keyHeads, headSize }: Operators["attention"]["attributes"],
): string => {
  const products = reshape(b, b.node("Mul", [gradient, y]), [-1, heads, headSize]);
  const sums = b.node("ReduceSum", [products, b.constant("int64", [-1])], { keepdims: 0 });
  return splitQuery(b, sums, shape, keyHeads, heads / keyHeads, 1);
};

/**
 * dS = P∘(dP − rowsum(dO∘O)), and from it the gradients of the three. The row sums are one more column of dO, against a
 * column of ones in V: a pass over the scores less. Those of keys and values are made as [B, K, d, S]: the factor that a product
 * transposes, over and over, is the small one.
 */
const attentionGradient = (
  b: OnnxBuilder,
  { q, k, v, probabilities, dContext, sums }: Names<"q" | "k" | "v" | "probabilities" | "dContext" | "sums">,
  factor: number,
): Names<"q" | "k" | "v"> => {
  const scale = { float: factor };
  const withSums = b.node("Concat", [dContext, b.node("Neg", [sums])], { axis: -1 });
  const one = b.constant("float32", [1], []);
  const withOnes = b.node("Pad", [v, b.constant("int64", [0, 0, 0, 0, 0, 0, 0, 1]), one]);
  const centred = b.node("FusedMatMul", [withSums, withOnes], { transB: 1 });
  const dScores = b.node("Mul", [probabilities, centred]);
  return {
    q: b.node("FusedMatMul", [dScores, k], { alpha: scale }),
    k: b.node("FusedMatMul", [q, dScores], { transA: 1, alpha: scale }),
    v: b.node("FusedMatMul", [dContext, probabilities], { transA: 1 }),
  };
};

export const attention: Rule<"attention"> = {
  forward: (b, { q, k, v, mask, shape, keyShape }, { heads, keyHeads, headSize, scale }) => {
    const group = heads / keyHeads;
    const query = splitQuery(b, q, shape, keyHeads, group, headSize);
    const key = splitKey(b, k, keyShape, keyHeads, headSize);
    const value = splitKey(b, v, keyShape, keyHeads, headSize);
    const keys = b.node("Slice", [keyShape, b.constant("int64", [1]), b.constant("int64", [2])]);
    const probabilities = probabilitiesOf(b, { query, key, mask, keys }, group, scale);
    const context = b.node("MatMul", [probabilities, value]);
    return {
      output: { y: joinQuery(b, context, group, headSize, heads * headSize) },
      saved: { q: query, k: key, v: value, probabilities },
    };
  },
  backward: (b, { input, output, saved, gradient, into, attributes }) => {
    const { heads, keyHeads, headSize, scale } = attributes;
    const group = heads / keyHeads;
    const dContext = splitQuery(b, gradient, input.shape, keyHeads, group, headSize);
    const sums = rowSums(b, { y: output.y, gradient, shape: input.shape }, attributes);
    const made = attentionGradient(b, { ...saved, dContext, sums }, scale);
    return {
      q: plus(b, into.q, joinQuery(b, made.q, group, headSize, heads * headSize)),
      k: plus(b, into.k, joinKey(b, made.k, keyHeads * headSize)),
      v: plus(b, into.v, joinKey(b, made.v, keyHeads * headSize)),
    };
  },
};

/** bounds[i], as a tensor of one number. */
const boundOf = (b: OnnxBuilder, bounds: string, i: number): string =>
  b.node("Slice", [bounds, b.constant("int64", [i]), b.constant("int64", [i + 1])]);

const one = (b: OnnxBuilder): string => b.constant("int64", [1]);

/** [1, rows of a block]. */
const blockShape = (b: OnnxBuilder, bounds: string, i: Block): string =>
  b.node("Concat", [one(b), b.node("Sub", [boundOf(b, bounds, i + 1), boundOf(b, bounds, i)])], { axis: 0 });

/** The rows of a block, of x [N, …]. */
const rowsOf = (b: OnnxBuilder, x: string, bounds: string, i: Block): string =>
  b.node("Slice", [x, boundOf(b, bounds, i), boundOf(b, bounds, i + 1), b.constant("int64", [0])]);

/** What a block sees of keys [1, K, N, d]. */
const keysOf = (b: OnnxBuilder, x: string, bounds: string, i: Block): string =>
  i === blocks.length - 1
    ? x
    : b.node("Slice", [x, b.constant("int64", [0]), boundOf(b, bounds, i + 1), b.constant("int64", [2])]);

/** Σ of what the blocks say about the keys that they see, [1, K, d, N]. */
const sumOfKeys = (b: OnnxBuilder, parts: readonly string[], bounds: string): string =>
  parts.reduceRight((sum, part, i) => {
    const missing = b.node("Sub", [boundOf(b, bounds, blocks.length), boundOf(b, bounds, i + 1)]);
    const pads = b.node("Concat", [b.constant("int64", [0, 0, 0, 0, 0, 0, 0]), missing], { axis: 0 });
    return b.node("Add", [sum, b.node("Pad", [part, pads])]);
  });

export const blockAttention: Rule<"blockAttention"> = {
  forward: (b, { q, k, v, bounds, ...masks }, { heads, keyHeads, headSize, scale }) => {
    const group = heads / keyHeads;
    const shape = b.node("Concat", [one(b), boundOf(b, bounds, blocks.length)], { axis: 0 });
    const key = splitKey(b, k, shape, keyHeads, headSize);
    const value = splitKey(b, v, shape, keyHeads, headSize);
    const parts = blocks.map((i) => {
      const query = splitQuery(b, rowsOf(b, q, bounds, i), blockShape(b, bounds, i), keyHeads, group, headSize);
      const [ownKey, ownValue] = [keysOf(b, key, bounds, i), keysOf(b, value, bounds, i)];
      const given = { query, key: ownKey, mask: masks[`mask.${i}`], keys: boundOf(b, bounds, i + 1) };
      const probabilities = probabilitiesOf(b, given, group, scale);
      const context = joinQuery(b, b.node("MatMul", [probabilities, ownValue]), group, headSize, heads * headSize);
      return { context, saved: { q: query, k: ownKey, v: ownValue, probabilities } };
    });
    return {
      output: {
        y: b.node(
          "Concat",
          parts.map(({ context }) => context),
          { axis: 0 },
        ),
      },
      saved: Object.fromEntries(
        parts.flatMap(({ saved }, i) => Object.entries(saved).map(([name, value]) => [`${name}.${i}`, value])),
      ) as Forward<"blockAttention">["saved"],
    };
  },
  backward: (b, { input, output, saved, gradient, into, attributes }) => {
    const { heads, keyHeads, headSize, scale } = attributes;
    const group = heads / keyHeads;
    const { bounds } = input;
    const parts = blocks.map((i) => {
      const shape = blockShape(b, bounds, i);
      const own = rowsOf(b, gradient, bounds, i);
      const dContext = splitQuery(b, own, shape, keyHeads, group, headSize);
      const sums = rowSums(b, { y: rowsOf(b, output.y, bounds, i), gradient: own, shape }, attributes);
      const [q, k, v, probabilities] = [saved[`q.${i}`], saved[`k.${i}`], saved[`v.${i}`], saved[`probabilities.${i}`]];
      const made = attentionGradient(b, { q, k, v, probabilities, dContext, sums }, scale);
      return { ...made, q: joinQuery(b, made.q, group, headSize, heads * headSize) };
    });
    const keys = (name: "k" | "v"): string =>
      joinKey(
        b,
        sumOfKeys(
          b,
          parts.map((part) => part[name]),
          bounds,
        ),
        keyHeads * headSize,
      );
    return {
      q: plus(
        b,
        into.q,
        b.node(
          "Concat",
          parts.map(({ q }) => q),
          { axis: 0 },
        ),
      ),
      k: plus(b, into.k, keys("k")),
      v: plus(b, into.v, keys("v")),
    };
  },
};
