import { setMaxListeners } from "node:events";

/** What Ctrl-C, or a SIGTERM in its place, did so far. */
export interface Interrupts {
  /** Pressed at least once: no new step begins. */
  readonly asked: boolean;
  /** Aborted by the first Ctrl-C: what is under way is finished and kept. */
  readonly stopSignal: AbortSignal;
  /** Aborted by the second Ctrl-C, or by the first one while `stopAtOnce`. */
  readonly abortSignal: AbortSignal;
  /** Whether there is nothing yet that a first Ctrl-C should still finish. */
  stopAtOnce: boolean;
  /** Gives Ctrl-C back to Node. */
  close(): void;
}

/** Listens to Ctrl-C, and to SIGTERM, by which schedulers and containers end a process: the first time calls `onAsked`, the second time work is aborted, the third time Node exits. */
export const listenToInterrupts = (onAsked: () => void): Interrupts => {
  const abort = new AbortController();
  const stop = new AbortController();
  // Every solve under way listens to it.
  setMaxListeners(0, abort.signal, stop.signal);
  let presses = 0;
  const interrupts = {
    stopAtOnce: true,
    abortSignal: abort.signal,
    stopSignal: stop.signal,
    get asked() {
      return presses > 0;
    },
    close: () => {
      for (const signal of signals) process.off(signal, press);
    },
  };
  const press = (): void => {
    presses += 1;
    if (presses > 2) process.exit(INTERRUPTED);
    if (presses === 2 || interrupts.stopAtOnce) abort.abort(new Interruption());
    else {
      stop.abort(new Interruption());
      onAsked();
    }
  };
  for (const signal of signals) process.on(signal, press);
  return interrupts;
};

const signals = ["SIGINT", "SIGTERM"] as const;

/** Exit code of a command that Ctrl-C ended. */
export const INTERRUPTED = 130;

/** Whether an error came of Ctrl-C, whatever it was that could not be done because of it. */
export const isInterruption = (error: unknown): boolean =>
  error instanceof Interruption || (error instanceof Error && isInterruption(error.cause));

/** The reason of an abort by Ctrl-C. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  constructor() {
    super("Interrupted.");
  }
}
