/**
 * A module that is loaded with its first use; from then on it is there at once. What is loaded so exports nothing public: a
 * bundle of `createFlow` leaves it out then (`test/bundle-size.test.ts`).
 */
export const onDemand = <Loaded>(
  load: () => Promise<Loaded>,
): (<Result>(use: (loaded: Loaded) => Result) => Result | Promise<Awaited<Result>>) => {
  let loaded: Loaded | undefined;
  return (use) => {
    if (loaded !== undefined) return use(loaded);
    return load().then(async (module) => {
      loaded = module;
      return use(module);
    }) as Promise<Awaited<ReturnType<typeof use>>>;
  };
};
