/**
 * R9: the fetcher reaches nothing but the public internet. Hostile addresses of every spelling, redirects and resolvers
 * that lie; a listener on loopback records whatever arrives. Harmless addresses pass the guard.
 *
 *   npm run check:fetch [-- --n 250 --seed 7]
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { addressGuard, guardedFetch } from "../src/tools/guarded-fetch.ts";
import { type Check, runAsScript } from "./checks/check.ts";

/** Spellings of addresses that are not public, each with the port of the listener. */
const hostile = (port: number): string[] => {
  const ipv4 = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "0x7f.1",
    "127.0.0.1.",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.1",
    "224.0.0.1",
    "255.255.255.255",
    "127。0。0。1",
    "127．0．0．1",
    "１２７.０.０.１",
  ];
  const ipv6 = [
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "fe80::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2002:7f00:1::",
    "2001:db8::1",
    "0:0:0:0:0:0:0:1",
    "::127.0.0.1",
    "2001::7f00:1",
    "::ffff:0:127.0.0.1",
  ];
  const names = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "private.test",
    "metadata.test",
    "rebind.test",
    "mixed.test",
    "ｌocalhost",
  ];
  const hosts = [...ipv4, ...ipv6.map((address) => `[${address}]`), ...names];
  const schemes = [
    "file:///etc/passwd",
    "data:text/html,hello",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1/",
    "javascript:alert(1)",
    "blob:null/1",
    "about:blank",
    "http:",
    "//127.0.0.1/",
    "",
    " ",
    "http://",
    "dict://127.0.0.1:11211/",
    "unix:/var/run/docker.sock",
  ];
  return [
    ...hosts.map((host) => `http://${host}:${port}/`),
    ...hosts.map((host) => `https://${host}:${port}/secret?x=1#y`),
    ...hosts.map((host) => `http://user:key@${host}:${port}/`),
    ...hosts.slice(0, 40).map((host) => `http://example.org@${host}:${port}/`),
    ...schemes,
  ];
};

const PUBLIC = "93.184.216.34";
const harmless = Array.from({ length: 50 }, (_, i) =>
  i % 5 === 0
    ? `https://[2606:2800:220:1::${(i + 1).toString(16)}]/`
    : i % 5 === 1
      ? `http://8.8.${i}.8/page`
      : `https://site-${i}.example.org/page?id=${i}`,
);

/** A resolver that lies as attackers' resolvers do. */
const liar = (): ((host: string) => Promise<string[]>) => {
  let asked = 0;
  return async (host) => {
    if (host === "rebind.test") return [asked++ % 2 === 0 ? PUBLIC : "127.0.0.1"];
    if (host === "mixed.test") return [PUBLIC, "127.0.0.1"];
    if (host === "metadata.test") return ["169.254.169.254"];
    if (host === "empty.test") return [];
    return host.endsWith(".example.org") ? [PUBLIC] : ["127.0.0.1"];
  };
};

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return (server.address() as AddressInfo).port;
};

export const check: Check = {
  name: "fetch",
  n: 250,
  brokenN: 40,
  run: async ({ n, broken }) => {
    const failures: string[] = [];
    let packets = 0;
    const sink = createServer((_, response) => response.end("secret"));
    sink.on("connection", () => {
      packets += 1;
    });
    const port = await listen(sink);
    // A page that is allowed, for redirects and bodies: it alone may be reached, by its own fetcher.
    const target = { value: "" };
    const helper = createServer((request, response) => {
      const hops = Number(/^\/hop\/(\d)$/.exec(request.url ?? "")?.[1] ?? Number.NaN);
      if (hops > 0) response.writeHead(302, { location: hops === 1 ? target.value : `/hop/${hops - 1}` }).end();
      else if (request.url === "/bomb")
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50 * 2 ** 20)));
      else if (request.url === "/slow") response.writeHead(200).write("x");
      else response.end("fine");
    });
    const helperPort = await listen(helper);
    const context = { abortSignal: new AbortController().signal };
    try {
      const guard = addressGuard(liar());
      const fetchGuarded = guardedFetch({
        resolve: liar(),
        timeoutSeconds: 2,
        dangerouslyAllowPrivateAddresses: broken,
      });
      const urls = hostile(port).slice(0, broken ? 40 : Math.max(20, n - harmless.length));
      for (const url of urls) {
        const before = packets;
        const text = await fetchGuarded(url, context).then(
          ({ body }) => body.toString(),
          () => undefined,
        );
        if (text !== undefined || packets > before) failures.push(`reached: ${url}`);
      }
      if (!broken) {
        for (const url of harmless)
          await guard.admit(url).catch((error: unknown) => failures.push(`refused: ${url} (${String(error)})`));
        // A public page that redirects inside: the helper stands for it, so only the last hop is hostile.
        const viaHelper = guardedFetch({
          timeoutSeconds: 2,
          maxBytes: 2 ** 20,
          dangerouslyAllowPrivateAddresses: true,
        });
        for (let hops = 1; hops <= 6; hops += 1) {
          target.value = `http://user@127.0.0.1:${port}/`;
          const before = packets;
          const reached = await viaHelper(`http://127.0.0.1:${helperPort}/hop/${hops}`, context).then(
            () => true,
            () => false,
          );
          if (reached || packets > before) failures.push(`followed ${hops} redirects to a refused address`);
        }
        for (const path of ["/bomb", "/slow"])
          if (
            await viaHelper(`http://127.0.0.1:${helperPort}${path}`, context).then(
              () => true,
              () => false,
            )
          )
            failures.push(`read ${path}`);
        const fine = await viaHelper(`http://127.0.0.1:${helperPort}/`, context);
        if (fine.body.toString() !== "fine") failures.push("did not read what is harmless");
      }
      return {
        n: urls.length + (broken ? 0 : harmless.length + 9),
        failed: failures.length,
        lines: [
          `${urls.length} hostile addresses: ${packets} connections to the listener; ${harmless.length} harmless ones`,
          ...failures.slice(0, 10),
        ],
      };
    } finally {
      for (const server of [sink, helper]) {
        server.close();
        server.closeAllConnections();
      }
    }
  },
};

await runAsScript(check, import.meta.url);
