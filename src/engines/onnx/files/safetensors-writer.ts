import { elementsOf } from "../carriers/runtime.ts";

/** Types that weights are written in; numbers are rounded to the nearest. */
export type WrittenType = "float32" | "bfloat16";

const CODE = { float32: "F32", bfloat16: "BF16" } as const;

export const bytesPerNumber = (type: WrittenType): number => (type === "float32" ? 4 : 2);

/** Bits of the bfloat16 nearest to each number, ties to even. */
const toBfloat16 = (numbers: Float32Array): Uint16Array => {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i] as number;
    out[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
};

/** Numbers as a reader will find them. */
export const roundTo = (type: WrittenType, numbers: Float32Array): Float32Array => {
  if (type === "float32") return numbers;
  const halves = toBfloat16(numbers);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i += 1) bits[i] = (halves[i] as number) << 16;
  return new Float32Array(bits.buffer);
};

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
