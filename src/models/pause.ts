import type { Clock } from "../clock.ts";

/** Waits, or throws the signal's reason as soon as it is aborted. */
export const pause = (clock: Clock, seconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(seconds * 1000, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    signal.addEventListener("abort", abort, { once: true });
  });

/** A place to wait in order of arrival: `open` releases the first one. */
export interface Queue {
  readonly length: number;
  /** Waits for its turn, or throws the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
  open(): void;
}

export const queue = (): Queue => {
  const waiting = new Set<() => void>();
  return {
    get length() {
      return waiting.size;
    },
    wait: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const go = (): void => {
          waiting.delete(go);
          signal.removeEventListener("abort", abort);
          resolve();
        };
        const abort = (): void => {
          waiting.delete(go);
          reject(signal.reason);
        };
        signal.addEventListener("abort", abort, { once: true });
        waiting.add(go);
      }),
    open: () => {
      const [first] = waiting;
      first?.();
    },
  };
};
