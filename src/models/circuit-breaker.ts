import type { Clock } from "../clock.ts";
import { queue } from "./pause.ts";

/** Says how a call that was let in has ended. */
export type Passed = (well: boolean) => void;

export interface CircuitBreaker {
  readonly open: boolean;
  /** Lets a call in: at once while the endpoint is well; else as a probe, at most one a second, or once it is well again. */
  enter(signal: AbortSignal): Promise<Passed>;
}

/** Seconds from one probe to the next while the circuit is open. A probe that hangs does not keep the next one back. */
const PROBE_SECONDS = 1;

/**
 * Opens after `openAfter` failures in a row: then calls wait, and one per second is let through until one succeeds.
 * That one releases all of them. The health that an endpoint claims for itself is never asked for.
 */
export const circuitBreaker = ({
  openAfter,
  clock,
}: {
  readonly openAfter: number;
  readonly clock: Clock;
}): CircuitBreaker => {
  const waiting = queue();
  let failures = 0;
  let open = false;
  let lastProbe = Number.NEGATIVE_INFINITY;
  let ticking = false;

  const tick = (): void => {
    if (ticking || waiting.length === 0) return;
    ticking = true;
    clock.after(Math.max(0, lastProbe + PROBE_SECONDS * 1000 - clock.now()), () => {
      ticking = false;
      if (!open) return;
      lastProbe = clock.now();
      waiting.open();
      tick();
    });
  };

  const close = (): void => {
    failures = 0;
    open = false;
    while (waiting.length > 0) waiting.open();
  };

  return {
    get open() {
      return open;
    },
    enter: async (signal) => {
      if (open) {
        const turn = waiting.wait(signal);
        tick();
        await turn;
      }
      return (well) => {
        if (well) return close();
        failures += 1;
        if (failures < openAfter || open) return;
        open = true;
        lastProbe = clock.now();
      };
    },
  };
};
