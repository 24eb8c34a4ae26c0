import type { Server as HttpServer } from "node:http";
import { isIP } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { ConfigError, messageOf } from "../errors.ts";
import { defined } from "../options.ts";
import { type AgentServer, agentServer, type ServerOptions } from "./app.ts";
import { errorResponse, RequestError } from "./request-error.ts";

export interface ListenOptions extends Omit<ServerOptions, "hosts"> {
  /** Address to listen on. Others than loopback need `hosts`. @default "127.0.0.1" */
  readonly host?: string | undefined;
  /** 0 takes a free one. @default 8787 */
  readonly port?: number | undefined;
  /** Names under which the server is reached besides loopback's: `name:port`, or `name` for any port. @default [] */
  readonly hosts?: readonly string[] | undefined;
}

/** A server that listens. */
export interface ListeningServer extends AgentServer {
  readonly url: string;
}

/** How long a request may take to come in, and a connection may stand still: slow clients hold no place for ever. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;
const SILENT_MS = 120_000;

/**
 * Serves on an address of this machine, by default on loopback. Throws `ConfigError` for an address that cannot be used,
 * and for one that others reach without a name to know it by.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { listen } from "agentflow/server";
 *
 * const flow = createFlow({ model: openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" }), tools: {} });
 * const server = await listen({ flows: { research: { flow } }, token: "a-long-secret-token", port: 0 });
 * console.log(server.url);
 * await server.close();
 * ```
 */
export const listen = ({ host, port, hosts, ...options }: ListenOptions): Promise<ListeningServer> =>
  listening((known) => agentServer({ ...options, hosts: known }), { host, port, hosts });

/** Where a server listens, and under which names it is known. */
export type Place = Pick<ListenOptions, "host" | "port" | "hosts">;

/** What answers requests, and ends. */
interface App {
  fetch(request: Request): Promise<Response>;
  close(options?: { readonly graceSeconds?: number }): Promise<void>;
}

/** Puts a listener in front of what `open` makes for the hosts that requests may name. Throws `ConfigError`. */
export const listening = async <Server extends App>(
  open: (hosts: readonly string[]) => Promise<Server>,
  { host = "127.0.0.1", port = 8787, hosts = [] }: Place,
): Promise<Server & { readonly url: string }> => {
  if (!isLoopback(host) && hosts.length === 0)
    throw new ConfigError(
      `${host} is reached from other machines: name the hosts under which it is, such as --allow-host agents.example.org.`,
    );
  let app: App | undefined;
  const notYet = (): Response => errorResponse(new RequestError(503, "The server is starting."));
  const server = createAdaptorServer({
    fetch: (request) => app?.fetch(request) ?? notYet(),
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS, connectionsCheckingInterval: 1000 },
  }) as HttpServer;
  server.setTimeout(SILENT_MS);
  const bound = await boundPort(server, host, port);
  let running: Server;
  try {
    const own = ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${bound}`);
    running = await open([...own, ...hosts]);
    app = running;
  } catch (error) {
    server.close();
    throw error;
  }
  return {
    ...running,
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${bound}`,
    close: async (how) => {
      // No new connection; those that are open finish what they asked for.
      const closed = new Promise<void>((done) => void server.close(() => done()));
      server.closeIdleConnections();
      try {
        await running.close(defined(how ?? {}));
      } finally {
        // The last bytes of an answer go out before the connection does.
        await new Promise((sent) => setTimeout(sent, 50));
        server.closeAllConnections();
        await closed;
      }
    },
  };
};

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);

const boundPort = (server: HttpServer, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new ConfigError(`Cannot listen on ${host}:${port}: ${messageOf(error)}. ${remedyOf(error)}`, { cause: error }),
      ),
    );
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });

const remedyOf = (error: Error): string => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return "Choose another port, or 0 for a free one.";
  return code === "EACCES" ? "Choose a port from 1024 on." : "Give an address of this machine, such as 127.0.0.1.";
};
