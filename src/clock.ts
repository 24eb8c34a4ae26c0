/** Time as a dependency: wall time in milliseconds and timers. Tests and replays bring their own. */
export interface Clock {
  now(): number;
  /** Runs a function once after some milliseconds; the returned function cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}

/** setTimeout takes at most 31 bits; longer waits than 24 days are waits for ever here. */
const LONGEST = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    if (milliseconds > LONGEST) return () => undefined;
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};
