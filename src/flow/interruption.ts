import type { Clock } from "../clock.ts";

/** What `guard` throws when the solve ends before the work does. Never leaves the flow. */
export class Interrupted extends Error {}

/** The time limit of one piece of work, as a value. */
export const TIMED_OUT = Symbol("timed out");

/**
 * The end of a solve from outside: the caller's signal or the wall-clock budget. Every wait of the flow goes through
 * `guard`, so that it ends at once even if the work ignores the signal. A solve waits for one thing at a time.
 */
export class Interruption {
  readonly signal: AbortSignal;
  #reason: "aborted" | "budget" | undefined;
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  readonly #cancelTimer: () => void;
  #wake: (() => void) | undefined;
  readonly #onAbort = (): void => this.#end("aborted");

  constructor(clock: Clock, seconds: number, outer: AbortSignal | undefined) {
    this.signal = this.#controller.signal;
    this.#clock = clock;
    this.#outer = outer;
    this.#cancelTimer = clock.after(seconds * 1000, () => this.#end("budget"));
    if (outer?.aborted) this.#end("aborted");
    else outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Why the solve has to end, once it has to. */
  get reason(): "aborted" | "budget" | undefined {
    return this.#reason;
  }

  /** The result of a piece of work; throws `Interrupted` once the solve ends. */
  guard<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // Also takes the late failure of work that nobody waits for any more.
      work.then(resolve, reject);
      this.#wake = () => reject(new Interrupted());
      if (this.#reason !== undefined) this.#wake();
    });
  }

  /** The same with a time limit of its own, after which it is `TIMED_OUT` and `onTimeOut` has run. */
  async guardWithin<T>(work: PromiseLike<T>, seconds: number, onTimeOut: () => void): Promise<T | typeof TIMED_OUT> {
    let cancel: () => void = () => undefined;
    const limit = new Promise<typeof TIMED_OUT>((resolve) => {
      cancel = this.#clock.after(seconds * 1000, () => {
        resolve(TIMED_OUT);
        onTimeOut();
      });
    });
    try {
      return await this.guard(Promise.race([work, limit]));
    } finally {
      cancel();
    }
  }

  /** Lets go of timer and listener. */
  close(): void {
    this.#cancelTimer();
    this.#outer?.removeEventListener("abort", this.#onAbort);
    this.#wake = undefined;
  }

  #end(reason: "aborted" | "budget"): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#wake?.();
    this.#controller.abort();
  }
}
