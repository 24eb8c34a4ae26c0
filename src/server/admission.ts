import { RequestError } from "./request-error.ts";

/** How many solves run at once, and how many may wait. */
export interface Admission {
  readonly running: number;
  readonly waiting: number;
  /** Waits for a place; the returned function gives it back. Throws `RequestError` 429 when too many wait, 503 when closed. */
  enter(abortSignal: AbortSignal): Promise<() => void>;
  /** Refuses who comes from now on, and those that wait. */
  close(): void;
  /** Settles once nobody is inside. */
  empty(): Promise<void>;
}

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: unknown) => void;
}

export const admissionOf = (places: number, mostWaiting: number): Admission => {
  const queue = new Set<Waiter>();
  const onEmpty: (() => void)[] = [];
  let running = 0;
  let closed = false;
  const closing = (): RequestError =>
    new RequestError(503, "The server is shutting down.", { code: "shutting_down", retryAfterSeconds: 5 });
  const leave = (): void => {
    const [next] = queue;
    if (next !== undefined) {
      queue.delete(next);
      next.admit();
      return;
    }
    running -= 1;
    if (running === 0) for (const tell of onEmpty.splice(0)) tell();
  };
  const place = (): (() => void) => {
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
  return {
    get running() {
      return running;
    },
    get waiting() {
      return queue.size;
    },
    enter: async (abortSignal) => {
      if (closed) throw closing();
      abortSignal.throwIfAborted();
      if (running < places) running += 1;
      else {
        if (queue.size >= mostWaiting)
          throw new RequestError(429, `${queue.size} requests are waiting already.`, {
            code: "too_many_requests",
            retryAfterSeconds: 1,
          });
        await new Promise<void>((admit, refuse) => {
          const waiter: Waiter = { admit, refuse };
          queue.add(waiter);
          const give = (): void => {
            if (queue.delete(waiter)) refuse(abortSignal.reason);
          };
          abortSignal.addEventListener("abort", give, { once: true });
        });
      }
      return place();
    },
    close: () => {
      closed = true;
      for (const { refuse } of queue) refuse(closing());
      queue.clear();
    },
    empty: () => (running === 0 ? Promise.resolve() : new Promise((done) => void onEmpty.push(done))),
  };
};
