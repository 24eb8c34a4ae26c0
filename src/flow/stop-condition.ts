import { count, required } from "../options.ts";
import type { MemoryEntry, StopReason } from "../trajectory.ts";
import type { Usage } from "../usage.ts";

/** What a stop condition sees after each turn. */
export interface Progress {
  readonly memory: readonly MemoryEntry[];
  readonly usage: Usage;
}

/** A small predicate: the reason to stop now, or undefined to continue. */
export interface StopCondition {
  (progress: Progress): StopReason | undefined;
  /** A condition on the number of turns says so, so that the planner sees how many it has left. */
  readonly turns?: number;
}

/**
 * Stops after `n` planner turns.
 *
 * @example
 * ```ts
 * import { createFlow, turnCount } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, stopWhen: [turnCount(8)] });
 * ```
 */
export const turnCount = (n: number): StopCondition => {
  required(count)(n, "turnCount: n");
  return Object.assign(({ memory }: Progress) => (memory.length >= n ? ("turn-limit" as const) : undefined), {
    turns: n,
  });
};

/**
 * Stops once the verifier has decided so.
 *
 * @example
 * ```ts
 * import { answered, createFlow, turnCount } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, stopWhen: [answered(), turnCount(6)] });
 * ```
 */
export const answered = (): StopCondition => {
  return ({ memory }) => (memory.at(-1)?.verdict.decision === "stop" ? "answered" : undefined);
};

/**
 * Stops when the last `times` turns were all refused as repeated calls.
 *
 * @example
 * ```ts
 * import { createFlow, repeatedCall } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, loopDetectors: [repeatedCall(2)] });
 * ```
 */
export const repeatedCall = (times = 3): StopCondition => {
  count(times, "repeatedCall: times");
  const repeats = ({ observation }: MemoryEntry): boolean =>
    observation.status === "refused" && observation.reason === "repeated";
  return ({ memory }) => (lastAre(memory, times, repeats) ? "repeated-call" : undefined);
};

/**
 * Stops when none of the last `turns` turns brought an observation.
 *
 * @example
 * ```ts
 * import { createFlow, noProgress } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, loopDetectors: [noProgress(3)] });
 * ```
 */
export const noProgress = (turns = 4): StopCondition => {
  count(turns, "noProgress: turns");
  const fruitless = ({ observation }: MemoryEntry): boolean => observation.status !== "ok";
  return ({ memory }) => (lastAre(memory, turns, fruitless) ? "no-progress" : undefined);
};

const lastAre = (memory: readonly MemoryEntry[], count: number, test: (entry: MemoryEntry) => boolean): boolean => {
  if (memory.length < count) return false;
  for (let i = memory.length - count; i < memory.length; i += 1) {
    const entry = memory[i];
    if (entry === undefined || !test(entry)) return false;
  }
  return true;
};
