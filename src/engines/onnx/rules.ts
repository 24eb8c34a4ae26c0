import type { OnnxBuilder } from "./onnx-builder.ts";

/**
 * The operators of the model graph: how each is lowered to ONNX nodes, and its gradient. The table is exhaustive by
 * type: an operator without a gradient does not compile. Names are those of ONNX values.
 */
export interface Operators {
  /** table [V, D], ids [N] → [N, D] */
  embed: { input: "table" | "ids"; output: "y"; saved: never; attributes: object };
  /** x [N, I], weight [O, I] → [N, O] */
  linear: { input: "x" | "weight"; output: "y"; saved: never; attributes: object };
  /** x [N, I], weight [O, I], bias [O] → [N, O] */
  affine: { input: "x" | "weight" | "bias"; output: "y"; saved: never; attributes: object };
  /** x [N, D] → factor·x */
  scale: { input: "x"; output: "y"; saved: never; attributes: { readonly factor: number } };
  /** x [N, H·d], weight [d] → [N, H·d]: each head is normed by itself */
  headNorm: {
    input: "x" | "weight";
    output: "y";
    saved: "heads" | "inverse";
    attributes: { readonly epsilon: number; readonly width: number; readonly headSize: number };
  };
  /** x [N, D], weight [D] → [N, D] */
  rmsNorm: { input: "x" | "weight"; output: "y"; saved: "inverse"; attributes: { readonly epsilon: number } };
  /** x [N, H·d], positions [B, T], cos and sin [C, d/2], shape [B, T] → [N, H·d] */
  rope: {
    input: "x" | "positions" | "cos" | "sin" | "minusSin" | "shape";
    output: "y";
    saved: never;
    attributes: { readonly width: number };
  };
  /** q [B·T, H·d], k and v [B·S, K·d], mask [T, S] (additive), shape [B, T], keyShape [B, S] → [B·T, H·d]; H/K query heads share a key head */
  attention: {
    input: "q" | "k" | "v" | "mask" | "shape" | "keyShape";
    output: "y";
    saved: "q" | "k" | "v" | "probabilities";
    attributes: {
      readonly heads: number;
      readonly keyHeads: number;
      readonly headSize: number;
      readonly scale: number;
    };
  };
  /** gate, up [N, F] → silu(gate) ∘ up */
  swiglu: { input: "gate" | "up"; output: "y"; saved: "activated"; attributes: object };
  /** gate, up [N, F] → gelu(gate) ∘ up, the tanh form */
  geglu: { input: "gate" | "up"; output: "y"; saved: "activated"; attributes: object };
  add: { input: "a" | "b"; output: "y"; saved: never; attributes: object };
  /** x [N, D], rows [M], all different → [M, D] */
  gatherRows: { input: "x" | "rows"; output: "y"; saved: never; attributes: object };
  /** x [M, D], table [V, D], targets [M] → log-probability of each target [M] and entropy [M] (no gradient through it) */
  logProb: { input: "x" | "table" | "targets"; output: "y" | "entropy"; saved: "probabilities"; attributes: object };
}

export type OperatorName = keyof Operators;
type Names<K extends string> = Readonly<Record<K, string>>;

export interface Forward<K extends OperatorName> {
  readonly input: Names<Operators[K]["input"]>;
  readonly output: Names<Operators[K]["output"]>;
  readonly saved: Names<Operators[K]["saved"]>;
  readonly attributes: Operators[K]["attributes"];
}

export interface BackwardContext<K extends OperatorName> extends Forward<K> {
  /** Gradient of the output `y`. */
  readonly gradient: string;
  /** Gradients that inputs have already from other uses: the rule adds to them. */
  readonly into: Partial<Names<Operators[K]["input"]>>;
  /** Whether anybody wants the gradient of an input. */
  readonly wants: (input: Operators[K]["input"]) => boolean;
}

export interface Rule<K extends OperatorName> {
  forward(
    b: OnnxBuilder,
    input: Names<Operators[K]["input"]>,
    attributes: Operators[K]["attributes"],
  ): { readonly output: Names<Operators[K]["output"]>; readonly saved: Names<Operators[K]["saved"]> };
  /** Gradients of the inputs, with `into` added. Inputs that are indices, masks or tables of angles have none. */
  backward(b: OnnxBuilder, context: BackwardContext<K>): Partial<Names<Operators[K]["input"]>>;
}

const plus = (b: OnnxBuilder, into: string | undefined, gradient: string): string =>
  into === undefined ? gradient : b.node("Add", [into, gradient]);

