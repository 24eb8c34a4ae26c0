/** Work that a client or the end of the server aborts. */
export interface LiveCall {
  readonly abortSignal: AbortSignal;
  /** It is over, or nobody waits for it any more: aborts what is left of it. */
  end(): void;
}

/** All calls under way. `AbortSignal.any` would keep a signal for each that ever was, as long as the server runs (Node.js 20). */
export interface LiveCalls {
  /** A call that also ends with `outer`, such as the signal of its request. */
  begin(outer: AbortSignal): LiveCall;
  abortAll(reason: unknown): void;
}

export const liveCalls = (): LiveCalls => {
  const live = new Set<AbortController>();
  return {
    begin: (outer) => {
      const controller = new AbortController();
      const follow = (): void => controller.abort(outer.reason);
      live.add(controller);
      if (outer.aborted) follow();
      else outer.addEventListener("abort", follow, { once: true });
      return {
        abortSignal: controller.signal,
        end: () => {
          outer.removeEventListener("abort", follow);
          live.delete(controller);
          controller.abort();
        },
      };
    },
    abortAll: (reason) => {
      for (const controller of live) controller.abort(reason);
    },
  };
};
