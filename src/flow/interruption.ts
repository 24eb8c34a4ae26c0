import type { Clock } from "../clock.ts";
import type { TakeTurn } from "./loop-turns.ts";

/** What `guard` throws when the solve ends before the work does. Never leaves the flow. */
export class Interrupted extends Error {}

/** The time limit of one piece of work, as a value. */
export const TIMED_OUT = Symbol("timed out");

/**
 * The end of a solve from outside: the caller's signal or the wall-clock budget. Every wait of the flow goes through
 * `guard`, so that it ends at once even if the work ignores the signal. A solve waits for one thing at a time.
 */
export class Interruption {
  #reason: "aborted" | "budget" | undefined;
  // Made when somebody asks for the signal: most instant tools never do, and it is the dearest object of a solve.
  #controller: AbortController | undefined;
  readonly #clock: Clock;
  readonly #takeTurn: TakeTurn;
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;
  readonly #cancelTimer: () => void;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, seconds: number, outer: AbortSignal | undefined, takeTurn: TakeTurn) {
    this.#clock = clock;
    this.#takeTurn = takeTurn;
    this.#outer = outer;
    this.#cancelTimer = clock.after(seconds * 1000, () => this.#end("budget"));
    this.#onAbort = outer === undefined ? undefined : () => this.#end("aborted");
    if (outer?.aborted) this.#end("aborted");
    else if (this.#onAbort !== undefined) outer?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Why the solve has to end, once it has to. */
  get reason(): "aborted" | "budget" | undefined {
    return this.#reason;
  }

  /** Aborts when the solve has to end. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** The result of a piece of work; throws `Interrupted` once the solve ends. */
  guard<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // Also takes the late failure of work that nobody waits for any more.
      work.then((value) => this.#takeTurn(() => resolve(value)), reject);
      this.#wake = () => reject(new Interrupted());
      if (this.#reason !== undefined) this.#wake();
    });
  }

  /** The same with a time limit of its own, after which it is `TIMED_OUT`. */
  guardWithin<T>(work: PromiseLike<T>, seconds: number): Promise<T | typeof TIMED_OUT> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(seconds * 1000, () => resolve(TIMED_OUT));
      const end = (settle: () => void): void => {
        cancel();
        settle();
      };
      work.then(
        (value) => end(() => this.#takeTurn(() => resolve(value))),
        (error: unknown) => end(() => reject(error)),
      );
      this.#wake = () => end(() => reject(new Interrupted()));
      if (this.#reason !== undefined) this.#wake();
    });
  }

  /** Lets go of timer and listener. */
  close(): void {
    this.#cancelTimer();
    if (this.#onAbort !== undefined) this.#outer?.removeEventListener("abort", this.#onAbort);
    this.#wake = undefined;
  }

  #end(reason: "aborted" | "budget"): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#wake?.();
    this.#controller?.abort();
  }
}
