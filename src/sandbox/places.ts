/** Places that are taken and given back, first come, first served. */
export interface Places<Place> {
  /** Waits for a free place; rejects with the signal's reason when it is aborted first. */
  take(abortSignal?: AbortSignal): Promise<Place>;
  giveBack(place: Place): void;
}

export const placesOf = <Place>(all: readonly Place[]): Places<Place> => {
  const free = [...all];
  const waiting = new Set<(place: Place) => void>();
  return {
    take: async (abortSignal) => {
      abortSignal?.throwIfAborted();
      const place = free.shift();
      if (place !== undefined) return place;
      return new Promise<Place>((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(enter);
          reject(abortSignal?.reason);
        };
        const enter = (given: Place): void => {
          abortSignal?.removeEventListener("abort", leave);
          resolve(given);
        };
        waiting.add(enter);
        abortSignal?.addEventListener("abort", leave, { once: true });
      });
    },
    giveBack: (place) => {
      const [next] = waiting;
      if (next === undefined) free.push(place);
      else {
        waiting.delete(next);
        next(place);
      }
    },
  };
};
