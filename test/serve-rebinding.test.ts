import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { chromiumArguments, chromiumPath } from "../scripts/chromium.ts";
import { closeServers, serveForTest, TOKEN } from "./serve-double.ts";

afterEach(closeServers);

const program = chromiumPath();
if (program === undefined)
  process.stderr.write("Rebinding is not tried in a browser: Chromium is not installed ($CHROMIUM_PATH names none).\n");

describe.skipIf(program === undefined)("a page whose name was bound to this machine", () => {
  it("reads nothing of the server, with the token too", { timeout: 120_000 }, async () => {
    const { url } = await serveForTest();
    const port = new URL(url).port;
    const profile = mkdtempSync(join(tmpdir(), "agentflow-rebinding-"));
    const browser = await chromium.launchPersistentContext(profile, {
      executablePath: program ?? "",
      args: [
        ...chromiumArguments,
        "--host-resolver-rules=MAP evil.example 127.0.0.1",
        // Older browsers ask no leave for local addresses: the server is what refuses.
        "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
      ],
    });
    try {
      const page = await browser.newPage();
      // What the other site sent while the name still led there; from now on it leads here.
      const attack = `http://evil.example:${port}/attack`;
      await page.route(attack, (route) => route.fulfill({ contentType: "text/html", body: "<p>a page</p>" }));
      const opened = await page.goto(`http://evil.example:${port}/`);
      expect(opened?.status()).toBe(403);
      expect(await opened?.text()).not.toContain("research");
      await page.goto(attack);
      const read = (from: string, how: object = {}): Promise<unknown> =>
        page.evaluate(
          ([address, init]) =>
            fetch(address, init as RequestInit).then(
              async (response) => [response.status, (await response.text()).includes("research")],
              () => "blocked",
            ),
          [from, how] as const,
        );
      const authorization = { headers: { authorization: `Bearer ${TOKEN}` } };
      for (const path of ["/v1/models", "/api/runs", "/healthz", "/openapi.json"]) {
        expect(await read(`http://evil.example:${port}${path}`, authorization), path).toEqual([403, false]);
        expect(await read(`${url}${path}`, authorization), path).toBe("blocked");
        expect(await read(`${url}${path}`), path).toBe("blocked");
      }
    } finally {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    }
  });
});
