import { ConfigError } from "./errors.ts";

/** The events of work under way, for one reader, and its result. */
export interface EventStream<Event, Result> extends AsyncIterable<Event> {
  readonly result: Promise<Result>;
}

interface Listeners<Event> {
  readonly abortSignal?: AbortSignal | undefined;
  readonly onEvent?: ((event: Event) => void) | undefined;
}

/** Starts work at once and hands its events to a reader as they come. A reader who leaves early aborts it. */
export const eventStream = <Event, Result>(
  start: (listen: (event: Event) => void, abortSignal: AbortSignal) => Promise<Result>,
  { abortSignal, onEvent }: Listeners<Event>,
): EventStream<Event, Result> => {
  const left = new AbortController();
  const waiting: Event[] = [];
  let ended = false;
  let wake = (): void => undefined;
  const listen = (event: Event): void => {
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

  let isRead = false;
  const read = async function* (): AsyncGenerator<Event> {
    if (isRead)
      throw new ConfigError("These events have a reader already: hand them on from there, or await the result.");
    isRead = true;
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
