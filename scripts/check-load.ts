/**
 * A thousand rollouts in flight in one process, against a server on loopback: none is lost, none gets another's sample, a
 * request costs the client less than 1 ms of processor time, and the client takes less than 200 MB. And our own server with
 * 64 samples at once over 10,000 requests: the same request is the same sample each time, and its memory stays where it was.
 *
 *   npm run check:load [-- --n 1000]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Check, type Counted, runAsScript } from "./checks/check.ts";
import type { ClientFigures, ClientOptions } from "./checks/load/client.ts";

const MOST_MS = 1;
const MOST_MEGABYTES = 200;
/** What a server may grow by over the second half of its requests. */
const MOST_GROWTH = 40;

/** Both sides as plain JavaScript: what runs TypeScript would take more memory than they do. */
const here = dirname(fileURLToPath(import.meta.url));
const built = await mkdtemp(join(here, "../node_modules/.agentflow-load-"));
await build({
  entryPoints: ["client", "server"].map((name) => join(here, `checks/load/${name}.ts`)),
  outdir: built,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  logLevel: "error",
});
process.once("exit", () => rmSync(built, { recursive: true, force: true }));

const childOf = (name: string, argument = ""): ChildProcess =>
  fork(join(built, `${name}.mjs`), [argument], { execArgv: [] });

const messageFrom = async <Message>(child: ChildProcess): Promise<Message> => {
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`A process ended with ${code}.`)));
  const [message] = await Promise.race([once(child, "message"), ended]);
  return message as Message;
};

const clientRun = async (options: ClientOptions): Promise<ClientFigures> => {
  const client = childOf("client");
  client.send(options);
  return messageFrom<ClientFigures>(client);
};

const memoryOf = async (server: ChildProcess): Promise<number> => {
  server.send("memory");
  return (await messageFrom<{ readonly megabytes: number }>(server)).megabytes;
};

/** A server in a process of its own, for as long as the work takes. */
const withServer = async <Result>(
  kind: "double" | "ours",
  work: (url: string, server: ChildProcess) => Promise<Result>,
): Promise<Result> => {
  const server = childOf("server", kind);
  try {
    const { url } = await messageFrom<{ readonly url: string }>(server);
    return await work(url, server);
  } finally {
    server.disconnect();
  }
};

const inWords = (what: string, f: ClientFigures): string =>
  `${what}: ${f.mostAtOnce} at once, ${f.requests} requests in ${f.seconds.toFixed(1)} s, ${f.lost} lost, ${f.mixedUp} mixed up, ` +
  `${(f.processorMs / f.requests).toFixed(2)} ms of processor time a request, ${f.megabytes.toFixed(0)} MB (${f.megabytesBefore.toFixed(0)} before the first request), event loop p99 ${f.delayMs.toFixed(0)} ms`;

const faultsOf = (f: ClientFigures): number =>
  f.lost + f.mixedUp + Number(f.processorMs / f.requests >= MOST_MS) + Number(f.megabytes >= MOST_MEGABYTES);

const manyRollouts = (n: number, broken: boolean): Promise<Counted> =>
  withServer("double", async (url) => {
    const of = { url, rollouts: n, turns: 3, atOnce: n, promptTokens: 2000, echoes: true, broken };
    const figures = await clientRun(of);
    const tooFew = Number(figures.mostAtOnce < n);
    return { n, failed: faultsOf(figures) + tooFew, lines: [inWords(`${n} rollouts of 3 turns`, figures)] };
  });

const ourServer = (samples: number): Promise<Counted> =>
  withServer("ours", async (url, server) => {
    const of = { url, turns: 1, atOnce: 64, promptTokens: 20, echoes: false, broken: false };
    const first = await clientRun({ ...of, rollouts: samples / 2 });
    const half = await memoryOf(server);
    const second = await clientRun({ ...of, rollouts: samples / 2 });
    const growth = (await memoryOf(server)) - half;
    const failed = faultsOf(first) + faultsOf(second) + Number(growth > MOST_GROWTH);
    const memory = `our server: ${half.toFixed(0)} MB after ${samples / 2} samples, ${growth.toFixed(0)} MB more after ${samples}`;
    return {
      n: samples,
      failed,
      lines: [inWords("our server, first half", first), inWords("our server, second half", second), memory],
    };
  });

export const check: Check = {
  name: "load",
  n: 1000,
  // The variant without the guard sends by `fetch`.
  brokenN: 250,
  run: async ({ n, broken }) => {
    const rollouts = await manyRollouts(n, broken);
    if (broken) return rollouts;
    const served = await ourServer(10 * n);
    return {
      n: rollouts.n + served.n,
      failed: rollouts.failed + served.failed,
      lines: [...rollouts.lines, ...served.lines],
    };
  },
};

await runAsScript(check, import.meta.url);
