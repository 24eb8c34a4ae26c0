import type { OnnxBuilder } from "./onnx-builder.ts";

/** The operators of the model graph. Names are those of ONNX values. */
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
  /** q [B·T, H·d], k and v [B·S, K·d], mask [T, S] or [B, 1, 1, T, S] (additive), shape [B, T], keyShape [B, S] → [B·T, H·d]; H/K query heads share a key head */
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
  /**
   * Attention over one packed row of N tokens, in four blocks of queries: block i holds the rows bounds[i]…bounds[i+1] and
   * looks at no key behind its end. q [N, H·d], k and v [N, K·d], `mask.<i>` [rows of the block, bounds[i+1]] → [N, H·d]
   */
  blockAttention: {
    input: "q" | "k" | "v" | "bounds" | `mask.${Block}`;
    output: "y";
    saved: `${"q" | "k" | "v" | "probabilities"}.${Block}`;
    attributes: Operators["attention"]["attributes"];
  };
  /** base [N, O], x [N, I], a [R, I], b [O, R] → base + factor·x·aᵀ·bᵀ */
  lora: {
    input: "base" | "x" | "a" | "b";
    output: "y";
    saved: "down";
    attributes: { readonly factor: number };
  };
  /** gate, up [N, F] → silu(gate) ∘ up */
  swiglu: { input: "gate" | "up"; output: "y"; saved: "activated"; attributes: object };
  /** gate, up [N, F] → gelu(gate) ∘ up, the tanh form */
  geglu: { input: "gate" | "up"; output: "y"; saved: "activated"; attributes: object };
  add: { input: "a" | "b"; output: "y"; saved: never; attributes: object };
  /** x [N, D], rows [M], all different → [M, D] */
  gatherRows: { input: "x" | "rows"; output: "y"; saved: never; attributes: object };
  /** x [R, D], which [M] → [M, D], rows of x as often as they are named */
  repeatRows: { input: "x" | "which"; output: "y"; saved: never; attributes: object };
  /** x [M, D], table [V, D], targets [M] → log-probability of each target [M] and entropy [M] (no gradient through it) */
  logProb: { input: "x" | "table" | "targets"; output: "y" | "entropy"; saved: "probabilities"; attributes: object };
}

/** Blocks of queries of `blockAttention`. With four, 3/8 of the products behind the diagonal are left out. */
export const blocks = [0, 1, 2, 3] as const;
export type Block = (typeof blocks)[number];

export type OperatorName = keyof Operators;
export type Names<K extends string> = Readonly<Record<K, string>>;

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
