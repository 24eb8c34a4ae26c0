/** `createHash("sha256")` of Node, as far as the engine uses it (FIPS 180-4). The browser's own SHA-256 gives promises only. */

const primes = (count: number): readonly number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
};

/** The first 32 bits of the fraction of a root. */
const fraction = (root: number): number => ((root - Math.floor(root)) * 2 ** 32) | 0;

const START = primes(8).map((prime) => fraction(Math.sqrt(prime)));
const ROUNDS = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
const BLOCK = 64;

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

export interface Hash {
  update(data: string | Uint8Array): Hash;
  digest(encoding: "hex"): string;
}

export const createHash = (algorithm: "sha256"): Hash => {
  if (algorithm !== "sha256") throw new Error(`The hash ${String(algorithm)} is not in this page: it has sha256.`);
  const state = Int32Array.from(START);
  const schedule = new Int32Array(64);
  const block = new Uint8Array(BLOCK);
  const view = new DataView(block.buffer);
  let filled = 0;
  let length = 0;

  const compress = (from: DataView, at: number): void => {
    for (let i = 0; i < 16; i += 1) schedule[i] = from.getInt32(at + 4 * i);
    for (let i = 16; i < 64; i += 1) {
      const a = schedule[i - 15] as number;
      const b = schedule[i - 2] as number;
      schedule[i] =
        (schedule[i - 16] as number) +
        (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) +
        (schedule[i - 7] as number) +
        (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i += 1) {
      const first =
        (h +
          (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
          ((e & f) ^ (~e & g)) +
          (ROUNDS[i] as number) +
          (schedule[i] as number)) |
        0;
      const second = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] as number) + word;
  };

  const hash: Hash = {
    update: (data) => {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      length += bytes.length;
      let at = 0;
      if (filled > 0) {
        at = Math.min(bytes.length, BLOCK - filled);
        block.set(bytes.subarray(0, at), filled);
        filled += at;
        if (filled < BLOCK) return hash;
        compress(view, 0);
        filled = 0;
      }
      const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (; at + BLOCK <= bytes.length; at += BLOCK) compress(whole, at);
      block.set(bytes.subarray(at));
      filled = bytes.length - at;
      return hash;
    },
    digest: () => {
      const bits = BigInt(length) * 8n;
      block.fill(0, filled);
      block[filled] = 0x80;
      if (filled >= BLOCK - 8) {
        compress(view, 0);
        block.fill(0);
      }
      view.setBigUint64(BLOCK - 8, bits);
      compress(view, 0);
      return [...state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
    },
  };
  return hash;
};
