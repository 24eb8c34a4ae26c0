import { type DType, elementsOf, type Memory, type Runtime, type Tensor } from "./runtime.ts";

/** A tensor of a shape over the block of a name. */
export type GrowingBlocks = (name: string, dtype: DType, shape: readonly number[]) => Tensor;

/** Blocks of memory by name that every run of a graph reuses, and that grow when a shape needs more. */
export const growingBlocks = (runtime: Runtime): GrowingBlocks => {
  const blocks = new Map<string, Memory>();
  return (name, dtype, shape) => {
    const size = elementsOf(shape);
    let memory = blocks.get(name);
    if (!memory || memory.data.length < size) {
      memory = runtime.allocate(dtype, Math.ceil(size * 1.25));
      blocks.set(name, memory);
    }
    return runtime.tensor(memory, shape);
  };
};
