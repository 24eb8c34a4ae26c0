import { Agent, request } from "node:http";
import type { ListeningServer } from "agentflow/server";
import { listen } from "agentflow/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chatBody, cityFlow, closeServers, scratchFolder, serveForTest, TOKEN } from "./serve-double.ts";

interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

/** A request with any headers, which fetch does not let one set. */
const raw = (
  { url }: ListeningServer,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
): Promise<Got> =>
  new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { method, headers, setHost: false, agent }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    asked.on("error", reject);
    asked.end(method === "POST" ? JSON.stringify(chatBody) : undefined);
  });

let server: ListeningServer;
let port: string;
beforeAll(async () => {
  server = await serveForTest();
  port = new URL(server.url).port;
}, 120_000);
afterAll(async () => {
  agent.destroy();
  await closeServers();
});

describe("who may ask", () => {
  it("is who names this server, comes from no other site and brings the token: all combinations", async () => {
    const own = [`127.0.0.1:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`];
    const foreign = [
      ...[`evil.example:${port}`, "127.0.0.1", "localhost:1", `127.0.0.1.nip.io:${port}`, `0.0.0.0:${port}`],
      ...[`localhost.:${port}`, `127.0.0.1:${port}.evil.example`, `evil@127.0.0.1:${port}`],
    ];
    const tokens: readonly (readonly [string | undefined, boolean])[] = [
      [undefined, false],
      [`Bearer ${TOKEN}`, true],
      [`Bearer ${TOKEN}x`, false],
      [`Bearer ${TOKEN.slice(1)}`, false],
      [`Basic ${TOKEN}`, false],
    ];
    const paths = ["/v1/models", "/v1/chat/completions", "/healthz", "/nothing"];
    let asked = 0;
    let served = 0;
    for (const host of [...own, ...foreign]) {
      const origins: readonly (readonly [string | undefined, boolean])[] = [
        [undefined, true],
        [`http://${host.toLowerCase()}`, true],
        ["http://evil.example", false],
        ["null", false],
        ["http://localhost:1", false],
      ];
      for (const [origin, isSame] of origins)
        for (const [token, isRight] of tokens)
          for (const path of paths)
            for (const method of ["GET", "POST", "OPTIONS"]) {
              const got = await raw(server, path, method, {
                host,
                "content-type": "application/json",
                ...(origin !== undefined && { origin }),
                ...(token !== undefined && { authorization: token }),
              });
              asked += 1;
              const isHere = own.includes(host) && isSame;
              const isOpen = path === "/healthz" && method === "GET";
              const place = `${method} ${path} Host ${host} Origin ${origin} token ${token}`;
              // What is not even a name is refused by the listener.
              if (!isHere) expect([400, 403], place).toContain(got.status);
              else if (!isOpen && !isRight) expect(got.status, place).toBe(401);
              else expect([200, 400, 404], place).toContain(got.status);
              if (got.status === 200) served += 1;
              // Without the place or the token nothing of the server shows.
              if (got.status === 403 || got.status === 401) expect(got.body).not.toContain("research");
              expect(Object.keys(got.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
            }
    }
    expect(asked).toBe(11 * 5 * 5 * 4 * 3);
    // Of three hosts and two origins: the models, a chat, and /healthz with any token.
    expect(served).toBe(3 * 2 * (2 + 5));
  });

  it("sees what a page of the same machine would send as another site", async () => {
    const headers = { host: `localhost:${port}`, authorization: `Bearer ${TOKEN}` };
    for (const [site, status] of [
      ["same-origin", 200],
      ["none", 200],
      ["same-site", 403],
      ["cross-site", 403],
    ] as const)
      expect((await raw(server, "/v1/models", "GET", { ...headers, "sec-fetch-site": site })).status).toBe(status);
  });

  it("is not told by /healthz what it may not know", async () => {
    const host = `127.0.0.1:${port}`;
    const open = await raw(server, "/healthz", "GET", { host });
    expect(JSON.parse(open.body)).toEqual({ status: "ok" });
    const known = await raw(server, "/healthz", "GET", { host, authorization: `Bearer ${TOKEN}` });
    expect(JSON.parse(known.body)).toMatchObject({
      status: "ok",
      checks: [{ name: "disk", problem: null }, { name: "solves" }],
    });
  });

  it("needs a token that cannot be guessed, and beyond loopback a name", async () => {
    const flows = { research: { flow: cityFlow() } };
    await expect(listen({ flows, token: "short", folder: scratchFolder(), port: 0 })).rejects.toThrow(/token/);
    await expect(listen({ flows, token: TOKEN, folder: scratchFolder(), port: 0, host: "0.0.0.0" })).rejects.toThrow(
      /allow-host/,
    );
  });
});
