import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../errors.ts";
import { RequestError } from "./request-error.ts";

/** Shortest token that is accepted, in characters. */
const SHORTEST_TOKEN = 16;

/** Who may ask: a request has to name this server, come from no other site, and bring the token. */
export interface Access {
  /** Throws `RequestError` 403 for another Host or Origin: a page whose name was bound to this address has neither. */
  requirePlace(request: Request): void;
  /** Whether the request brings the token. */
  hasToken(request: Request): boolean;
  /** Throws `RequestError` 401 without the token. */
  requireToken(request: Request): void;
}

/**
 * Checks of Host, Origin and token. A host is `name:port`, or `name` for that name on any port. Throws `ConfigError` for a
 * token that can be guessed.
 */
export const accessOf = (token: string, hosts: readonly string[]): Access => {
  if (token.length < SHORTEST_TOKEN || /\s/.test(token))
    throw new ConfigError(
      `The token has ${token.length} characters: accepted are ${SHORTEST_TOKEN} or more, without white space.`,
    );
  const expected = digestOf(token);
  const known = new Set(hosts.map((host) => host.toLowerCase()));
  const isHere = (host: string): boolean => known.has(host) || known.has(host.replace(/:\d{1,5}$/, ""));
  const hasToken = (request: Request): boolean => {
    const given = /^Bearer ([^\s]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // Of digests, so that neither place nor length of a difference shows in the time.
    return given !== undefined && timingSafeEqual(digestOf(given), expected);
  };
  return {
    requirePlace: (request) => {
      const host = (request.headers.get("host") ?? new URL(request.url).host).toLowerCase();
      if (!isHere(host))
        throw new RequestError(403, `The Host ${JSON.stringify(host.slice(0, 100))} is not this server's.`, {
          code: "wrong_host",
        });
      const origin = request.headers.get("origin");
      const site = request.headers.get("sec-fetch-site");
      const isSame = origin === null || origin === `http://${host}` || origin === `https://${host}`;
      if (!isSame || site === "cross-site" || site === "same-site")
        throw new RequestError(403, "Pages of another origin may not ask this server.", { code: "wrong_origin" });
    },
    hasToken,
    requireToken: (request) => {
      if (hasToken(request)) return;
      throw new RequestError(
        401,
        "The token is missing or wrong: send Authorization: Bearer <the token that was printed at the start>.",
        { code: "invalid_api_key" },
      );
    },
  };
};

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();
