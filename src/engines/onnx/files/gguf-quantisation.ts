import { bfloat16, float16, float32, halfTable, type NumberFormat } from "./number-formats.ts";

/**
 * The block formats of GGUF (ggml's own definitions), turned into float32 with the roundings of its reference: every
 * product and sum is rounded to float32, so that the numbers are those that other readers get, bit for bit.
 * `d` is a block's scale, `m` what is added (or, in the K formats, subtracted).
 */

const round = Math.fround;

/** A format from what decodes one block. `half(at)` is the IEEE half that lies there. */
const format = (
  name: string,
  blockLength: number,
  blockBytes: number,
  block: (bytes: Uint8Array, from: number, half: (at: number) => number, out: Float32Array, to: number) => void,
): NumberFormat => ({
  name,
  blockLength,
  blockBytes,
  decode: (bytes, out, at) => {
    const halves = halfTable();
    const half = (i: number): number => halves[byte(bytes, i) | (byte(bytes, i + 1) << 8)] as number;
    for (let from = 0, to = at; from < bytes.length; from += blockBytes, to += blockLength)
      block(bytes, from, half, out, to);
  },
});

const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number;
const signed = (value: number): number => (value << 24) >> 24;

const q8_0 = format("Q8_0", 32, 34, (bytes, from, half, out, to) => {
  const d = half(from);
  for (let i = 0; i < 32; i += 1) out[to + i] = d * signed(byte(bytes, from + 2 + i));
});

const q4_0 = format("Q4_0", 32, 18, (bytes, from, half, out, to) => {
  const d = half(from);
  for (let i = 0; i < 16; i += 1) {
    const pair = byte(bytes, from + 2 + i);
    out[to + i] = d * ((pair & 15) - 8);
    out[to + 16 + i] = d * ((pair >> 4) - 8);
  }
});

const q4_1 = format("Q4_1", 32, 20, (bytes, from, half, out, to) => {
  const d = half(from);
  const m = half(from + 2);
  for (let i = 0; i < 16; i += 1) {
    const pair = byte(bytes, from + 4 + i);
    out[to + i] = round(d * (pair & 15)) + m;
    out[to + 16 + i] = round(d * (pair >> 4)) + m;
  }
});

/** The fifth bits of a Q5_0 or Q5_1 block: one a number, from the lowest of four bytes on. */
const fifth = (bytes: Uint8Array, from: number, i: number): number =>
  ((byte(bytes, from + (i >> 3)) >> (i & 7)) & 1) << 4;

const q5_0 = format("Q5_0", 32, 22, (bytes, from, half, out, to) => {
  const d = half(from);
  for (let i = 0; i < 16; i += 1) {
    const pair = byte(bytes, from + 6 + i);
    out[to + i] = d * (((pair & 15) | fifth(bytes, from + 2, i)) - 16);
    out[to + 16 + i] = d * (((pair >> 4) | fifth(bytes, from + 2, 16 + i)) - 16);
  }
});

const q5_1 = format("Q5_1", 32, 24, (bytes, from, half, out, to) => {
  const d = half(from);
  const m = half(from + 2);
  for (let i = 0; i < 16; i += 1) {
    const pair = byte(bytes, from + 8 + i);
    out[to + i] = round(d * ((pair & 15) | fifth(bytes, from + 4, i))) + m;
    out[to + 16 + i] = round(d * ((pair >> 4) | fifth(bytes, from + 4, 16 + i))) + m;
  }
});

/** Six-bit scale and minimum of the j-th of 8 groups of 32, packed into 12 bytes. */
const groupOf = (bytes: Uint8Array, from: number, j: number): { readonly scale: number; readonly minimum: number } => {
  if (j < 4) return { scale: byte(bytes, from + j) & 63, minimum: byte(bytes, from + 4 + j) & 63 };
  const low = byte(bytes, from + 4 + j);
  return {
    scale: (low & 15) | ((byte(bytes, from + j - 4) >> 6) << 4),
    minimum: (low >> 4) | ((byte(bytes, from + j) >> 6) << 4),
  };
};

/** Q4_K and, with one more bit a number from `high` on, Q5_K: 8 groups of 32 numbers, two groups sharing 32 bytes. */
const groups = (
  bytes: Uint8Array,
  { from, low, high }: { readonly from: number; readonly low: number; readonly high?: number },
  half: (at: number) => number,
  out: Float32Array,
  to: number,
): void => {
  for (let j = 0; j < 8; j += 1) {
    const { scale, minimum } = groupOf(bytes, from + 4, j);
    const d = round(half(from) * scale);
    const m = round(half(from + 2) * minimum);
    for (let i = 0; i < 32; i += 1) {
      let value = (byte(bytes, low + 32 * (j >> 1) + i) >> (4 * (j & 1))) & 15;
      if (high !== undefined) value |= ((byte(bytes, high + i) >> j) & 1) << 4;
      out[to + 32 * j + i] = round(d * value) - m;
    }
  }
};

const q4_k = format("Q4_K", 256, 144, (bytes, from, half, out, to) =>
  groups(bytes, { from, low: from + 16 }, half, out, to),
);

const q5_k = format("Q5_K", 256, 176, (bytes, from, half, out, to) =>
  groups(bytes, { from, low: from + 48, high: from + 16 }, half, out, to),
);

/** 16 groups of 16 with signed scales; halves of 128 numbers share 64 bytes of low and 32 of high bits. */
const q6_k = format("Q6_K", 256, 210, (bytes, from, half, out, to) => {
  const d = half(from + 208);
  for (let i = 0; i < 256; i += 1) {
    const part = i >> 7;
    const row = (i >> 5) & 3;
    const column = i & 31;
    const low = (byte(bytes, from + 64 * part + 32 * (row & 1) + column) >> (4 * (row >> 1))) & 15;
    const high = (byte(bytes, from + 128 + 32 * part + column) >> (2 * row)) & 3;
    out[to + i] = round(d * signed(byte(bytes, from + 192 + (i >> 4)))) * ((low | (high << 4)) - 32);
  }
});

/** Readable formats by their number in a GGUF header. */
export const ggufFormats: ReadonlyMap<number, NumberFormat> = new Map([
  [0, float32],
  [1, float16],
  [2, q4_0],
  [3, q4_1],
  [6, q5_0],
  [7, q5_1],
  [8, q8_0],
  [12, q4_k],
  [13, q5_k],
  [14, q6_k],
  [30, bfloat16],
]);

/** Formats that exist but are not readable here, so that a refusal can name them. */
const others: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [20, "IQ4_NL"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
]);

/** The name of a format, readable or not. */
export const ggufFormatName = (type: number): string =>
  ggufFormats.get(type)?.name ?? others.get(type) ?? `number ${type}`;
