import type { FlowEvent } from "../event.ts";

/** The events of a running solve, for one reader, and its result. */
export interface FlowStream<Result> extends AsyncIterable<FlowEvent> {
  readonly result: Promise<Result>;
}

interface Listeners {
  readonly abortSignal?: AbortSignal;
  readonly onEvent?: (event: FlowEvent) => void;
}

/** Starts a solve at once and hands its events to a reader as they come. A reader who leaves early aborts it. */
export const streamOf = <Result>(
  start: (listen: (event: FlowEvent) => void, abortSignal: AbortSignal) => Promise<Result>,
  { abortSignal, onEvent }: Listeners,
): FlowStream<Result> => {
  const left = new AbortController();
  const waiting: FlowEvent[] = [];
  let ended = false;
  let wake = (): void => undefined;
  const listen = (event: FlowEvent): void => {
    onEvent?.(event);
    waiting.push(event);
    wake();
  };
  const result = start(listen, abortSignal === undefined ? left.signal : AbortSignal.any([abortSignal, left.signal]));
  const end = (): void => {
    ended = true;
    wake();
  };
  result.then(end, end);

  const read = async function* (): AsyncGenerator<FlowEvent> {
    try {
      for (;;) {
        for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
        if (ended) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      // A wrong call throws here as well, so that nobody waits for events in vain.
      await result;
    } finally {
      if (!ended) left.abort();
    }
  };
  return { result, [Symbol.asyncIterator]: read };
};
