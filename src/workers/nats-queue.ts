import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { NatsConnection } from "@nats-io/transport-node";
import { ConfigError, EngineError, messageOf } from "../errors.ts";
import { optionalPackage } from "../optional-package.ts";
import { checked, name, type Rules, required } from "../options.ts";
import { type LocalQueueOptions, queueRules } from "./local-queue.ts";
import { readMessage } from "./message.ts";
import { LONGEST_ANSWER_SECONDS, type Message, type RolloutQueue, type WorkerLink } from "./queue.ts";

export interface NatsQueueOptions extends LocalQueueOptions {
  /** A server of NATS: `nats://[user:password@]host:4222`, or `tls://…`. */
  readonly url: string;
}

const optionRules: Rules<NatsQueueOptions> = { ...queueRules, url: required(name) };

/** Messages that are longer travel compressed: prompts are lists of numbers. */
const SHORT = 4096;
const LONGEST_MESSAGE = 64 * 2 ** 20;

/**
 * Workers on other machines, which meet the run at a server of NATS: run and workers only need to reach that. It carries
 * requests and answers; nothing is stored in it, so that one that is restarted has nothing to lose. Throws `ConfigError` when
 * it cannot be reached, or `@nats-io/transport-node` is not installed.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learn } from "agentflow/learn";
 * import { natsQueue } from "agentflow/workers";
 *
 * const queue = natsQueue({ url: "nats://10.0.0.5:4222" });
 * const run = learn({ environment: almanac(), folder: "runs", seed: 7, queue });
 * ```
 */
export const natsQueue = (options: NatsQueueOptions): RolloutQueue => {
  const { url, leaseSeconds } = checked("natsQueue", options, optionRules);
  return {
    leaseSeconds,
    reach: async () => (await connectTo(url)).close(),
    open: async ({ id }, answer) => {
      const connection = await connectTo(url);
      const { max_payload: most = 2 ** 20 } = connection.info ?? {};
      const reply = async (data: Uint8Array): Promise<Uint8Array> => {
        try {
          return await encode(await answer(await decode(data)), most);
        } catch (error) {
          return encode({ error: messageOf(error) }, most);
        }
      };
      connection.subscribe(subjectOf(id), {
        callback: (error, message) => {
          if (error === null) void reply(message.data).then((bytes) => message.respond(bytes));
        },
      });
      await connection.flush();
      const { protocol, host } = new URL(url);
      return { address: `${protocol}//${host}/${id}`, close: () => connection.drain() };
    },
  };
};

/** The worker's end, `nats://[user:password@]host:4222/<run>`. Throws `ConfigError`. */
export const joinNatsQueue = async (address: string): Promise<WorkerLink> => {
  const run = URL.canParse(address) ? new URL(address).pathname.slice(1) : "";
  if (run === "") throw new ConfigError(`${shown(address)} names no run: accepted is nats://host:4222/<run>.`);
  const connection = await connectTo(address);
  const subject = subjectOf(run);
  return {
    send: async (message) => {
      const bytes = await encode(message, connection.info?.max_payload ?? 2 ** 20);
      const answered = await connection.request(subject, bytes, { timeout: 3000 * LONGEST_ANSWER_SECONDS });
      return decode(answered.data);
    },
    // A run that is about to be resumed and one that has ended are alike: both do not listen.
    ended: async () => false,
    close: () => connection.close(),
  };
};

const subjectOf = (run: string): string => `agentflow.${run.replaceAll(/[^A-Za-z0-9_-]/g, "_")}.calls`;

/** Without the password. */
const shown = (url: string): string => url.replace(/\/\/[^@/]*@/, "//");

const connectTo = async (url: string): Promise<NatsConnection> => {
  const { connect } = await optionalPackage("@nats-io/transport-node", () => import("@nats-io/transport-node"));
  if (!URL.canParse(url) || !/^(?:nats|tls):$/.test(new URL(url).protocol))
    throw new ConfigError(`${JSON.stringify(shown(url))} is no server of NATS: accepted is nats://host:4222.`);
  const { protocol, hostname, port, username, password } = new URL(url);
  const servers = `${protocol}//${hostname}:${port === "" ? 4222 : port}`;
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  try {
    return await connect({
      servers,
      // A server that is restarted is waited for; who gives up is the caller.
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      ...(pass !== "" ? { user, pass } : user !== "" && { token: user }),
      ...(protocol === "tls:" && { tls: {} }),
    });
  } catch (cause) {
    throw new ConfigError(
      `No server of NATS answers at ${servers}: ${messageOf(cause)}. Start one, or check the address.`,
      {
        cause,
      },
    );
  }
};

const [compress, expand] = [promisify(gzip), promisify(gunzip)];

const encode = async (message: Message, most: number): Promise<Uint8Array> => {
  const text = Buffer.from(JSON.stringify(message));
  const bytes = text.length > SHORT ? await compress(text, { level: 1 }) : text;
  if (bytes.length > most)
    throw new EngineError(
      `A message has ${bytes.length} bytes, and the server of NATS takes ${most}: raise max_payload in its configuration.`,
    );
  return bytes;
};

const decode = async (bytes: Uint8Array): Promise<Message> => {
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = isCompressed ? await expand(bytes, { maxOutputLength: LONGEST_MESSAGE }) : Buffer.from(bytes);
  return readMessage(text.toString());
};
