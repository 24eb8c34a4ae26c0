/**
 * Counter-based randomness. There is no generator state: a number is a pure function of a key and a counter,
 * so results do not depend on the order in which concurrent work finishes, and nothing must be saved to resume.
 */
import { ConfigError } from "./errors.ts";

/** 64 bits as two unsigned 32-bit halves. */
export interface RandomKey {
  readonly high: number;
  readonly low: number;
}

/** One more word into the key: two rounds of multiply-xorshift a half (constants of MurmurHash3's finaliser). */
const mix = (high: number, low: number, word: number): RandomKey => {
  let a = Math.imul(high ^ word, 0x85ebca6b) >>> 0;
  let b = Math.imul(low + 0x9e3779b9 + word, 0xc2b2ae35) >>> 0;
  a = (a ^ (a >>> 13) ^ b) >>> 0;
  b = (b ^ (b >>> 16) ^ Math.imul(a, 0x27d4eb2f)) >>> 0;
  a = Math.imul(a ^ (a >>> 15), 0x846ca68b) >>> 0;
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35) >>> 0;
  return { high: (a ^ (b >>> 16)) >>> 0, low: (b ^ (a >>> 16)) >>> 0 };
};

const words = (part: number | string): readonly number[] => {
  if (typeof part === "number") return [part >>> 0, Math.floor(part / 2 ** 32) >>> 0];
  const out = [part.length];
  for (let i = 0; i < part.length; i += 1) out.push(part.charCodeAt(i));
  return out;
};

/**
 * A key made of parts, such as `randomKey(seed, "rollout", step, task, rollout)`. Integers and strings only.
 *
 * @example
 * ```ts
 * import { randomKey, uniform } from "agentflow";
 *
 * const key = randomKey("rollout", 7, 3);
 * console.log(uniform(key, 0));
 * ```
 */
export const randomKey = (...parts: readonly (number | string)[]): RandomKey =>
  deriveKey({ high: 0x243f6a88, low: 0x85a308d3 }, ...parts);

/**
 * A key below another one.
 *
 * @example
 * ```ts
 * import { deriveKey, randomKey } from "agentflow";
 *
 * const run = randomKey("run", 7);
 * const step = deriveKey(run, "step", 3);
 * ```
 */
export const deriveKey = (key: RandomKey, ...parts: readonly (number | string)[]): RandomKey => {
  let { high, low } = key;
  for (const part of parts) for (const word of words(part)) ({ high, low } = mix(high, low, word));
  return { high, low };
};

/**
 * Uniform in [0, 1) with 53 bits: a pure function of key and counter.
 *
 * @example
 * ```ts
 * import { randomKey, uniform } from "agentflow";
 *
 * const first = uniform(randomKey("shuffle", 7), 0);
 * console.log(first < 0.5 ? "left" : "right");
 * ```
 */
export const uniform = (key: RandomKey, counter: number): number => {
  const { high, low } = mix(key.high, key.low, counter >>> 0);
  const again = mix(high, low, 0x5851f42d);
  return ((again.high >>> 5) * 2 ** 26 + (again.low >>> 6)) / 2 ** 53;
};

/** A generator over one key, for code that draws many numbers in a row. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  /** One element, uniformly. Throws on an empty list. */
  pick<T>(list: readonly T[]): T;
  /** A new array in random order. */
  shuffle<T>(list: readonly T[]): T[];
  /** Standard normal (Box–Muller). */
  normal(): number;
}

/**
 * A stream of random values from a key: the same key gives the same values.
 *
 * @example
 * ```ts
 * import { random, randomKey } from "agentflow";
 *
 * const draw = random(randomKey("tasks", 7));
 * console.log(draw.below(10), draw.shuffle([1, 2, 3]));
 * ```
 */
export const random = (key: RandomKey): Random => {
  let counter = 0;
  const next = (): number => uniform(key, counter++);
  const below = (n: number): number => Math.floor(next() * n);
  return {
    next,
    below,
    pick: (list) => {
      const item = list[below(list.length)];
      if (item === undefined && list.length === 0) throw new ConfigError("pick() needs a list that is not empty.");
      return item as (typeof list)[number];
    },
    shuffle: (list) => {
      const out = [...list];
      for (let i = out.length - 1; i > 0; i -= 1) {
        const j = below(i + 1);
        [out[i], out[j]] = [out[j] as (typeof out)[number], out[i] as (typeof out)[number]];
      }
      return out;
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
};
