import type { PromptSegment } from "../../engine.ts";

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
