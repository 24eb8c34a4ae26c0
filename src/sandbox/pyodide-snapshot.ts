import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import { makeFolder } from "../files/make-folder.ts";
import { PYODIDE_CHILD } from "./pyodide-child.ts";

/** The file begins with the hash of what follows. */
const HASH_BYTES = 32;

const hashOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/**
 * Where a picture of the interpreter's memory after its start lies, its packages imported, which makes the next starts
 * several times quicker. It is made once for a version and its packages, kept beside the models, and made again when its
 * hash does not fit. Undefined where it cannot be made or kept: then every start is a whole one.
 */
export const snapshotOf = async (
  make: () => Promise<Buffer | undefined>,
  packages: readonly string[],
): Promise<string | undefined> => {
  const { version } = createRequire(import.meta.url)("pyodide/package.json") as { readonly version: string };
  try {
    const made = hashOf(Buffer.from(PYODIDE_CHILD), ...(await Promise.all(packages.map((path) => readFile(path)))));
    const name = `pyodide-${version}-${process.version}-${process.arch}-${made.toString("hex").slice(0, 12)}.snapshot`;
    const path = join(cacheFolder(process.env), "sandbox", name);
    if (await isWhole(path)) return path;
    const picture = await make();
    if (picture === undefined) return undefined;
    await makeFolder(dirname(path));
    const beside = `${path}.${process.pid}`;
    try {
      await writeFile(beside, Buffer.concat([hashOf(picture), picture]), { mode: 0o600 });
      await rename(beside, path);
    } finally {
      await rm(beside, { force: true });
    }
    return path;
  } catch {
    // A cache that cannot be written costs time only.
    return undefined;
  }
};

/** Whether a picture is there and is what was written. */
export const isWhole = async (path: string): Promise<boolean> => {
  const file = await readFile(path).catch(() => Buffer.alloc(0));
  return file.length > HASH_BYTES && hashOf(file.subarray(HASH_BYTES)).equals(file.subarray(0, HASH_BYTES));
};
