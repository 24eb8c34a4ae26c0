import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";

/**
 * SQLite does not notice every byte that changed. Four bytes that its format leaves to programs (`application_id`) hold
 * the beginning of the hash of all others, so that a file is either whole or known to be damaged.
 */
const AT = 68;
const BYTES = 4;

/** Seals a SQLite file that is complete, and syncs it. */
export const seal = async (path: string): Promise<void> => {
  const { wanted } = await sealsOf(path);
  const handle = await open(path, "r+");
  try {
    await handle.write(wanted, 0, BYTES, AT);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Whether a file is there, and as it was when it was sealed. */
export const isSealed = (path: string): Promise<boolean> =>
  sealsOf(path).then(
    ({ wanted, found }) => found.equals(wanted),
    // What cannot be read is not whole either.
    () => false,
  );

const sealsOf = async (path: string): Promise<{ readonly wanted: Buffer; readonly found: Buffer }> => {
  const hash = createHash("sha256");
  let found: Buffer | undefined;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    if (found === undefined) {
      found = Buffer.from(chunk.subarray(AT, AT + BYTES));
      chunk.fill(0, AT, AT + BYTES);
    }
    hash.update(chunk);
  }
  return { wanted: hash.digest().subarray(0, BYTES), found: found ?? Buffer.alloc(0) };
};
