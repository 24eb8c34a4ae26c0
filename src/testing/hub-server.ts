import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { defined } from "../options.ts";

/** A repository on the server: its only commit is a hash of its content. */
export interface HubRepo {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Files go only to who has the server's token. */
  readonly gated?: boolean;
  /** Nothing is to be seen without the server's token. */
  readonly private?: boolean;
}

/** What goes wrong, by the path of a file; `times` counts down, without it there is no end. */
export interface HubFault {
  readonly path: string;
  /** `cut`: the connection closes after `after` bytes; `hang`: nothing more comes after them; `flip`: a bit is wrong; `busy`: 503; `slow`: a pause before each of the pieces. */
  readonly kind: "cut" | "hang" | "flip" | "busy" | "slow";
  readonly after?: number;
  times?: number;
}

export interface HubServerOptions {
  readonly repos: Readonly<Record<string, HubRepo>>;
  /** Accepted as a bearer token; another one is refused. */
  readonly token?: string;
  readonly faults?: HubFault[];
  /** Whole files, whatever range is asked for. @default false */
  readonly ignoreRange?: boolean;
}

/** A request that was answered. */
export interface HubRequestLog {
  /** `api`, `resolve` (which sends large files on), or `content` (where they are, at another origin). */
  readonly part: "api" | "resolve" | "content";
  readonly path: string;
  readonly status: number;
  readonly range?: string;
  /** Whether a token came with it. */
  readonly authorised: boolean;
}

export interface HubServer {
  /** For HF_ENDPOINT. */
  readonly url: string;
  readonly requests: readonly HubRequestLog[];
  commitOf(repo: string): string;
  close(): Promise<void>;
}

const PAGE = 2;
const PIECE = 16_384;

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === "string" ? new TextEncoder().encode(content) : content;

const isLarge = (path: string): boolean => /\.(safetensors|gguf)$/.test(path);

const sha = (algorithm: "sha1" | "sha256", ...parts: (string | Uint8Array)[]): string => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** A line of a listing: small files by the hash of git, large ones by SHA-256 as well. */
const treeEntry = (path: string, content: string | Uint8Array): object => {
  const bytes = bytesOf(content);
  const size = bytes.length;
  if (!isLarge(path)) return { type: "file", path, size, oid: sha("sha1", `blob ${size}\0`, bytes) };
  const digest = sha("sha256", bytes);
  return { type: "file", path, size, oid: sha("sha1", digest), lfs: { oid: digest, size, pointerSize: 130 } };
};

const send = (response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): number => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  return status;
};

/**
 * A server on loopback that speaks as much of the Hugging Face hub's API as a download needs: commits, listings in
 * pages, files with ranges, large files at another origin, gated and private repositories, and faults on request.
 *
 * @example
 * ```ts
 * import { pullModel } from "agentflow/engines/onnx";
 * import { hubServer } from "agentflow/testing";
 *
 * const server = await hubServer({ repos: { "tiny/llama": { files: { "config.json": "{}" } } } });
 * await pullModel("tiny/llama", { environment: { HF_ENDPOINT: server.url } }).catch(console.error);
 * await server.close();
 * ```
 */
