/** Something that is asked for: not there yet, there, or refused. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly error: Error | undefined;
  /** Asks again, and keeps what there is until then. */
  again(): void;
}

/** Asks for something as soon as a component uses it, and again when what `ask` reads has changed. */
export const loaded = <Value>(ask: (signal: AbortSignal) => Promise<Value>): Loaded<Value> => {
  let value = $state.raw<Value>();
  let error = $state.raw<Error>();
  let times = $state(0);
  $effect(() => {
    void times;
    const abort = new AbortController();
    ask(abort.signal).then(
      (found) => {
        if (abort.signal.aborted) return;
        value = found;
        error = undefined;
      },
      (thrown: unknown) => {
        if (!abort.signal.aborted) error = thrown instanceof Error ? thrown : new Error(String(thrown));
      },
    );
    return () => abort.abort();
  });
  return {
    get value() {
      return value;
    },
    get error() {
      return error;
    },
    again: () => {
      times += 1;
    },
  };
};
