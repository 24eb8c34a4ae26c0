import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { messageOf, TaskError } from "../errors.ts";
import { optionalPackage } from "../optional-package.ts";
import { pacer } from "../pacer.ts";

const MAGIC = "PAR1";
/** A file that is made to look small can keep a reader busy for ever, or fill its memory: it reads beside, within limits. */
const SECONDS = 120;
const MEGABYTES = 4096;
const MOST_ROWS = 500_000;
/** Rows come in parts, so that other work runs between two. */
const ROWS_AT_ONCE = 200;

/** Whether a file is Parquet by its first bytes. */
export const isParquet = (bytes: Uint8Array): boolean => letters(bytes.subarray(0, MAGIC.length)) === MAGIC;

/**
 * The rows of a Parquet file as JSON would hold them: whole numbers are numbers (texts where they are too long for one),
 * dates are ISO texts, and a column without a value is a field that is not there. Throws `TaskError` naming the file.
 */
export const parquetRecords = async (
  bytes: Uint8Array<ArrayBuffer>,
  path: string,
  { seconds = SECONDS }: { readonly seconds?: number } = {},
): Promise<unknown[]> => {
  if (!isParquet(bytes) || letters(bytes.subarray(-MAGIC.length)) !== MAGIC) {
    const [start, end] = [bytes.subarray(0, 24), bytes.subarray(-MAGIC.length)].map((part) =>
      JSON.stringify(letters(part)),
    );
    throw new TaskError(
      `${path} is not a whole Parquet file: it has ${bytes.length} bytes, begins with ${start} and ends with ${end}; accepted is what begins and ends with "${MAGIC}". Download it again, or name it by what it holds (.json, .jsonl, .csv).`,
    );
  }
  const libraries = await Promise.all(["hyparquet", "hyparquet-compressors"].map(locate));
  const rows = await unpack({ bytes, libraries }, seconds).catch((cause: unknown) => {
    throw new TaskError(
      `${path} is a Parquet file that cannot be read: ${messageOf(cause)}. Download or write it again.`,
      {
        cause,
      },
    );
  });
  const pace = pacer(ROWS_AT_ONCE);
  const records: unknown[] = [];
  for (const row of rows) {
    const told = Object.entries(row).map(([name, value]) => [name, asJson(value)] as const);
    records.push(Object.fromEntries(told.filter(([, value]) => value !== null)));
    await pace(1);
  }
  return records;
};

/** What the thread does that reads. */
const READER = `
const { parentPort, workerData: { bytes, libraries: [main, more], most, part } } = require("node:worker_threads");
(async () => {
  const [{ parquetReadObjects }, { compressors }] = await Promise.all([import(main), import(more)]);
  const rows = await parquetReadObjects({ file: bytes.buffer, compressors });
  if (rows.length > most) throw new Error("it has " + rows.length + " rows; accepted are " + most);
  for (let i = 0; i < rows.length; i += part) parentPort.postMessage({ rows: rows.slice(i, i + part) });
  parentPort.postMessage({ done: true });
})().catch((error) => parentPort.postMessage({ error: String(error?.message ?? error) }));
`;

interface ReaderMessage {
  readonly rows?: readonly object[];
  readonly done?: true;
  readonly error?: string;
}

const unpack = (
  { bytes, libraries }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly libraries: readonly string[] },
  seconds: number,
): Promise<readonly object[]> =>
  new Promise<readonly object[]>((resolve, reject) => {
    // A copy: the bytes may be a part of a larger buffer.
    const workerData = { bytes: Uint8Array.from(bytes), libraries, most: MOST_ROWS, part: ROWS_AT_ONCE };
    const read: object[] = [];
    const worker = new Worker(READER, {
      eval: true,
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MEGABYTES },
    });
    const timer = setTimeout(() => {
      reject(new Error(`reading it takes more than ${seconds} seconds`));
      void worker.terminate();
    }, seconds * 1000);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      settle();
      void worker.terminate();
    };
    worker.on("message", ({ rows = [], done, error }: ReaderMessage) => {
      for (const row of rows) read.push(row);
      if (done === true) end(() => resolve(read));
      else if (error !== undefined) end(() => reject(new Error(error)));
    });
    worker.on("error", (error) => end(() => reject(error)));
    worker.on("exit", () => end(() => reject(new Error("its reader ended"))));
  });

/** A value of a column as JSON would hold it; what is not a value is null. */
const asJson = (value: unknown): unknown => {
  if (value === undefined || value === null || Number.isNaN(value)) return null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString().replace("T00:00:00.000Z", "");
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(asJson);
  if (ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
};

const letters = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Where a library lies that only Parquet needs. */
const locate = (name: string): Promise<string> =>
  optionalPackage(name, () => pathToFileURL(createRequire(import.meta.url).resolve(name)).href);
