/** One message of a stream of server-sent events. `id` is what a reader resumes after. */
export interface ServerEvent {
  readonly id?: string | undefined;
  readonly event?: string | undefined;
  /** JSON, or a text that goes out as it is. */
  readonly data: object | string;
}

/** How often a silent stream shows that it is alive. */
const HEARTBEAT_MS = 15_000;

const lineOf = ({ id, event, data }: ServerEvent): string => {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`;
};

/**
 * A response that streams events as they are read: nothing is made for a client that does not read. `onLeave` is called
 * when it is gone or has read all; the generator, which may wait for something else, ends once that comes. `headers` come on top of those
 * of a stream.
 */
export const eventResponse = (
  events: AsyncGenerator<ServerEvent>,
  onLeave: () => void,
  headers: Readonly<Record<string, string>> = {},
): Response => {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<ServerEvent>> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const beat = (): Promise<"beat"> =>
    new Promise((resolve) => {
      timer = setTimeout(() => resolve("beat"), HEARTBEAT_MS);
    });
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      next ??= events.next();
      try {
        const came = await Promise.race([next, beat()]);
        if (came === "beat") return controller.enqueue(encoder.encode(": alive\n\n"));
        next = undefined;
        if (came.done === true) {
          controller.close();
          onLeave();
        } else controller.enqueue(encoder.encode(lineOf(came.value)));
      } catch (error) {
        onLeave();
        controller.error(error);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: () => {
      clearTimeout(timer);
      onLeave();
      void events.return(undefined).catch(() => undefined);
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no", ...headers },
  });
};
