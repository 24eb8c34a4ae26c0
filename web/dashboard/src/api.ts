import { eventsIn, type StreamEvent } from "./events.ts";
import { token } from "./token.ts";

/** What a server said in place of an answer. */
class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const unauthorised = new Set<() => void>();
/** Calls back when the server refuses the token. */
export const onUnauthorised = (tell: () => void): (() => void) => {
  unauthorised.add(tell);
  return () => unauthorised.delete(tell);
};

const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
  const headers = { authorization: `Bearer ${token() ?? ""}`, ...init.headers };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "The server does not answer. It may have ended, or be starting again.");
  }
  if (response.ok) return response;
  if (response.status === 401) for (const tell of unauthorised) tell();
  const body = (await response.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
  throw new ApiError(response.status, body?.error?.message ?? `The server answered with ${response.status}.`);
};

/** A query's text; what is undefined or empty is left out. */
export const query = (values: Readonly<Record<string, string | number | undefined>>): string => {
  const asked = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return asked.length === 0 ? "" : `?${new URLSearchParams(asked.map(([name, value]) => [name, String(value)]))}`;
};

export const get = async <Body>(path: string, signal?: AbortSignal): Promise<Body> =>
  (await (await request(path, signal === undefined ? {} : { signal })).json()) as Body;

const posting = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const post = async <Body>(path: string, body: object = {}): Promise<Body> =>
  (await (await request(path, posting(body))).json()) as Body;

/** The events of one request. */
export async function* postForEvents(path: string, body: object, signal: AbortSignal): AsyncGenerator<StreamEvent> {
  const { body: stream } = await request(path, { ...posting(body), signal });
  if (stream !== null) yield* eventsIn(stream);
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/**
 * Follows a stream that can be resumed: after a break it is asked for again from the last numbered event on, with pauses
 * that grow. Ends after `last`, and with a connection where `isOver`; `onBreak` says whether there is one.
 */
export async function* follow(
  path: string,
  {
    last,
    signal,
    onBreak,
    isOver,
  }: { last: string; signal: AbortSignal; onBreak: (isBroken: boolean) => void; isOver: () => boolean },
): AsyncGenerator<StreamEvent> {
  let after = "0";
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const { body } = await request(path, { headers: { "last-event-id": after }, signal });
      onBreak(false);
      wait = FIRST_WAIT_MS;
      for await (const event of eventsIn(body ?? new ReadableStream())) {
        if (event.type === "reset") after = "0";
        if (event.id !== undefined) after = event.id;
        yield event;
        if (event.type === last) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) throw error;
    }
    if (signal.aborted || isOver()) return;
    onBreak(true);
    await new Promise((next) => setTimeout(next, wait));
    wait = Math.min(LONGEST_WAIT_MS, wait * 2);
  }
}
