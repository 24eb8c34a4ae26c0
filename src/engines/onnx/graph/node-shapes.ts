import type { OnnxBuilder } from "./onnx-builder.ts";

/** `gradient`, added to what the input has already. */
export const plus = (b: OnnxBuilder, into: string | undefined, gradient: string): string =>
  into === undefined ? gradient : b.node("Add", [into, gradient]);

/** [B, T] ++ rest as a shape tensor. */
export const batchShape = (b: OnnxBuilder, shape: string, rest: readonly number[]): string =>
  b.node("Concat", [shape, b.constant("int64", rest)], { axis: 0 });

export const reshape = (b: OnnxBuilder, x: string, shape: readonly number[]): string =>
  b.node("Reshape", [x, b.constant("int64", shape)]);
