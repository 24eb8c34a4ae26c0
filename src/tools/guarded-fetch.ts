import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";
import { messageOf, ToolError } from "../errors.ts";
import { grantsHost } from "../grants.ts";
import { optionalPackage } from "../optional-package.ts";
import { callback, checked, count, number, type Rules, seconds, truth } from "../options.ts";
import type { ToolContext } from "../tool.ts";
import { isPublicAddress } from "./public-address.ts";

export interface GuardedFetchOptions {
  /** Of the whole fetch, redirects included. @default 20 */
  readonly timeoutSeconds?: number;
  /** Most bytes of a body, unpacked. @default 4 MiB */
  readonly maxBytes?: number;
  /** @default 5 */
  readonly maxRedirects?: number;
  /** Addresses of a host. @default the machine's resolver */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Lets loopback and private addresses through: for tests, and for an intranet that you trust the model with. @default false */
  readonly dangerouslyAllowPrivateAddresses?: boolean;
}

export interface Fetched {
  /** Where the body was in the end. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Fetches a page for a model: `GET` alone, and only from the public internet. */
export type GuardedFetch = (url: string, context: Pick<ToolContext, "abortSignal" | "grants">) => Promise<Fetched>;

const optionRules: Rules<GuardedFetchOptions> = {
  timeoutSeconds: seconds,
  maxBytes: count,
  maxRedirects: number({ whole: true, most: 100 }),
  resolve: callback,
  dangerouslyAllowPrivateAddresses: truth,
};

const addressesByName = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

const AGENT = "AgentFlow/0.1 (+tool web_page)";

/**
 * A fetch that cannot be used to reach into this machine or its network: http and https alone, no user names, and every
 * address is checked when the connection is made, after the name was resolved, on each redirect again. Size (unpacked),
 * time and redirects are bounded, and the solve's grants say which hosts may be asked. Throws `ToolError` for all of that.
 *
 * @example
 * ```ts
 * import { guardedFetch } from "agentflow/tools";
 *
 * const get = guardedFetch({ timeoutSeconds: 10 });
 * const { status, body } = await get("https://example.org/", { abortSignal: AbortSignal.timeout(20_000) });
 * console.log(status, body.length);
 * ```
 */
export const guardedFetch = (options: GuardedFetchOptions = {}): GuardedFetch => {
  checked("guardedFetch", options, optionRules);
  const { timeoutSeconds = 20, maxBytes = 4 * 2 ** 20, maxRedirects = 5, resolve = addressesByName } = options;
  const { dangerouslyAllowPrivateAddresses: open = false } = options;
  const guard = addressGuard(resolve, open);
  let opened: ReturnType<typeof openClient> | undefined;
  return async (url, { abortSignal, grants }) => {
    opened ??= openClient(guard, open);
    const request = await opened;
    const signal = AbortSignal.any([abortSignal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    let next = url;
    try {
      for (let hop = 0; hop <= maxRedirects; hop += 1) {
        const target = readUrl(next);
        const host = bareHost(target);
        if (!grantsHost(grants?.hosts, host)) throw new ToolError(`${host} may not be reached in this run (grants).`);
        if (!open && (await guard.isPublic(host)) === false) throw refusal(host);
        const reply = await request(target.href, {
          method: "GET",
          signal,
          headers: {
            "user-agent": AGENT,
            accept: "text/html,application/xhtml+xml,application/pdf,text/plain,application/json;q=0.9,*/*;q=0.5",
            "accept-encoding": "gzip, deflate, br",
          },
        });
        const location = headerOf(reply.headers, "location");
        if (reply.statusCode >= 300 && reply.statusCode < 400 && location !== undefined) {
          // Nothing reads it, so its end is not reported.
          reply.body.on("error", () => undefined).destroy();
          next = URL.canParse(location, target.href) ? new URL(location, target.href).href : location;
          continue;
        }
        return {
          url: target.href,
          status: reply.statusCode,
          contentType: headerOf(reply.headers, "content-type") ?? "",
          body: await bodyOf(reply.body, headerOf(reply.headers, "content-encoding"), maxBytes),
        };
      }
    } catch (error) {
      abortSignal.throwIfAborted();
      if (error instanceof ToolError) throw error;
      if (signal.aborted)
        throw new ToolError(`${clipped(url)} gave no page within ${timeoutSeconds} seconds.`, { retryable: true });
      const inner = error instanceof Error && error.cause instanceof ToolError ? error.cause : error;
      if (inner instanceof ToolError) throw inner;
      throw new ToolError(`${clipped(url)} cannot be fetched: ${messageOf(error) || "the connection failed"}.`, {
        retryable: true,
      });
    }
    throw new ToolError(`${clipped(url)} redirects more than ${maxRedirects} times.`);
  };
};

const clipped = (url: string): string => (url.length > 200 ? `${url.slice(0, 200)}…` : url);

const refusal = (host: string): ToolError =>
  new ToolError(
    `${clipped(host)} is not on the public internet: addresses of this machine and its network cannot be fetched.`,
  );

const readUrl = (text: string): URL => {
  if (!URL.canParse(text))
    throw new ToolError(`"${clipped(text)}" is not an address: give one such as https://example.org/page.`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ToolError(`${url.protocol} addresses cannot be fetched: accepted are http: and https:.`);
  if (url.username !== "" || url.password !== "")
    throw new ToolError("The address holds a user name or a password: give it without.");
  if (url.hostname === "") throw new ToolError(`"${clipped(text)}" names no host.`);
  return url;
};

const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");

/** What decides about addresses: by their spelling, and by what their names resolve to. */
export interface AddressGuard {
  /** Undefined for a name, whose addresses are not known yet. */
  isPublic(host: string): Promise<boolean | undefined>;
  /** The addresses of a host, all of them public. Throws `ToolError`. */
  addressesOf(host: string): Promise<readonly string[]>;
  /** What a fetch of this address would connect to. Throws `ToolError` for what is not fetched. */
  admit(url: string): Promise<readonly string[]>;
}

/** Only public unicast addresses pass; of a name all of its addresses have to. */
export const addressGuard = (resolve: (host: string) => Promise<readonly string[]>, open = false): AddressGuard => {
  const addressesOf = async (host: string): Promise<readonly string[]> => {
    const addresses = await resolve(host);
    if (addresses.length === 0) throw new ToolError(`There is no host ${clipped(host)}.`);
    // One private address among public ones is as bad: which one is taken is not ours to say.
    for (const address of addresses) if (!open && (await isPublicAddress(address)) !== true) throw refusal(host);
    return addresses;
  };
  return {
    isPublic: isPublicAddress,
    addressesOf,
    admit: async (text) => {
      const host = bareHost(readUrl(text));
      const known = await isPublicAddress(host);
      if (known === undefined) return addressesOf(host);
      if (!known && !open) throw refusal(host);
      return [host];
    },
  };
};

/** undici's client, whose connections are made to addresses that the guard admits, whatever was resolved before. */
const openClient = async (guard: AddressGuard, open: boolean) => {
  const undici = await optionalPackage("undici", () => import("undici"));
  const lookUp: LookupFunction = (host, options, done) => {
    guard.addressesOf(host).then(
      (addresses) => {
        const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
        if (options.all === true) done(null, all);
        else done(null, all[0]?.address ?? "", all[0]?.family);
      },
      (error: NodeJS.ErrnoException) => done(error, ""),
    );
  };
  const connector = undici.buildConnector({ lookup: lookUp, timeout: 10_000 });
  const agent = new undici.Agent({
    connect: (options, done) =>
      connector(options, (...[error, socket]) => {
        if (error !== null || !socket) return done(error ?? new Error("The connection failed."), null);
        guard.isPublic(socket.remoteAddress ?? "").then(
          (reached) => {
            if (open || reached === true) return done(null, socket);
            socket.destroy();
            done(refusal(socket.remoteAddress ?? "The address"), null);
          },
          (failure: Error) => done(failure, null),
        );
      }),
    connections: 8,
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
    maxHeaderSize: 32_768,
  });
  return (url: string, options: Parameters<typeof undici.request>[1]) =>
    undici.request(url, { ...options, dispatcher: agent });
};

const headerOf = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
): string | undefined => {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
};

/** What unpacks a body, by its name in `content-encoding` and its first byte. */
const unpackers: Readonly<Record<string, (first: number) => Duplex>> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  // Many servers send it without the header of zlib, whose low half of the first byte is 8.
  deflate: (first) => ((first & 0x0f) === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
};

/** The body, unpacked. What grows beyond the limit while it is unpacked is dropped with an error. */
const bodyOf = async (body: Readable, encoding: string | undefined, most: number): Promise<Buffer> => {
  const names = (encoding ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const packings = names.filter((name) => name !== "" && name !== "identity").reverse();
  const unknown = packings.find((name) => !Object.hasOwn(unpackers, name));
  if (unknown !== undefined || packings.length > MOST_PACKINGS)
    throw new ToolError(`The page is packed as ${(encoding ?? "").slice(0, 100)}, which cannot be read.`);
  let unpacked = await collected(body, most);
  for (const name of packings) {
    const [first] = unpacked;
    const unpack = first === undefined ? undefined : unpackers[name]?.(first);
    // Nothing, packed, is nothing.
    if (unpack === undefined) break;
    unpack.end(unpacked);
    unpacked = await collected(unpack, most);
  }
  return unpacked;
};

const MOST_PACKINGS = 3;

const collected = async (stream: Readable | Duplex, most: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      size += (chunk as Buffer).length;
      if (size > most) throw new ToolError(`The page is larger than ${most} bytes, unpacked; it was not read.`);
      chunks.push(chunk as Buffer);
    }
  } finally {
    stream.destroy();
  }
  return Buffer.concat(chunks);
};
