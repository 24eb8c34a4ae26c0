import type { Ranges } from "../../../../patterns/expression.ts";

/** A range for each byte of an encoding. */
export type ByteRanges = readonly (readonly [number, number])[];

/** The largest code point of each length; surrogates, between two of them, have no encoding. */
const SPANS = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x10ffff],
] as const;

const encode = (point: number): number[] => {
  if (point < 0x80) return [point];
  if (point < 0x800) return [0xc0 | (point >> 6), 0x80 | (point & 63)];
  if (point < 0x10000) return [0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
  return [0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63)];
};

/** Cuts a range of one length until it is the product of its bytes' ranges: a byte varies freely below one that varies. */
const cut = (low: number, high: number, length: number, out: ByteRanges[]): void => {
  for (let tail = 1; tail < length; tail += 1) {
    const mask = 2 ** (6 * tail) - 1;
    if (low >> (6 * tail) === high >> (6 * tail)) continue;
    const middle = (low & mask) !== 0 ? (low | mask) + 1 : (high & mask) !== mask ? high & ~mask : undefined;
    if (middle === undefined) continue;
    cut(low, middle - 1, length, out);
    cut(middle, high, length, out);
    return;
  }
  const last = encode(high);
  out.push(encode(low).map((byte, i) => [byte, last[i] as number]));
};

/** The UTF-8 encodings of code points, as products of byte ranges. Surrogates are left out. */
export const utf8 = (ranges: Ranges): readonly ByteRanges[] => {
  const out: ByteRanges[] = [];
  for (const [from, to] of ranges) {
    for (const [first, last] of SPANS) {
      const low = Math.max(from, first);
      const high = Math.min(to, last);
      if (low <= high) cut(low, high, encode(low).length, out);
    }
  }
  return out;
};
