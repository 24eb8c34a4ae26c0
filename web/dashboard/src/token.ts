const KEY = "agentflow-token";

/** The token of this tab's session. */
export const token = (): string | undefined => sessionStorage.getItem(KEY) ?? undefined;
export const keepToken = (value: string): void => sessionStorage.setItem(KEY, value);
export const dropToken = (): void => sessionStorage.removeItem(KEY);

/** Moves the token of an address such as `/#token=…` into the session, and takes it out of the address and the history. */
export const takeTokenFromAddress = (): void => {
  const found = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (found === undefined) return;
  keepToken(decodeURIComponent(found));
  history.replaceState(null, "", `${location.pathname}#/`);
};
