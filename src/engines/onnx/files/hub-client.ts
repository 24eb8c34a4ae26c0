import { parseLargeJson } from "../../../bounded-json.ts";
import { ConfigError, messageOf, StoreError } from "../../../errors.ts";
import { optionalPackage } from "../../../optional-package.ts";

/** Where models come from, and as whom. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** Goes to the endpoint's origin only, and into no message. */
  readonly token?: string;
}

/** A file of a repository, with what its content must hash to. */
export interface RemoteFile {
  /** With `/` between folders. */
  readonly path: string;
  readonly size: number;
  /** `sha256` of the content (large files), or `git`: sha1 over "blob <size>\0" and the content. */
  readonly algorithm: "sha256" | "git";
  readonly digest: string;
}

/** A repository at one commit. */
export interface RemoteRepo {
  readonly repo: string;
  readonly revision: string;
  readonly commit: string;
  readonly files: readonly RemoteFile[];
}

/** A request to the hub. Throws `ConfigError` or `StoreError` for every answer that is not the thing asked for. */
export type HubRequest = (
  url: string,
  options?: { headers?: Record<string, string>; signal?: AbortSignal },
) => Promise<Response>;

/** A connection that failed, or a server that could not answer now: worth another try. */
export class UnreachableError extends StoreError {}

/** Entries of a repository's list, folders included. */
const MAX_FILES = 10_000;
/** Requests for one description: a page of the list has a thousand entries. */
const MAX_PAGES = 50;
const MAX_PAGE_BYTES = 4_000_000;
const PAGE_LIMITS = { values: 100_000 };

/** HF_ENDPOINT and HF_TOKEN, as other tools of the hub read them. */
export const hubSettings = (environment: Readonly<Record<string, string | undefined>>): HubSettings => {
  const endpoint = (environment.HF_ENDPOINT || "https://huggingface.co").replace(/(?<!\/)\/+$/, "");
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    throw new ConfigError(`HF_ENDPOINT is ${JSON.stringify(endpoint)}: accepted is an address such as https://….`);
  const token = environment.HF_TOKEN?.trim();
  return { endpoint, ...(token && { token }) };
};

/** What a refusal means, in words that say what to do. */
const refusal = (response: Response, { endpoint, token }: HubSettings, what: string): Error => {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  if (code === "GatedRepo" || status === 403)
    return new ConfigError(
      `${what} is not open to ${token === undefined ? "people without a token" : "your token"} (${status}): ask for access on its page at ${endpoint}, ` +
        `then set HF_TOKEN to a token that may read it.`,
    );
  if (code === "RevisionNotFound") return new ConfigError(`${what} is not at ${endpoint}: it has no such revision.`);
  if (status === 404 || code === "RepoNotFound" || (status === 401 && token === undefined))
    return new ConfigError(
      `${what} is not at ${endpoint} (${status}): check the name${token === undefined ? "; a private model needs HF_TOKEN" : ", and that HF_TOKEN may read it"}.`,
    );
  if (status === 401)
    return new ConfigError(`${endpoint} does not accept HF_TOKEN (401): is it whole, and still valid?`);
  if (status === 429 || status >= 500)
    return new UnreachableError(`${endpoint} answers ${status} for ${what}: it is busy or broken. Try again later.`);
  return new StoreError(`${endpoint} answers ${status} for ${what}, which is not understood.`);
};

/** Requests with the token where it belongs. `what` is being asked for, for messages. */
export const hubRequest =
  (settings: HubSettings, what: string, abortSignal?: AbortSignal): HubRequest =>
  async (url, { headers = {}, signal = abortSignal } = {}) => {
    const known = settings.token !== undefined && new URL(url).origin === new URL(settings.endpoint).origin;
    let response: Response;
    try {
      response = await fetch(url, {
        headers: { ...headers, ...(known && { authorization: `Bearer ${settings.token}` }) },
        ...(signal && { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new UnreachableError(
        `Cannot reach ${new URL(url).origin} (${messageOf(cause instanceof Error && cause.cause ? cause.cause : cause)}). Is there a network? HF_ENDPOINT names another server.`,
        { cause },
      );
    }
    if (response.ok || response.status === 416) return response;
    await response.body?.cancel();
    throw refusal(response, settings, what);
  };

/** The bytes of a reply, as long as they are no more than accepted. Throws `StoreError`. */
export const boundedReply = async (response: Response, most: number): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    size += part.value.length;
    if (size > most) {
      await reader?.cancel();
      throw new StoreError(`${new URL(response.url).origin} sent more than the ${most} bytes accepted.`);
    }
    parts.push(part.value);
  }
  return Buffer.concat(parts);
};

/** The address of a file at a commit. */
export const fileUrl = ({ endpoint }: HubSettings, { repo, commit }: RemoteRepo, path: string): string =>
  `${endpoint}/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;

/** Asks what a repository holds. Throws `ConfigError` when it is not there or not ours to read. */
export const describeRepo = async (
  { repo, revision }: { readonly repo: string; readonly revision: string },
  settings: HubSettings,
  abortSignal?: AbortSignal,
): Promise<RemoteRepo> => {
  const { listFiles, modelInfo } = await optionalPackage("@huggingface/hub", () => import("@huggingface/hub"));
  const request = hubRequest(
    settings,
    revision === "main" ? `The model ${repo}` : `The model ${repo}@${revision}`,
    abortSignal,
  );
  let pages = 0;
  // The library only ever gives an address and its headers, reads whole pages of JSON, and follows them without end.
  const libraryFetch = (async (url: string, init?: RequestInit) => {
    pages += 1;
    if (pages > MAX_PAGES) throw new StoreError(`${repo} is described on more than ${MAX_PAGES} pages.`);
    const response = await request(url, { headers: { ...(init?.headers as Record<string, string> | undefined) } });
    const { status, headers } = response;
    const text = new TextDecoder().decode(await boundedReply(response, MAX_PAGE_BYTES));
    await parseLargeJson(text, PAGE_LIMITS).catch((cause) => {
      throw new StoreError(`${settings.endpoint} describes ${repo} by what is not understood: ${messageOf(cause)}.`, {
        cause,
      });
    });
    return new Response(text, { status, headers });
  }) as typeof fetch;
  const common = { hubUrl: settings.endpoint, fetch: libraryFetch };
  const { sha: commit } = await modelInfo({ name: repo, revision, additionalFields: ["sha"], ...common });
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new StoreError(`${settings.endpoint} names no commit of ${repo}.`);
  const files: RemoteFile[] = [];
  let entries = 0;
  for await (const { type, path, size, oid, lfs } of listFiles({
    repo,
    revision: commit,
    recursive: true,
    ...common,
  })) {
    entries += 1;
    if (entries > MAX_FILES) throw new StoreError(`${repo} has more than ${MAX_FILES} files.`);
    if (type !== "file") continue;
    files.push({ path, size, algorithm: lfs ? "sha256" : "git", digest: lfs?.oid ?? oid ?? "" });
  }
  return { repo, revision, commit, files };
};
