import { createHash } from "node:crypto";
import { elementsOf, floatsOf, type Memory, type Runtime, type Tensor } from "./carriers/runtime.ts";
import { type ModelConfig, parameterShapes } from "./model-config.ts";

/** All tensors of one set of weights (or gradients, or moments) in one memory block, each at a 64-byte boundary. */
export interface Weights {
  readonly memory: Memory;
  /** The whole block, padding included (which stays 0). */
  readonly floats: Float32Array;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Zeros in the layout of a model. */
export const allocateWeights = (runtime: Runtime, config: ModelConfig): Weights =>
  allocateTensors(runtime, parameterShapes(config));

/** Zeros of given names and shapes. */
export const allocateTensors = (runtime: Runtime, shapes: ReadonlyMap<string, readonly number[]>): Weights => {
  const offsets = new Map<string, { readonly offset: number; readonly shape: readonly number[] }>();
  let total = 0;
  for (const [name, shape] of shapes) {
    offsets.set(name, { offset: total, shape });
    total += Math.ceil(elementsOf(shape) / 16) * 16;
  }
  const memory = runtime.allocate("float32", total);
  const tensors = new Map(
    [...offsets].map(([name, { offset, shape }]) => [name, runtime.tensor(memory, shape, offset)]),
  );
  return { memory, floats: memory.data as Float32Array, tensors };
};

/** The content hash of weights: sha256 over names, shapes and little-endian floats. It names a policy version. */
export const hashWeights = (weights: Weights): string => {
  const hash = createHash("sha256");
  for (const [name, tensor] of weights.tensors) {
    const floats = floatsOf(tensor);
    hash.update(`${name}[${tensor.shape}]`);
    hash.update(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
  }
  return hash.digest("hex");
};

/** Tensors under their graph names, as inputs or outputs of a session. */
export const bindings = (weights: Weights, prefix = ""): Readonly<Record<string, Tensor>> =>
  Object.fromEntries([...weights.tensors].map(([name, tensor]) => [prefix + name, tensor]));
