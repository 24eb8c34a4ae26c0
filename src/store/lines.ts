import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { messageOf, StoreError } from "../errors.ts";
import { open, sync, write } from "../files/file-calls.ts";
import { pacer } from "../pacer.ts";

/** How far a file of rows reaches: its bytes, and their hash. */
export interface Extent {
  readonly bytes: number;
  readonly sha256: string;
}

/** A file of JSON lines that only grows. */
export interface LineWriter {
  /** Queues one line. What is queued while a write is under way goes out together with the next one. */
  append(row: object): void;
  /** Waits until everything queued is handed to the system. Throws `StoreError` if any write failed. */
  flush(): Promise<void>;
  /** Flushes, syncs to the disk, and says how far the file reaches: what a checkpoint remembers of it. */
  settled(): Promise<Extent>;
  /** Flushes, syncs to the disk and closes. Further lines are refused. */
  close(): Promise<void>;
}

/** A writer that makes its file with the first line. Each line opens with a `schemaVersion`, 1 unless the row has one. */
export const lineWriter = (path: string): LineWriter => {
  let queue: string[] = [];
  let handle: FileHandle | undefined;
  let writing: Promise<void> | undefined;
  let failure: StoreError | undefined;
  let closed = false;
  /** Goes along with what is written: nothing is read again for it. */
  let begun: { bytes: number; readonly hash: Hash } | undefined;

  /** Suspends before it ends, whatever fails: `writing` is set before it is cleared. */
  const drain = async (): Promise<void> => {
    try {
      handle ??= await open(path, "a");
      begun ??= await begunIn(path);
      while (queue.length > 0) {
        const text = queue.join("");
        queue = [];
        await write(handle, text);
        begun.bytes += Buffer.byteLength(text);
        begun.hash.update(text);
      }
    } catch (error) {
      failure = new StoreError(`Cannot write ${path}: ${messageOf(error)}`, { cause: error });
    } finally {
      writing = undefined;
    }
  };

  const flush = async (): Promise<void> => {
    while (writing !== undefined) await writing;
    if (failure !== undefined) throw failure;
  };

  return {
    append: (row) => {
      if (closed) throw new StoreError(`Cannot write ${path}: it is closed.`);
      if (failure !== undefined) throw failure;
      queue.push(`${JSON.stringify({ schemaVersion: 1, ...row })}\n`);
      writing ??= drain();
    },
    flush,
    settled: async () => {
      await flush();
      if (handle !== undefined) await sync(handle);
      begun ??= await begunIn(path);
      return { bytes: begun.bytes, sha256: begun.hash.copy().digest("hex") };
    },
    close: async () => {
      closed = true;
      try {
        await flush();
        if (handle !== undefined) await sync(handle);
      } finally {
        await handle?.close();
        handle = undefined;
      }
    },
  };
};

/** A longer line was not written here, and takes long to read. */
const LINE_BYTES = 8 * 2 ** 20;
const LINE: JsonLimits = { depth: 100_000, values: 2_000_000, names: 50_000 };

/** What a line of JSON says. Throws `StoreError` with its number when it is not JSON, or more of it than anything of ours. */
export const parseLine = (line: Buffer, path: string, number: number): unknown => {
  try {
    return parseJson(line.toString("utf8"), LINE);
  } catch (cause) {
    throw new StoreError(`${path} is damaged: line ${number} is not JSON that can be read: ${messageOf(cause)}.`, {
      cause,
    });
  }
};

/** Bytes that are read at once; then other work runs. A line costs as much as some bytes more. */
const [PACE, LINE_COST] = [2 ** 18, 100];

/** The hash of the first bytes of a file, or of all, to be continued. A file that is not there has none. */
export const begunIn = async (path: string, bytes?: number): Promise<{ bytes: number; readonly hash: Hash }> => {
  const begun = { bytes: 0, hash: createHash("sha256") };
  if (bytes === 0) return begun;
  try {
    for await (const chunk of createReadStream(path, {
      highWaterMark: 2 ** 20,
      ...(bytes !== undefined && { end: bytes - 1 }),
    }) as AsyncIterable<Buffer>) {
      begun.bytes += chunk.length;
      begun.hash.update(chunk);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return begun;
};

/**
 * The rows of a file of JSON lines; none when the file does not exist. A last line without its line break was cut by
 * a crash and is left out; any other line that is not JSON throws `StoreError` with its number.
 */
export const readLines = async (path: string): Promise<unknown[]> => {
  const pace = pacer(PACE);
  const rows: unknown[] = [];
  for await (const line of streamLines(path)) {
    rows.push(parseLine(line, path, rows.length + 1));
    await pace(line.length + LINE_COST);
  }
  return rows;
};

/**
 * The lines of a file from a place on, one by one and with their line breaks, so that the whole never lies in memory;
 * none when the file does not exist. A last line without its line break is left out, or given as well where the file is
 * `foreign`: others do not end it. Throws `StoreError`.
 */
export async function* streamLines(path: string, from = 0, foreign = false): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(path, {
      start: from,
      highWaterMark: 2 ** 20,
    }) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        const last = chunk.subarray(start, end + 1);
        yield begun.length === 0 ? last : Buffer.concat([...begun, last]);
        [begun, length, start] = [[], 0, end + 1];
      }
      if (start === chunk.length) continue;
      begun.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > LINE_BYTES)
        throw new StoreError(`${path} has a line of more than ${LINE_BYTES} bytes, which nothing of ours writes.`);
    }
    if (foreign && length > 0) yield Buffer.concat(begun);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new StoreError(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
