import { attention, blockAttention } from "./attention-rules.ts";
import { batchShape, plus, reshape } from "./node-shapes.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import type { Names, OperatorName, Rule } from "./operators.ts";

const column = (b: OnnxBuilder, x: string): string => b.node("Unsqueeze", [x, b.constant("int64", [-1])]);

/** The element type of float32 in ONNX. */
const FLOAT = 1;

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

/** Root-mean-square norm over the last axis: [y, 1/rms]. */
const normed = (b: OnnxBuilder, x: string, weight: string, epsilon: number): readonly [string, string] => {
  const [y, inverse] = b.nodes("SimplifiedLayerNormalization", [x, weight], 2, {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
  return [y as string, inverse as string];
};

/**
 * With x̂ = x/rms: dx = (w∘dy − x̂·mean(w∘dy∘x̂))/rms and dw = Σ dy∘x̂ over the rows. Both sums are products of dy∘x with
 * a vector, so that as few arrays of the size of x as possible are written.
 */
const normGradient = (
  b: OnnxBuilder,
  { x, weight, inverse, gradient }: Names<"x" | "weight" | "inverse" | "gradient">,
): { readonly x: string; readonly weight: () => string } => {
  const product = b.node("Mul", [gradient, x]);
  const sums = b.node("MatMul", [product, column(b, weight)]);
  const means = b.node("Div", [sums, b.node("Cast", [b.node("Size", [weight])], { to: FLOAT })]);
  const share = b.node("Mul", [b.node("Mul", [inverse, inverse]), means]);
  const rest = b.node("Sub", [b.node("Mul", [gradient, weight]), b.node("Mul", [x, share])]);
  return {
    x: b.node("Mul", [rest, inverse]),
    weight: () => reshape(b, b.node("MatMul", [b.node("Transpose", [inverse], { perm: [1, 0] }), product]), [-1]),
  };
};

/**
 * How each operator is lowered to ONNX nodes, and its gradient. The table is exhaustive by type: an operator without a
 * gradient does not compile.
 */
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

  attention,
  blockAttention,

  lora: {
    forward: (b, { base, x, a, b: up }, { factor }) => {
      const down = b.node("Gemm", [x, a], { transB: 1, alpha: { float: factor } });
      return { output: { y: b.node("Gemm", [down, up, base], { transB: 1 }) }, saved: { down } };
    },
    backward: (b, { input, saved, gradient, into, wants, attributes: { factor } }) => {
      const added = (name: "x" | "a" | "b"): readonly string[] => (into[name] === undefined ? [] : [into[name]]);
      const dDown = b.node("Gemm", [gradient, input.b], { alpha: { float: factor } });
      return {
        ...(wants("base") && { base: plus(b, into.base, gradient) }),
        ...(wants("x") && { x: b.node("Gemm", [dDown, input.a, ...added("x")]) }),
        a: b.node("Gemm", [dDown, input.x, ...added("a")], { transA: 1 }),
        b: b.node("Gemm", [gradient, saved.down, ...added("b")], { transA: 1 }),
      };
    },
  },

  swiglu: {
    forward: (b, { gate, up }) => {
      const activated = b.node("QuickGelu", [gate], { alpha: { float: 1 } });
      return { output: { y: b.node("Mul", [activated, up]) }, saved: { activated } };
    },
    // d silu(g) = σ + silu(g)·(1 − σ), with σ = sigmoid(g): times up, y + σ·(up − y).
    backward: (b, { input, output, saved, gradient, into }) => {
      const sigma = b.node("Sigmoid", [input.gate]);
      const slope = b.node("Add", [output.y, b.node("Mul", [sigma, b.node("Sub", [input.up, output.y])])]);
      return {
        gate: plus(b, into.gate, b.node("Mul", [gradient, slope])),
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

  repeatRows: {
    forward: (b, { x, which }) => ({ output: { y: b.node("Gather", [x, which]) }, saved: {} }),
    // A sum over the uses of a row, as a product: scattering adds one number after the other.
    backward: (b, { input, gradient, into }) => {
      const count = b.node("Slice", [b.node("Shape", [input.x]), b.constant("int64", [0]), b.constant("int64", [1])]);
      const uses = b.node("OneHot", [input.which, count, b.constant("float32", [0, 1])], { axis: 0 });
      return { x: plus(b, into.x, b.node("MatMul", [uses, gradient])) };
    },
  },

  logProb: {
    forward: (b, { x, table, targets }) => {
      // Few arrays of the size of the vocabulary: with logits z and their largest m, log Σ exp(z − m) = −log max P.
      const logits = b.node("Gemm", [x, table], { transB: 1 });
      const probabilities = b.node("Softmax", [logits], { axis: -1 });
      const last = b.constant("int64", [-1]);
      const largest = b.node("ReduceMax", [logits, last], { keepdims: 1 });
      const sum = b.node("Neg", [b.node("Log", [b.node("ReduceMax", [probabilities, last], { keepdims: 1 })])]);
      const picked = b.node("GatherElements", [logits, column(b, targets)], { axis: 1 });
      const mean = b.node("ReduceSum", [b.node("Mul", [probabilities, logits]), last], { keepdims: 1 });
      return {
        output: {
          y: reshape(b, b.node("Sub", [b.node("Sub", [picked, largest]), sum]), [-1]),
          entropy: reshape(b, b.node("Add", [b.node("Sub", [largest, mean]), sum]), [-1]),
        },
        saved: { probabilities },
      };
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
