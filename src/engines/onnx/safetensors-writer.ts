import { elementsOf } from "./runtime.ts";

/** Types that weights are written in; numbers are rounded to the nearest. */
export type WrittenType = "float32" | "bfloat16";

const CODE = { float32: "F32", bfloat16: "BF16" } as const;

export const bytesPerNumber = (type: WrittenType): number => (type === "float32" ? 4 : 2);

/** Bits of the bfloat16 nearest to each number, ties to even. */
export const toBfloat16 = (numbers: Float32Array): Uint16Array => {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  return Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
};

/** Numbers as a reader will find them. */
export const roundTo = (type: WrittenType, numbers: Float32Array): Float32Array =>
  type === "float32" ? numbers : new Float32Array(Uint32Array.from(toBfloat16(numbers), (bits) => bits << 16).buffer);

/**
 * The parts of a safetensors file, one tensor after the other, so that never more than one is in memory. `numbers` is
 * asked for each in the order of `shapes`.
 */
export async function* safetensorsParts(
  shapes: ReadonlyMap<string, readonly number[]>,
  type: WrittenType,
  numbers: (name: string) => Promise<Float32Array>,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  // Readers of PyTorch ask the header for the framework.
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  for (const [name, shape] of shapes) {
    const end = offset + bytesPerNumber(type) * elementsOf(shape);
    header[name] = { dtype: CODE[type], shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  yield length;
  yield padded;
  for (const name of shapes.keys()) {
    const values = await numbers(name);
    const data = type === "float32" ? values : toBfloat16(values);
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
