/** A hostile text, and the way in that it takes. */
export interface Entrance {
  readonly name: string;
  readonly text: string | Uint8Array;
  /** Deadline; what has none of its own has to end by itself. */
  readonly seconds: number;
  /** Settles either way: that it throws is fine. */
  run(abortSignal: AbortSignal): Promise<unknown>;
}

export interface Held {
  /** Longest time without a turn of the event loop, in milliseconds. */
  readonly held: number;
  /** Time until it settled. */
  readonly took: number;
  readonly outcome: string;
}

const TICK = 5;

const once = async ({ run, seconds }: Entrance): Promise<Held> => {
  let held = 0;
  let last = performance.now();
  const begin = last;
  const turn = (): void => {
    const now = performance.now();
    held = Math.max(held, now - last - TICK);
    last = now;
  };
  const timer = setInterval(turn, TICK);
  const deadline = new AbortController();
  const end = setTimeout(() => deadline.abort(new Error("the deadline")), 1000 * seconds);
  let outcome = "ok";
  try {
    await run(deadline.signal);
  } catch (error) {
    outcome = String(error).slice(0, 110);
  } finally {
    turn();
    clearInterval(timer);
    clearTimeout(end);
  }
  return { held, took: performance.now() - begin, outcome };
};

/** Runs an entrance; up to three times while it seems to hold the event loop, for other processes take turns away as well. */
export const measure = async (entrance: Entrance, most: number, tries = 3): Promise<Held> => {
  let best = await once(entrance);
  for (let i = 1; i < tries && (best.held > most || best.took > 1000 * (entrance.seconds + 1)); i += 1) {
    const next = await once(entrance);
    best = { ...next, held: Math.min(best.held, next.held), took: Math.min(best.took, next.took) };
  }
  return best;
};