/** [B, T] ++ rest as a shape tensor. */
const batchShape = (b: OnnxBuilder, shape: string, rest: readonly number[]): string =>
  b.node("Concat", [shape, b.constant("int64", rest)], { axis: 0 });

const reshape = (b: OnnxBuilder, x: string, shape: readonly number[]): string =>
  b.node("Reshape", [x, b.constant("int64", shape)]);

const column = (b: OnnxBuilder, x: string): string => b.node("Unsqueeze", [x, b.constant("int64", [-1])]);

const zerosLike = (b: OnnxBuilder, x: string): string => b.node("ConstantOfShape", [b.node("Shape", [x])]);

/**
 * Adds `updates` [N, D] to the rows `rows` [N] of `into`; rows may repeat. ScatterElements adds them one after the other;
 * ScatterND would do it in parallel, in an order that changes from run to run.
 */
const addRows = (b: OnnxBuilder, into: string, rows: string, updates: string): string =>
  b.node("ScatterElements", [into, b.node("Expand", [column(b, rows), b.node("Shape", [updates])]), updates], {
    axis: 0,
    reduction: "add",
  });

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

const joinKey = (b: OnnxBuilder, x: string, width: number): string =>
  reshape(b, b.node("Transpose", [x], { perm: [0, 2, 1, 3] }), [-1, width]);

