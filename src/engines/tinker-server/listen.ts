import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { EngineError } from "../../errors.ts";
import type { HttpRequest } from "../tinker/http.ts";
import { jsonResponse } from "./futures.ts";
import type { TinkerServer } from "./server.ts";

export interface ListenOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1": this machine only */
  readonly host?: string;
}

export interface Listening {
  /** For clients: without a path. */
  readonly url: string;
  close(): Promise<void>;
}

/** Bytes of one body: a chunk of training data is at most 5 MB. */
const LONGEST_BODY = 64 * 2 ** 20;
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * Opens a server to the network. Throws `EngineError` when the address cannot be taken.
 *
 * @example
 * ```ts
 * import { listen, type TinkerServer } from "agentflow/engines/tinker-server";
 *
 * const open = (server: TinkerServer) => listen(server, { port: 8210 });
 * ```
 */
export const listen = async (
  server: TinkerServer,
  { port = 0, host = "127.0.0.1" }: ListenOptions = {},
): Promise<Listening> => {
  const local = LOOPBACK.has(host.toLowerCase()) || host === "::1";
  const http = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    answer(server, incoming, response, local).catch(() => response.destroy());
  });
  await new Promise<void>((ready, failed) => {
    http.once("error", (cause) =>
      failed(new EngineError(`Cannot listen on ${host}:${port}: ${cause.message}. ${remedyOf(cause)}`, { cause })),
    );
    http.listen(port, host, ready);
  });
  const { port: taken } = http.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((closed) => {
        http.close(() => closed());
        http.closeAllConnections();
      }),
  };
};

const remedyOf = ({ code }: NodeJS.ErrnoException): string => {
  if (code === "EADDRINUSE") return "Choose another port, or 0 for a free one.";
  return code === "EACCES" ? "Choose a port from 1024 on." : "Give an address of this machine, such as 127.0.0.1.";
};

const answer = async (
  server: TinkerServer,
  incoming: IncomingMessage,
  response: ServerResponse,
  local: boolean,
): Promise<void> => {
  const { method = "GET", url: path = "/", headers } = incoming;
  const refuse = (status: number, detail: string): void => {
    const refused = jsonResponse(status, { detail });
    response.writeHead(status, { ...refused.headers, connection: "close" }).end(refused.body);
  };
  // A page elsewhere whose name was bound to this machine sends that name.
  if (local && !LOOPBACK.has((headers.host ?? "").toLowerCase().replace(/:\d+$/, "")))
    return refuse(403, "This server answers requests to 127.0.0.1 and localhost only.");
  const body = await bodyOf(incoming);
  if (body === undefined) return refuse(413, `A body may have ${LONGEST_BODY} bytes: send smaller chunks.`);
  const plain = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  const {
    status,
    headers: own,
    body: reply,
  } = await server.handle({
    method: method as HttpRequest["method"],
    path,
    headers: Object.fromEntries(plain),
    body,
  });
  response.writeHead(status, own).end(reply);
};

/** Undefined when it is too long. */
const bodyOf = async (incoming: IncomingMessage): Promise<Uint8Array | undefined> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > LONGEST_BODY) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
};
