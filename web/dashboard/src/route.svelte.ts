import { takeTokenFromAddress } from "./token.ts";

/** Where the page is, from the address: `#/runs/<id>?step=3` has the parts `runs` and `<id>`. */
export interface Place {
  readonly parts: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const placeOf = (hash: string): Place => {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  return {
    parts: path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
};

// Before the address is read: a token in it must not stay there, nor in the history, and is not a page.
takeTokenFromAddress();
let place = $state.raw<Place>(placeOf(location.hash));
addEventListener("hashchange", () => {
  place = placeOf(location.hash);
});

export const here = (): Place => place;

/** An address within the page; what is undefined or empty stays out of the query. */
export const to = (
  parts: readonly (string | number)[],
  query: Readonly<Record<string, string | number | undefined>> = {},
): string => {
  const asked = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return `#/${parts.map((part) => encodeURIComponent(part)).join("/")}${text === "" ? "" : `?${text}`}`;
};

/** Changes the query and nothing else, without an entry in the history. */
export const replaceQuery = (query: Readonly<Record<string, string | number | undefined>>): void => {
  history.replaceState(null, "", to(place.parts, { ...place.query, ...query }));
  place = placeOf(location.hash);
};

export const go = (address: string): void => {
  location.hash = address;
};
