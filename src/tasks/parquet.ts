import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { ConfigError, messageOf, TaskError } from "../errors.ts";

const MAGIC = "PAR1";
/** A file that is made to look small can keep a reader busy for ever, or fill its memory: it reads beside, within limits. */
const SECONDS = 120;
const MEGABYTES = 4096;

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
      `${path} is no whole Parquet file: it has ${bytes.length} bytes, begins with ${start} and ends with ${end}; accepted is what begins and ends with "${MAGIC}". Download it again, or name it by what it holds (.json, .jsonl, .csv).`,
    );
  }
  const libraries = ["hyparquet", "hyparquet-compressors"].map(locate);
  const rows = await unpack({ bytes, libraries }, seconds).catch((cause: unknown) => {
    throw new TaskError(
      `${path} is a Parquet file that cannot be read: ${messageOf(cause)}. Download or write it again.`,
      {
        cause,
      },
    );
  });
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) => {
        const told = asJson(value);
        return told === null ? [] : [[name, told]];
      }),
    ),
  );
};

/** What the thread does that reads. */
const READER = `
const { parentPort, workerData: { bytes, libraries: [main, more] } } = require("node:worker_threads");
(async () => {
  const [{ parquetReadObjects }, { compressors }] = await Promise.all([import(main), import(more)]);
  parentPort.postMessage({ rows: await parquetReadObjects({ file: bytes.buffer, compressors }) });
})().catch((error) => parentPort.postMessage({ error: String(error?.message ?? error) }));
`;

const unpack = (
  { bytes, libraries }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly libraries: readonly string[] },
  seconds: number,
): Promise<readonly object[]> =>
  new Promise<readonly object[]>((resolve, reject) => {
    // A copy: the bytes may be a part of a larger buffer.
    const workerData = { bytes: Uint8Array.from(bytes), libraries };
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
    worker.on("message", ({ rows, error }: { readonly rows?: readonly object[]; readonly error?: string }) =>
      end(() => (rows === undefined ? reject(new Error(error)) : resolve(rows))),
    );
    worker.on("error", (error) => end(() => reject(error)));
    worker.on("exit", () => end(() => reject(new Error("its reader ended"))));
  });

/** A value of a column as JSON would hold it; what is no value is null. */
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
const locate = (name: string): string => {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve(name)).href;
  } catch (cause) {
    throw new ConfigError(`Reading a Parquet file needs the npm package ${name}. Run: npm install ${name}`, { cause });
  }
};
