/**
 * A thousand chats at once over HTTP, half of them streamed, each of several calls that take 100 ms: none fails, each gets
 * its own answer, and server and event loop stay within their limits.
 *
 *   npm run check:chats [-- --n 1000]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { Agent, request } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Check, type Counted, runAsScript } from "./checks/check.ts";

const MOST_SECONDS = 15;
const MOST_MEGABYTES = 600;
const MOST_DELAY_MS = 100;
const TOKEN = "a-token-for-checks-0123456789";

const here = dirname(fileURLToPath(import.meta.url));
const built = await mkdtemp(join(here, "../dist/.chats-"));
await build({
  entryPoints: [join(here, "checks/chats/server.ts")],
  outfile: join(built, "server.mjs"),
  bundle: true,
  packages: "external",
  // The package as it is built, not its sources.
  tsconfigRaw: {},
  platform: "node",
  format: "esm",
  logLevel: "error",
});
process.once("exit", () => rmSync(built, { recursive: true, force: true }));

interface Figures {
  readonly megabytes: number;
  readonly delayMs: number;
  readonly longestMs: number;
  readonly processorSeconds: number;
  readonly modelCalls: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

const chat = (url: string, i: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({
      model: "research",
      messages: [{ role: "user", content: `What is known of city-${i}?` }],
      stream: i % 2 === 0,
    });
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const sent = request(`${url}/v1/chat/completions`, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(/"content":"(city[^"]*)"/.exec(text)?.[1] ?? `${response.statusCode}: ${text}`));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });

const chats = async (n: number, kind: "own" | "shared"): Promise<Counted> => {
  const server = fork(join(built, "server.mjs"), [TOKEN, kind], { execArgv: [] });
  const [{ url }] = (await once(server, "message")) as [{ readonly url: string }];
  try {
    const alone = await chat(url, n);
    const begun = performance.now();
    const answers = await Promise.all(
      Array.from({ length: n }, (_, i) => chat(url, i).catch((error: unknown) => String(error))),
    );
    const seconds = (performance.now() - begun) / 1000;
    server.send("figures");
    const [{ megabytes, delayMs, longestMs, processorSeconds, modelCalls }] = (await once(server, "message")) as [
      Figures,
    ];
    const wrong = answers.filter((answer, i) => answer !== alone.replace(/city-\d+/, `city-${i}`));
    const excesses = [seconds > MOST_SECONDS, megabytes > MOST_MEGABYTES, delayMs > MOST_DELAY_MS];
    const figures =
      `${n} chats at once, ${(modelCalls / (n + 1)).toFixed(0)} calls of a model each: ${wrong.length} wrong, ` +
      `${seconds.toFixed(1)} s (at most ${MOST_SECONDS}), ${megabytes.toFixed(0)} MB (at most ${MOST_MEGABYTES}), ` +
      `event loop p99 ${delayMs.toFixed(0)} ms (at most ${MOST_DELAY_MS}; the longest wait ${longestMs.toFixed(0)} ms), ${processorSeconds.toFixed(1)} s of processor time`;
    return {
      n,
      failed: wrong.length + excesses.filter(Boolean).length,
      lines: [figures, ...wrong.slice(0, 3).map((answer) => `wrong: ${answer}`)],
    };
  } finally {
    server.disconnect();
  }
};

export const check: Check = {
  name: "chats",
  n: 1000,
  brokenN: 50,
  run: ({ n, broken }) => chats(n, broken ? "shared" : "own"),
};

await runAsScript(check, import.meta.url);
