import type { Clock } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface FixedClock extends Clock {
  /** Moves time on and runs the timers that are due, in order. */
  advance(milliseconds: number): void;
}

/**
 * A clock for tests and replays: no wall time, no waiting.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { fixedClock, scriptedModel } from "agentflow/testing";
 *
 * const clock = fixedClock();
 * const flow = createFlow({ model: scriptedModel(() => "stock q1"), tools: {}, clock });
 * clock.advance(1000);
 * ```
 */
export const fixedClock = (start = 0): FixedClock => {
  let now = start;
  let timers: readonly { readonly due: number; readonly run: () => void }[] = [];
  return {
    now: () => now,
    after: (milliseconds, run) => {
      const timer = { due: now + milliseconds, run };
      timers = [...timers, timer].sort((a, b) => a.due - b.due);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    advance: (milliseconds) => {
      const end = now + milliseconds;
      for (let [timer] = timers; timer !== undefined && timer.due <= end; [timer] = timers) {
        timers = timers.slice(1);
        now = timer.due;
        timer.run();
      }
      now = end;
    },
  };
};
