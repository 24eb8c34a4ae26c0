/** Where the dashboard is: logged in with a token, which browsers keep to themselves in this part of an address. */
export const pageAddress = (url: string, token?: string): string =>
  `${url}/${token === undefined ? "" : `#token=${token}`}`;

/** Settles with the first signal to end; the second one ends the process as it always does. */
export const endAsked = (): Promise<void> =>
  new Promise((end) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => end());
  });
