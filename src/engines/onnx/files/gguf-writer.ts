import { StoreError } from "../../../errors.ts";

/**
 * The GGUF format, version 3, as far as adapters need it: a header of keys with typed values, a list of float32
 * tensors, then their numbers, each at a multiple of 32 bytes. All little-endian.
 */
const ALIGNMENT = 32;
const VERSION = 3;

export type GgufValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "uint32" | "float32"; readonly value: number };

/** A float32 tensor in row-major order, its numbers made when their turn comes. */
export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly numbers: () => Float32Array;
}

const TYPE = { uint32: 4, float32: 6, string: 8 } as const;
const F32 = 0;

const number = (bytes: 4 | 8, set: (view: DataView) => void): Uint8Array => {
  const out = new Uint8Array(bytes);
  set(new DataView(out.buffer));
  return out;
};
const uint32 = (value: number): Uint8Array => number(4, (view) => view.setUint32(0, value, true));
const uint64 = (value: number): Uint8Array => number(8, (view) => view.setBigUint64(0, BigInt(value), true));
const float32 = (value: number): Uint8Array => number(4, (view) => view.setFloat32(0, value, true));
const string = (text: string): Uint8Array[] => {
  const bytes = new TextEncoder().encode(text);
  return [uint64(bytes.length), bytes];
};
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const valueBytes = ({ type, value }: GgufValue): Uint8Array[] => {
  if (type === "string") return [uint32(TYPE.string), ...string(value)];
  return [uint32(TYPE[type]), type === "uint32" ? uint32(value) : float32(value)];
};

/** The parts of a GGUF file, one after the other; never more than one tensor in memory. Throws `StoreError`. */
export function* ggufParts(
  values: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Generator<Uint8Array> {
  const keys = Object.entries(values);
  const head = [new TextEncoder().encode("GGUF"), uint32(VERSION), uint64(tensors.length), uint64(keys.length)];
  for (const [key, value] of keys) head.push(...string(key), ...valueBytes(value));
  let offset = 0;
  for (const { name, shape } of tensors) {
    // The innermost side stands first.
    head.push(...string(name), uint32(shape.length), ...[...shape].reverse().map(uint64), uint32(F32), uint64(offset));
    offset = aligned(offset + 4 * elements(shape));
  }
  const bytes = head.reduce((sum, part) => sum + part.length, 0);
  yield* head;
  yield new Uint8Array(aligned(bytes) - bytes);
  for (const { name, shape, numbers } of tensors) {
    const data = numbers();
    if (data.length !== elements(shape))
      throw new StoreError(`Tensor ${name} has ${data.length} numbers, which do not fill [${shape.join(", ")}].`);
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    yield new Uint8Array(aligned(data.byteLength) - data.byteLength);
  }
}