/** Root-mean-square norm over the last axis: [y, 1/rms]. */
const normed = (b: OnnxBuilder, x: string, weight: string, epsilon: number): readonly [string, string] => {
  const [y, inverse] = b.nodes("SimplifiedLayerNormalization", [x, weight], 2, {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
  return [y as string, inverse as string];
};

/** With x̂ = x/rms: dx = (w∘dy − x̂·mean(w∘dy∘x̂))/rms and dw = Σ dy∘x̂ over the rows. */
const normGradient = (
  b: OnnxBuilder,
  { x, weight, inverse, gradient }: Names<"x" | "weight" | "inverse" | "gradient">,
): { readonly x: string; readonly weight: () => string } => {
  const unit = b.node("Mul", [x, inverse]);
  const scaled = b.node("Mul", [gradient, weight]);
  const mean = b.node("ReduceMean", [b.node("Mul", [scaled, unit]), b.constant("int64", [-1])], { keepdims: 1 });
  return {
    x: b.node("Mul", [b.node("Sub", [scaled, b.node("Mul", [unit, mean])]), inverse]),
    weight: () => b.node("ReduceSum", [b.node("Mul", [gradient, unit]), b.constant("int64", [0])], { keepdims: 0 }),
  };
};

export const rules: { readonly [K in OperatorName]: Rule<K> } = {
  embed: {
    forward: (b, { table, ids }) => ({ output: { y: b.node("Gather", [table, ids]) }, saved: {} }),
    backward: (b, { input, gradient, into }) => ({
      table: addRows(b, into.table ?? zerosLike(b, input.table), input.ids, gradient),
    }),
  },

  linear: {
    forward: (b, { x, weight }) => ({ output: { y: b.node("Gemm", [x, weight], { transB: 1 }) }, saved: {} }),
    backward: (b, { input, gradient, into, wants }) => ({
      ...(wants("x") && { x: b.node("Gemm", [gradient, input.weight, ...(into.x === undefined ? [] : [into.x])]) }),
      ...(wants("weight") && {
        weight: b.node("Gemm", [gradient, input.x, ...(into.weight === undefined ? [] : [into.weight])], { transA: 1 }),
      }),
    }),
  },

  affine: {
    forward: (b, { x, weight, bias }) => ({
      output: { y: b.node("Gemm", [x, weight, bias], { transB: 1 }) },
      saved: {},
    }),
    backward: (b, context) => ({
      ...rules.linear.backward(b, { ...context, saved: {}, wants: (name) => context.wants(name) }),
      ...(context.wants("bias") && {
        bias: plus(
          b,
          context.into.bias,
          b.node("ReduceSum", [context.gradient, b.constant("int64", [0])], { keepdims: 0 }),
        ),
      }),
    }),
  },

  scale: {
    forward: (b, { x }, { factor }) => ({
      output: { y: b.node("Mul", [x, b.constant("float32", [factor])]) },
      saved: {},
    }),
    backward: (b, { gradient, into, attributes: { factor } }) => ({
      x: plus(b, into.x, b.node("Mul", [gradient, b.constant("float32", [factor])])),
    }),
  },

  rmsNorm: {
    forward: (b, { x, weight }, { epsilon }) => {
      const [y, inverse] = normed(b, x, weight, epsilon);
      return { output: { y }, saved: { inverse } };
    },
    backward: (b, { input, saved, gradient, into, wants }) => {
      const made = normGradient(b, { ...input, ...saved, gradient });
      return { x: plus(b, into.x, made.x), ...(wants("weight") && { weight: plus(b, into.weight, made.weight()) }) };
    },
  },

  headNorm: {
    forward: (b, { x, weight }, { epsilon, width, headSize }) => {
      const heads = reshape(b, x, [-1, headSize]);
      const [y, inverse] = normed(b, heads, weight, epsilon);
      return { output: { y: reshape(b, y, [-1, width]) }, saved: { heads, inverse } };
    },
    backward: (b, { input, saved, gradient, into, wants, attributes: { width, headSize } }) => {
      const made = normGradient(b, {
        x: saved.heads,
        weight: input.weight,
        inverse: saved.inverse,
        gradient: reshape(b, gradient, [-1, headSize]),
      });
      return {
        x: plus(b, into.x, reshape(b, made.x, [-1, width])),
        ...(wants("weight") && { weight: plus(b, into.weight, made.weight()) }),
      };
    },
  },

  rope: {
    forward: (b, { x, positions, cos, sin, shape }, { width }) => {
      const turned = b.node("RotaryEmbedding", [
        b.node("Reshape", [x, batchShape(b, shape, [width])]),
        positions,
        cos,
        sin,
      ]);
      return { output: { y: reshape(b, turned, [-1, width]) }, saved: {} };
    },
    // A rotation's transpose is the rotation by the opposite angle.
    backward: (b, { input, gradient, into, attributes: { width } }) => {
      const turned = b.node("RotaryEmbedding", [
        b.node("Reshape", [gradient, batchShape(b, input.shape, [width])]),
        input.positions,
        input.cos,
        input.minusSin,
      ]);
      return { x: plus(b, into.x, reshape(b, turned, [-1, width])) };
    },
  },

  attention: {
    forward: (b, { q, k, v, mask, shape, keyShape }, { heads, keyHeads, headSize, scale }) => {
      const group = heads / keyHeads;
      const query = splitQuery(b, q, shape, keyHeads, group, headSize);
      const key = splitKey(b, k, keyShape, keyHeads, headSize);
      const value = splitKey(b, v, keyShape, keyHeads, headSize);
      const scores = b.node("FusedMatMul", [query, key], { transB: 1, alpha: { float: scale } });
      // The mask counts for each head of a group: seen as [B, K, G, T, S] the scores take it as it is.
      const keys = b.node("Slice", [keyShape, b.constant("int64", [1]), b.constant("int64", [2])]);
      const seenAs = (sizes: readonly number[]): string =>
        b.node("Concat", [b.constant("int64", sizes), keys], { axis: 0 });
      const masked = b.node("Add", [b.node("Reshape", [scores, seenAs([0, 0, group, -1])]), mask]);
      const probabilities = b.node("Reshape", [b.node("Softmax", [masked], { axis: -1 }), seenAs([0, 0, -1])]);
      const context = b.node("MatMul", [probabilities, value]);
      return {
        output: { y: joinQuery(b, context, group, headSize, heads * headSize) },
        saved: { q: query, k: key, v: value, probabilities },
      };
    },
    // dS = P∘(dP − rowsum(dO∘O)): the row sum over d columns instead of over T.
    backward: (b, { input, output, saved, gradient, into, attributes }) => {
      const { heads, keyHeads, headSize } = attributes;
      const group = heads / keyHeads;
      const scale = { float: attributes.scale };
      const dContext = splitQuery(b, gradient, input.shape, keyHeads, group, headSize);
      const products = reshape(b, b.node("Mul", [gradient, output.y]), [-1, heads, headSize]);
      const sums = b.node("ReduceSum", [products, b.constant("int64", [-1])], { keepdims: 0 });
      const rowSum = splitQuery(b, sums, input.shape, keyHeads, group, 1);
      const dProbabilities = b.node("FusedMatMul", [dContext, saved.v], { transB: 1 });
      const dScores = b.node("Mul", [saved.probabilities, b.node("Sub", [dProbabilities, rowSum])]);
      const dq = b.node("FusedMatMul", [dScores, saved.k], { alpha: scale });
      const dk = b.node("FusedMatMul", [dScores, saved.q], { transA: 1, alpha: scale });
      const dv = b.node("FusedMatMul", [saved.probabilities, dContext], { transA: 1 });
      return {
        q: plus(b, into.q, joinQuery(b, dq, group, headSize, heads * headSize)),
        k: plus(b, into.k, joinKey(b, dk, keyHeads * headSize)),
        v: plus(b, into.v, joinKey(b, dv, keyHeads * headSize)),
      };
    },
  },

  swiglu: {
    forward: (b, { gate, up }) => {
      const activated = b.node("QuickGelu", [gate], { alpha: { float: 1 } });
      return { output: { y: b.node("Mul", [activated, up]) }, saved: { activated } };
    },
    // d silu(g) = σ + silu(g)·(1 − σ), with σ = sigmoid(g).
    backward: (b, { input, saved, gradient, into }) => {
      const sigma = b.node("Sigmoid", [input.gate]);
      const rest = b.node("Mul", [saved.activated, b.node("Sub", [b.constant("float32", [1]), sigma])]);
      const dActivated = b.node("Mul", [gradient, input.up]);
      return {
        gate: plus(b, into.gate, b.node("Mul", [dActivated, b.node("Add", [sigma, rest])])),
        up: plus(b, into.up, b.node("Mul", [gradient, saved.activated])),
      };
    },
  },

  geglu: {
    forward: (b, { gate, up }) => {
      const activated = b.node("Gelu", [gate], { approximate: "tanh" });
      return { output: { y: b.node("Mul", [activated, up]) }, saved: { activated } };
    },
    // gelu(g) = g·h with h = (1 + tanh u)/2 and u = √(2/π)·(g + 0.044715·g³): gelu′ = h + 2·g·h·(1 − h)·u′.
    backward: (b, { input: { gate, up }, saved, gradient, into }) => {
      const number = (value: number): string => b.constant("float32", [value]);
      const root = Math.sqrt(2 / Math.PI);
      const square = b.node("Mul", [gate, gate]);
      const slope = (cubic: number): string =>
        b.node("Add", [b.node("Mul", [square, number(root * cubic)]), number(root)]);
      const half = b.node("Sigmoid", [b.node("Mul", [b.node("Mul", [gate, slope(0.044715)]), number(2)])]);
      const rest = b.node("Mul", [saved.activated, b.node("Sub", [number(1), half])]);
      const inner = b.node("Mul", [b.node("Mul", [rest, slope(3 * 0.044715)]), number(2)]);
      const dActivated = b.node("Mul", [gradient, up]);
      return {
        gate: plus(b, into.gate, b.node("Mul", [dActivated, b.node("Add", [half, inner])])),
        up: plus(b, into.up, b.node("Mul", [gradient, saved.activated])),
      };
    },
  },

  add: {
    forward: (b, { a, b: second }) => ({ output: { y: b.node("Add", [a, second]) }, saved: {} }),
    backward: (b, { gradient, into }) => ({ a: plus(b, into.a, gradient), b: plus(b, into.b, gradient) }),
  },

  gatherRows: {
    forward: (b, { x, rows }) => ({ output: { y: b.node("Gather", [x, rows]) }, saved: {} }),
    backward: (b, { input, gradient, into }) => ({
      x: plus(b, into.x, b.node("ScatterND", [zerosLike(b, input.x), column(b, input.rows), gradient])),
    }),
  },

  logProb: {
    forward: (b, { x, table, targets }) => {
      const logs = b.node("LogSoftmax", [b.node("Gemm", [x, table], { transB: 1 })], { axis: -1 });
      const probabilities = b.node("Exp", [logs]);
      const picked = b.node("GatherElements", [logs, column(b, targets)], { axis: 1 });
      const entropy = b.node("Neg", [
        b.node("ReduceSum", [b.node("Mul", [probabilities, logs]), b.constant("int64", [-1])], { keepdims: 0 }),
      ]);
      return { output: { y: reshape(b, picked, [-1]), entropy }, saved: { probabilities } };
    },
    // Never a [M, V] gradient: dx = g·(E[y] − P·E); dE = scatter(g·x) − Pᵀ(g·x).
    backward: (b, { input, saved, gradient, into, wants }) => {
      const g = column(b, gradient);
      const expected = b.node("MatMul", [saved.probabilities, input.table]);
      const x = b.node("Mul", [g, b.node("Sub", [b.node("Gather", [input.table, input.targets]), expected])]);
      const weighted = b.node("Mul", [g, input.x]);
      const spread = (): string =>
        b.node("Gemm", [saved.probabilities, weighted, ...(into.table === undefined ? [] : [into.table])], {
          transA: 1,
          alpha: { float: -1 },
        });
      return {
        x: plus(b, into.x, x),
        ...(wants("table") && { table: addRows(b, spread(), input.targets, weighted) }),
      };
    },
  },
};
