/**
 * Gives timers, signals and other work their turn in the middle of long work: waits for them once `every` units are
 * done. What a unit is (a byte, a row) the caller says.
 */
export const pacer = (every: number): ((units: number) => Promise<void>) => {
  let done = 0;
  return async (units) => {
    done += units;
    if (done < every) return;
    done = 0;
    await new Promise((resume) => setImmediate(resume));
  };
};
