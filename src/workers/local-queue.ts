import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { ConfigError, EngineError, messageOf } from "../errors.ts";
import { checked, type Rules, seconds } from "../options.ts";
import { readMessage } from "./message.ts";
import { LONGEST_ANSWER_SECONDS, type RolloutQueue, type WorkerLink } from "./queue.ts";

/** Says in a run's folder where its workers meet it. */
const QUEUE_FILE = ".queue.json";

const LONGEST_MESSAGE = 64 * 2 ** 20;

interface Meeting {
  readonly port: number;
  readonly token: string;
}

/** How long a worker may be silent. */
export type LocalQueueOptions = Pick<RolloutQueue, "leaseSeconds">;

export const queueRules: Rules<LocalQueueOptions> = { leaseSeconds: seconds };

/**
 * Workers on this machine: the run listens on loopback, and a file in its folder, which only this user may read, says where
 * and with which key.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learn } from "agentflow/learn";
 * import { localQueue } from "agentflow/workers";
 *
 * const run = learn({ environment: almanac(), folder: "runs", seed: 7, queue: localQueue() });
 * ```
 */
export const localQueue = (options: LocalQueueOptions = {}): RolloutQueue => ({
  ...checked("localQueue", options, queueRules),
  open: async ({ folder }, answer) => {
    const token = randomBytes(24).toString("base64url");
    const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
      const refuse = (status: number): void => void response.writeHead(status, { connection: "close" }).end();
      const { host = "", authorization = "" } = incoming.headers;
      if (!/^127\.0\.0\.1:\d+$/.test(host) || !isEqual(authorization, token)) return refuse(403);
      bodyOf(incoming)
        .then((body) => answer(readMessage(body)))
        .then((said) => response.writeHead(200).end(JSON.stringify(said)))
        .catch(() => refuse(400));
    });
    await new Promise<void>((ready, failed) => {
      server.once("error", (cause) =>
        failed(new EngineError(`Cannot listen on 127.0.0.1: ${cause.message}.`, { cause })),
      );
      server.listen(0, "127.0.0.1", ready);
    });
    const { port } = server.address() as AddressInfo;
    const file = join(folder, QUEUE_FILE);
    await writeFile(`${file}.tmp`, `${JSON.stringify({ schemaVersion: 1, port, token })}\n`, { mode: 0o600 });
    await rename(`${file}.tmp`, file);
    return {
      address: folder,
      close: async () => {
        await rm(file, { force: true });
        const closed = new Promise<void>((done) => server.close(() => done()));
        server.closeIdleConnections();
        // What was answered last is on its way; whoever asks now is not waited for.
        const cut = setTimeout(() => server.closeAllConnections(), 500);
        await closed;
        clearTimeout(cut);
      },
    };
  },
});

const isEqual = (sent: string, token: string): boolean => {
  const [a, b] = [Buffer.from(sent), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
};

const bodyOf = async (incoming: IncomingMessage): Promise<string> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_MESSAGE) throw new EngineError(`A message has more than ${LONGEST_MESSAGE} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
};

/** The worker's end, by the folder of the run. Throws `ConfigError` when no run offers its rollouts there. */
export const joinLocalQueue = async (folder: string): Promise<WorkerLink> => {
  const file = join(resolve(folder), QUEUE_FILE);
  let meeting = await meetingIn(file);
  if (meeting === undefined)
    throw new ConfigError(
      `The run ${folder} offers no rollouts: it lacks ${QUEUE_FILE}. Start it with learn --queue local, and workers while it runs.`,
    );
  const agent = new Agent({ keepAlive: true });
  return {
    send: (message, signal) =>
      new Promise((answered, failed) => {
        const { port, token } = meeting ?? { port: 0, token: "" };
        const text = JSON.stringify(message);
        const headers = { authorization: token, "content-length": String(Buffer.byteLength(text)) };
        const where = { host: "127.0.0.1", port, method: "POST", path: "/", agent, headers, signal };
        const outgoing = request(where, (incoming) => {
          bodyOf(incoming)
            .then((body) => {
              if (incoming.statusCode !== 200) throw new Error(`the run answered ${incoming.statusCode}`);
              answered(readMessage(body));
            })
            .catch(failed);
        });
        outgoing.setTimeout(3000 * LONGEST_ANSWER_SECONDS, () => outgoing.destroy(new Error("no answer in time")));
        outgoing.once("error", failed);
        outgoing.end(text);
      }),
    // A run that was resumed listens elsewhere.
    ended: async () => {
      meeting = await meetingIn(file);
      return meeting === undefined;
    },
    close: async () => agent.destroy(),
  };
};

const meetingIn = async (file: string): Promise<Meeting | undefined> => {
  try {
    const { port, token } = readMessage(await readFile(file, "utf8"));
    if (Number.isInteger(port) && typeof token === "string") return { port: Number(port), token };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConfigError(`${file} cannot be read: ${messageOf(error)}.`, { cause: error });
  }
  throw new ConfigError(`${file} does not say where the run listens.`);
};
