/**
 * Applies a function to all items, at most `limit` at a time, started in order. Results stand at their item's place,
 * whatever order they finish in. After a failure nothing new starts; it is thrown once everything under way has ended.
 *
 * @example
 * ```ts
 * import { mapConcurrently } from "agentflow/train";
 *
 * const lengths = await mapConcurrently(["a", "bcd"], 2, async (text) => text.length);
 * ```
 */
export const mapConcurrently = async <Item, Result>(
  items: readonly Item[],
  limit: number,
  run: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const index = next;
      next += 1;
      try {
        results[index] = await run(items[index] as Item, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, items.length)) }, work));
  if (failure !== undefined) throw failure.error;
  return results;
};

/** Runs work at most `limit` at a time, begun in the order in which it was given. */
export const limited = (limit: number): (<Result>(work: () => Promise<Result>) => Promise<Result>) => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= limit) await new Promise<void>((begin) => waiting.push(begin));
    else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // Its place goes to the next one in the queue.
      if (next === undefined) running -= 1;
      else next();
    }
  };
};
