import type { PromptSegment } from "../../../engine.ts";

/** Tokens that reach the cache together: `extend` feeds them in one go, `decode` one by one. */
export interface Chunk {
  readonly mode: "extend" | "decode";
  readonly ids: readonly number[];
}

/**
 * The canonical way in which a history reaches the cache, whatever the cache holds already: what was given is fed in one
 * go; what was sampled is fed token by token as it was when it was sampled, but for its last token, which nobody had to
 * feed at the time: it goes in front of what is given next.
 */
export const feedPlan = (prompt: readonly PromptSegment[]): Chunk[] => {
  const plan: Chunk[] = [];
  let carried: readonly number[] = [];
  for (const { ids, sampled } of prompt) {
    if (ids.length === 0) continue;
    if (sampled) {
      if (carried.length > 0) plan.push({ mode: "extend", ids: carried });
      if (ids.length > 1) plan.push({ mode: "decode", ids: ids.slice(0, -1) });
      carried = ids.slice(-1);
    } else {
      plan.push({ mode: "extend", ids: [...carried, ...ids] });
      carried = [];
    }
  }
  if (carried.length > 0) plan.push({ mode: "extend", ids: carried });
  return plan;
};

const sameIds = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i]);

/** Whether `plan` starts with all of `cached`. */
export const extendsPlan = (plan: readonly Chunk[], cached: readonly Chunk[]): boolean =>
  cached.length <= plan.length &&
  cached.every(({ mode, ids }, i) => {
    const chunk = plan[i];
    return chunk !== undefined && chunk.mode === mode && sameIds(chunk.ids, ids);
  });

/**
 * A plan in the pieces that are fed in one run each: given tokens in parts of at most `most`, counted from the chunk's
 * start, sampled ones alone.
 */
export const piecesOf = (plan: readonly Chunk[], most: number): Chunk[] =>
  plan.flatMap(({ mode, ids }) => {
    const size = mode === "decode" ? 1 : most;
    return Array.from({ length: Math.ceil(ids.length / size) }, (_, i) => ({
      mode,
      ids: ids.slice(i * size, (i + 1) * size),
    }));
  });

/** How many pieces two histories begin with alike. */
export const commonPieces = (a: readonly Chunk[], b: readonly Chunk[]): number => {
  let count = 0;
  for (; count < a.length && count < b.length; count += 1) {
    const [one, other] = [a[count] as Chunk, b[count] as Chunk];
    if (one !== other && !(one.mode === other.mode && sameIds(one.ids, other.ids))) break;
  }
  return count;
};

export const tokensOf = (pieces: readonly Chunk[]): number => pieces.reduce((sum, { ids }) => sum + ids.length, 0);
