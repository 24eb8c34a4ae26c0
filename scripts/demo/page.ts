/** The built page in Chromium: a static server on loopback that sends files as they are, and a tab. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { chromiumArguments } from "../chromium.ts";

const dist = join(import.meta.dirname, "../../web/demo/dist");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

export interface DemoTab extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Bytes of all bodies that the server sent. */
  transferred(): number;
  /** From now on nothing answers. */
  goOffline(): Promise<void>;
  readonly address: string;
  /** Processor time of the whole browser until now, in seconds; undefined where there is no /proc. */
  processorSeconds(): number | undefined;
}

/** Ticks of a second in /proc. */
const TICKS = 100;

/** Of all processes that name a profile in their command line. */
const processorSeconds = (profile: string): number | undefined => {
  if (!existsSync("/proc/self/stat")) return undefined;
  let ticks = 0;
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      if (!readFileSync(`/proc/${id}/cmdline`, "utf8").includes(profile)) continue;
      const fields = readFileSync(`/proc/${id}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  return ticks / TICKS;
};

export interface TabOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: "light" | "dark";
}

/** Opens the page's folder, as a plain static host would serve it, in a new Chromium. */
export const openDemo = async (
  executablePath: string,
  { width = 1280, height = 800, colorScheme = "light" }: TabOptions = {},
): Promise<DemoTab> => {
  let sent = 0;
  const server = createServer(async ({ url = "/" }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname)).replace(/\/$/, "/index.html");
    try {
      const body = await readFile(join(dist, path));
      sent += body.length;
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const profile = await mkdtemp(join(tmpdir(), "demo-chromium-"));
  const close = (): Promise<void> =>
    new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width, height },
    colorScheme,
    acceptDownloads: true,
    args: [...chromiumArguments],
  });
  let closed = false;
  return {
    page: context.pages()[0] ?? (await context.newPage()),
    context,
    address,
    transferred: () => sent,
    processorSeconds: () => processorSeconds(profile),
    goOffline: async () => {
      closed = true;
      await close();
      await context.setOffline(true);
    },
    [Symbol.asyncDispose]: async () => {
      await context.close();
      if (!closed) await close();
      await rm(profile, { recursive: true, force: true });
    },
  };
};