export const hubServer = async ({
  repos,
  token,
  faults = [],
  ignoreRange = false,
}: HubServerOptions): Promise<HubServer> => {
  const requests: HubRequestLog[] = [];
  const commitOf = (repo: string): string => sha("sha1", ...Object.entries(repos[repo]?.files ?? {}).flat());
  const closing = new AbortController();

  const faultAt = (path: string): HubFault | undefined => {
    const fault = faults.find((known) => known.path === path && known.times !== 0);
    if (fault?.times !== undefined) fault.times -= 1;
    return fault;
  };

  const sendFile = async (request: IncomingMessage, response: ServerResponse, path: string, whole: Uint8Array) => {
    const fault = faultAt(path);
    if (fault?.kind === "busy") return send(response, 503, { error: "busy" });
    const [, from, to] = (!ignoreRange && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "")) || [];
    const start = Number(from ?? 0);
    const end = Math.min(whole.length, to ? Number(to) + 1 : whole.length);
    if (from !== undefined && start >= whole.length)
      return send(response, 416, { error: "range" }, { "content-range": `bytes */${whole.length}` });
    const status = from === undefined ? 200 : 206;
    const bytes = whole.slice(start, end);
    if (fault?.kind === "flip") bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    response.writeHead(status, {
      "content-length": bytes.length,
      ...(status === 206 && { "content-range": `bytes ${start}-${end - 1}/${whole.length}` }),
    });
    const stop = fault?.kind === "cut" || fault?.kind === "hang" ? (fault.after ?? 0) : Number.POSITIVE_INFINITY;
    for (let at = 0; at < bytes.length; at += PIECE) {
      if (response.destroyed) return status;
      if (fault?.kind === "slow") await sleep(10, undefined, { signal: closing.signal }).catch(() => undefined);
      const piece = bytes.subarray(at, Math.min(at + PIECE, stop));
      await new Promise((resolve) => response.write(piece, resolve));
      if (at + PIECE < stop) continue;
      if (fault?.kind === "cut") response.destroy();
      return status;
    }
    response.end();
    return status;
  };

  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Omit<HubRequestLog, "range" | "authorised">> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    const [, api, name = "", action = "", revision = "", path = ""] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)\/(revision|tree|resolve|content)\/([^/]+)(?:\/(.*))?$/s.exec(
        decodeURIComponent(url.pathname),
      ) ?? [];
    const part = api ? "api" : action === "content" ? "content" : "resolve";
    const refuse = (status: number, code?: string) => ({
      part: part as HubRequestLog["part"],
      path,
      status: send(response, status, { error: code ?? "refused" }, code ? { "x-error-code": code } : {}),
    });
    const done = (status: number) => ({ part: part as HubRequestLog["part"], path, status });
    const repo = repos[name];
    const known = token !== undefined && given === token;
    if (given !== undefined && !known) return refuse(401);
    if (repo === undefined || (repo.private === true && !known)) return refuse(known ? 404 : 401, "RepoNotFound");
    const commit = commitOf(name);
    if (revision !== "main" && revision !== commit) return refuse(404, "RevisionNotFound");

    if (action === "revision") return done(send(response, 200, { _id: name, id: name, sha: commit, lastModified: 0 }));
    if (action === "tree") {
      const entries = Object.entries(repo.files).map(([file, content]) => treeEntry(file, content));
      const page = Number(url.searchParams.get("cursor") ?? 0);
      const next = `http://${request.headers.host}${url.pathname}?cursor=${page + PAGE}`;
      const link: Record<string, string> = page + PAGE < entries.length ? { link: `<${next}>; rel="next"` } : {};
      return done(send(response, 200, entries.slice(page, page + PAGE), link));
    }
    const content = repo.files[path];
    if (content === undefined) return refuse(404, "EntryNotFound");
    // What a large file's address signs is not asked for a token again.
    if (action === "content") return done(await sendFile(request, response, path, bytesOf(content)));
    if (repo.gated === true && !known) return refuse(given === undefined ? 401 : 403, "GatedRepo");
    if (!isLarge(path)) return done(await sendFile(request, response, path, bytesOf(content)));
    response.writeHead(302, { location: `http://localhost:${port()}/${name}/content/${commit}/${path}` }).end();
    return done(302);
  };

  const server = createServer((request, response) => {
    const { range, authorization } = request.headers;
    answer(request, response).then(
      (log) => requests.push({ ...log, ...defined({ range }), authorised: authorization !== undefined }),
      () => response.destroy(),
    );
  });
  const port = (): number => (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port()}`,
    requests,
    commitOf,
    close: () => {
      closing.abort();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
};
