import type { OnnxBuilder } from "./onnx-builder.ts";

/**
 * ∂L/∂logp of each token, for L = −Σ coefficient·w·logp with the importance weight w = min(exp(logp − behaviour), cap)
 * held constant. Declares the inputs that it needs; all are [M].
 */
export const tokenGradient = (b: OnnxBuilder, logProbs: string): string => {
  for (const name of ["coefficients", "behaviour", "cap"]) b.input(name, "float32", ["M"]);
  const ratio = b.node("Exp", [b.node("Sub", [logProbs, "behaviour"])]);
  return b.node("Mul", [b.node("Neg", ["coefficients"]), b.node("Min", [ratio, "cap"])]);
};
