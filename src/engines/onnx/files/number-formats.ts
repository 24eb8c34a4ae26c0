/** How the numbers of a tensor lie in a file: blocks of `blockBytes` bytes that hold `blockLength` numbers each. */
export interface NumberFormat {
  readonly name: string;
  readonly blockLength: number;
  readonly blockBytes: number;
  /** Writes the numbers of whole blocks to `out` from `at` on, as float32. */
  decode(bytes: Uint8Array, out: Float32Array, at: number): void;
}

const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

let halves: Float32Array | undefined;

/** The value of every IEEE half, by its bits: a table is an order of magnitude faster than arithmetic. */
export const halfTable = (): Float32Array => {
  halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToNumber(bits));
  return halves;
};

export const float32: NumberFormat = {
  name: "F32",
  blockLength: 1,
  blockBytes: 4,
  decode: (bytes, out, at) => {
    new Uint8Array(out.buffer, out.byteOffset + 4 * at, bytes.length).set(bytes);
  },
};

export const float16: NumberFormat = {
  name: "F16",
  blockLength: 1,
  blockBytes: 2,
  decode: (bytes, out, at) => {
    const values = halfTable();
    for (let i = 0; i < bytes.length; i += 2)
      out[at + (i >> 1)] = values[(bytes[i] as number) | ((bytes[i + 1] as number) << 8)] as number;
  },
};

export const bfloat16: NumberFormat = {
  name: "BF16",
  blockLength: 1,
  blockBytes: 2,
  decode: (bytes, out, at) => {
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bytes.length; i += 2)
      words[at + (i >> 1)] = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 24);
  },
};
