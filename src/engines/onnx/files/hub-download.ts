import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, StoreError } from "../../../errors.ts";
import { makeFolder } from "../../../files/make-folder.ts";
import { type HubRequest, type RemoteFile, UnreachableError } from "./hub-client.ts";
import { syncFolder } from "./whole-folder.ts";

/** What a file is called until all of it is there and its hash is right. */
export const PART = ".part";

export interface DownloadOptions {
  readonly request: HubRequest;
  readonly url: string;
  /** Where the file will stand; until then there is only `<target>.part`. */
  readonly target: string;
  /** Told how many of the file's bytes are on disk. */
  readonly onBytes?: (bytes: number) => void;
  readonly abortSignal?: AbortSignal;
  /** Silence after which a connection is given up. @default 30 seconds */
  readonly stallMs?: number;
  /** Tries without a new byte before giving up. @default 5 */
  readonly attempts?: number;
  /** Before the second try; doubled each time. @default 500 */
  readonly pauseMs?: number;
}

/** Bytes of a file; 0 when there is none. */
const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Whether a file has the size and the hash that the hub gives. */
export const isWhole = async (path: string, { size, algorithm, digest }: RemoteFile): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size !== size) return false;
  const hash = createHash(algorithm === "git" ? "sha1" : "sha256");
  if (algorithm === "git") hash.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex") === digest;
};

/**
 * Downloads a file, from where an earlier try ended. Lost connections are taken up again while bytes keep coming. A
 * wrong hash removes what came and fetches it once more. Throws `StoreError`; an abort leaves the part to resume from.
 */
export const downloadFile = async (file: RemoteFile, options: DownloadOptions): Promise<void> => {
  const { target, abortSignal } = options;
  const part = target + PART;
  try {
    await makeFolder(dirname(target));
    for (let tries = 1; ; tries += 1) {
      await fetchPart(file, part, options);
      abortSignal?.throwIfAborted();
      if (await isWhole(part, file)) break;
      await rm(part, { force: true });
      if (tries === 2)
        throw new StoreError(
          `${file.path} arrived twice with another ${file.algorithm} hash than the hub gives (${file.digest.slice(0, 12)}…), and was removed: the server or the way to it damages files.`,
        );
    }
    await rename(part, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    abortSignal?.throwIfAborted();
    if (cause instanceof StoreError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC")
      throw new StoreError(
        `The disk is full at ${part}: make room and run the command again, which resumes the download.`,
        {
          cause,
        },
      );
    throw cause;
  }
};

/** Appends to the part until it has the file's size. */
const fetchPart = async (file: RemoteFile, part: string, options: DownloadOptions): Promise<void> => {
  const { onBytes, abortSignal, attempts = 5, pauseMs = 500 } = options;
  if ((await sizeOf(part)) > file.size) await rm(part);
  const handle = await open(part, "a+");
  try {
    for (let failures = 0; ; ) {
      const have = (await handle.stat()).size;
      onBytes?.(have);
      if (have === file.size) break;
      let lost: unknown;
      try {
        await append(handle, have, file, options);
      } catch (cause) {
        abortSignal?.throwIfAborted();
        if (!(cause instanceof UnreachableError)) throw cause;
        lost = cause;
      }
      const got = (await handle.stat()).size;
      if (got === file.size) continue;
      failures = got > have ? 0 : failures + 1;
      if (failures >= attempts)
        throw (
          lost ?? new StoreError(`${file.path} ends after ${got} of ${file.size} bytes, each time. Try again later.`)
        );
      await sleep(pauseMs * 2 ** failures, undefined, abortSignal && { signal: abortSignal });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** One request for what is missing. A server that ignores ranges starts again at 0. */
const append = async (
  handle: FileHandle,
  have: number,
  { path, size }: RemoteFile,
  { request, url, onBytes, abortSignal, stallMs = 30_000 }: DownloadOptions,
): Promise<void> => {
  const stalled = new AbortController();
  const signal = abortSignal ? AbortSignal.any([abortSignal, stalled.signal]) : stalled.signal;
  const lost = (cause: unknown): UnreachableError =>
    new UnreachableError(`The connection was lost in the middle of ${path} (${messageOf(cause)}).`, { cause });
  const timer = setTimeout(() => stalled.abort(new Error(`nothing came for ${stallMs / 1000} s`)), stallMs);
  try {
    const response = await request(url, {
      // A compressed answer has no ranges.
      headers: { "accept-encoding": "identity", ...(have > 0 && { range: `bytes=${have}-` }) },
      signal,
    });
    const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
    let at = response.status === 206 ? Number(start) : 0;
    if (at !== have) await handle.truncate(0);
    if (response.status === 416 || (at !== 0 && at !== have) || response.body === null) {
      await response.body?.cancel();
      return;
    }
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      timer.refresh();
      if (at + value.length > size) {
        await handle.truncate(0);
        throw new StoreError(`${url.split("/").at(-1)} has more than the ${size} bytes that the hub gives.`);
      }
      // Appends: the handle is opened so.
      await handle.writeFile(value);
      at += value.length;
      onBytes?.(at);
    }
  } catch (cause) {
    abortSignal?.throwIfAborted();
    if (stalled.signal.aborted) throw lost(stalled.signal.reason);
    if (cause instanceof StoreError || (cause as NodeJS.ErrnoException).syscall === "write") throw cause;
    if (cause instanceof TypeError) throw lost(cause.cause ?? cause);
    throw cause;
  } finally {
    clearTimeout(timer);
    stalled.abort();
  }
};
