import { EngineError } from "../../../errors.ts";

/**
 * The door to whatever runs ONNX graphs. The native carrier is `ort-native.ts`; another one (WASM) fits behind the
 * same interface. Tensors live in memory that the caller sees as typed arrays: nothing is copied in or out.
 */

export type DType = "float32" | "uint8" | "int64" | "int32" | "bool";

/** A block of memory that the runtime can read and write; `data` is the caller's view of it, 64-byte aligned. */
export interface Memory {
  readonly dtype: DType;
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array;
}

/** A shape over a part of a memory block. Cheap; valid as long as its memory is. */
export interface Tensor {
  readonly memory: Memory;
  readonly shape: readonly number[];
  /** Elements from the start of the memory. */
  readonly offset: number;
}

export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Runs off the JavaScript thread. `outputs` are preallocated; a missing input or output name throws EngineError. */
  run(inputs: Readonly<Record<string, Tensor>>, outputs: Readonly<Record<string, Tensor>>): Promise<void>;
  dispose(): void;
}

/**
 * Values that a graph declares as its weights (`OnnxBuilder.weight`), in memory that a session reads from when it is
 * loaded and until it is closed. What a runtime lays out anew it does not read again: `release` saves that memory.
 */
export interface Constants {
  /** Copies `data`. A known name is overwritten in place. */
  set(name: string, dtype: DType, shape: readonly number[], data: ArrayBufferView): void;
  /** Fills a constant with zeros: whether a session still reads it can be seen from what it computes. */
  blank(name: string): void;
  /** Frees one that no session reads. */
  release(name: string): void;
  /** Frees all. Their session must be closed. */
  dispose(): void;
}

export interface Runtime {
  /** For people and fingerprints: name, version, threads. */
  readonly description: { readonly runtime: string; readonly version: string; readonly threads: number };
  allocate(dtype: DType, elements: number): Memory;
  tensor(memory: Memory, shape: readonly number[], offset?: number): Tensor;
  /** Holds nothing yet. */
  constants(): Constants;
  /**
   * Loads a serialised ONNX model. Input and output names must be given in the order of the graph.
   * `threads` is at most the runtime's. @default the runtime's
   */
  session(
    model: Uint8Array,
    options: {
      readonly inputs: readonly string[];
      readonly outputs: readonly string[];
      readonly threads?: number;
      readonly constants?: Constants;
    },
  ): Session;
  dispose(): void;
}

export const bytesOf: Readonly<Record<DType, number>> = { float32: 4, uint8: 1, int64: 8, int32: 4, bool: 1 };

export const elementsOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A shape over a part of a memory block. Throws EngineError when it does not fit. */
export const tensorOver = (memory: Memory, shape: readonly number[], offset = 0): Tensor => {
  if (offset + elementsOf(shape) > memory.data.length) {
    throw new EngineError(
      `A tensor of shape [${shape.join(", ")}] at ${offset} does not fit ${memory.data.length} elements.`,
    );
  }
  return { memory, shape, offset };
};

/** The floats behind a float32 tensor. */
export const floatsOf = (tensor: Tensor): Float32Array => {
  const { data } = tensor.memory;
  if (!(data instanceof Float32Array))
    throw new EngineError(`Expected a float32 tensor, received ${tensor.memory.dtype}`);
  return data.subarray(tensor.offset, tensor.offset + elementsOf(tensor.shape));
};
