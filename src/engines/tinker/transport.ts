import { Agent, type IncomingMessage, request as plainRequest } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { EngineError, messageOf } from "../../errors.ts";
import type { Transport } from "./http.ts";

/** Bytes of one answer: a result of training has two numbers a token. */
const LONGEST_ANSWER = 512 * 2 ** 20;

/** Sockets that are kept between requests: as many as samples may be under way, since each would open a new one. */
const MOST_FREE = 2000;

/** A transport over sockets that are kept: `node:http` costs a third of what `fetch` does, at a thousand requests in flight. */
export const httpTransport = (url: string): Transport & { close(): void } => {
  const base = new URL(url);
  const secure = base.protocol === "https:";
  // Parsed once, and not with each request.
  const place = { protocol: base.protocol, hostname: base.hostname.replace(/^\[|\]$/g, ""), port: base.port };
  const prefix = base.pathname.replace(/\/$/, "");
  const kept = { keepAlive: true, maxFreeSockets: MOST_FREE };
  const agent = secure ? new SecureAgent(kept) : new Agent(kept);
  const send: Transport = ({ method, path, headers, body, timeoutSeconds = 60, abortSignal }) =>
    new Promise((resolve, reject) => {
      const make = secure ? secureRequest : plainRequest;
      const length = body === undefined ? {} : { "content-length": String(body.length) };
      const outgoing = make(
        {
          ...place,
          path: `${prefix}${path}`,
          method,
          agent,
          headers: { ...headers, ...length },
          ...(abortSignal && { signal: abortSignal }),
        },
        (incoming) => {
          bodyOf(incoming).then(
            (bytes) => resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body: bytes }),
            reject,
          );
        },
      );
      outgoing.setTimeout(1000 * timeoutSeconds, () =>
        outgoing.destroy(new EngineError(`The server did not answer within ${timeoutSeconds} s.`)),
      );
      outgoing.once("error", (cause) => reject(abortSignal?.aborted === true ? cause : unreachable(url, cause)));
      outgoing.end(body);
    });
  return Object.assign(send, { close: () => agent.destroy() });
};

const unreachable = (url: string, cause: Error): EngineError =>
  cause instanceof EngineError ? cause : new EngineError(`${url} cannot be reached: ${messageOf(cause)}.`, { cause });

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

const bodyOf = async (incoming: IncomingMessage): Promise<Uint8Array> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_ANSWER) throw new EngineError(`The server's answer has more than ${LONGEST_ANSWER} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts);
};
