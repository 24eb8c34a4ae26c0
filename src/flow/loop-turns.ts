/** Gives a piece of work its turn: at once where the event loop has time for it. */
export type TakeTurn = (run: () => void) => void;

/** In a later turn of the event loop. Browsers have no `setImmediate`. */
const later = (run: () => void): void => {
  if (typeof setImmediate === "undefined") setTimeout(run);
  else setImmediate(run);
};

/** How long pieces of work run after one another before others than they get their turn. */
const SLICE_MS = 5;
/** Pieces of work that waited and run in one turn of the event loop. */
const A_TURN = 4;

/**
 * Shares the event loop among solves that could all continue at the same moment, such as a thousand whose models have replied:
 * what runs longer than a slice is put off to later turns of the loop, first come, first served, with sockets and timers in
 * between.
 */
export const loopTurns = (): TakeTurn => {
  const waiting: (() => void)[] = [];
  let ends: number | undefined;
  const begin = (): number => {
    later(turn);
    ends = performance.now() + SLICE_MS;
    return ends;
  };
  const turn = (): void => {
    ends = undefined;
    const due = waiting.splice(0, A_TURN);
    if (due.length > 0) begin();
    for (const run of due) run();
  };
  return (run) => {
    if (performance.now() < (ends ?? begin()) && waiting.length === 0) run();
    else waiting.push(run);
  };
};
