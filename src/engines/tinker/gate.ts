/** Lets a growing number of requests be under way: a server that is new to the load is not met by all of it at once. */
export interface Gate {
  run<Result>(work: () => Promise<Result>, abortSignal?: AbortSignal): Promise<Result>;
}

const FIRST = 32;

/** At most `most` at once. Each that ends well lets one more in, until that. */
export const createGate = (most: number): Gate => {
  let width = Math.min(FIRST, most);
  let under = 0;
  const waiting: (() => void)[] = [];
  const admit = (): void => {
    while (under < width) {
      const next = waiting.shift();
      if (next === undefined) return;
      under += 1;
      next();
    }
  };
  const enter = (abortSignal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      abortSignal?.throwIfAborted();
      const give = (): void => {
        abortSignal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        const place = waiting.indexOf(give);
        if (place >= 0) waiting.splice(place, 1);
        reject(abortSignal?.reason);
      };
      abortSignal?.addEventListener("abort", leave, { once: true });
      waiting.push(give);
      admit();
    });
  return {
    run: async (work, abortSignal) => {
      await enter(abortSignal);
      try {
        const result = await work();
        width = Math.min(most, width + 1);
        return result;
      } finally {
        under -= 1;
        admit();
      }
    },
  };
};
