import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, rename, stat } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { messageOf, StoreError } from "../../../errors.ts";
import { readJsonFile } from "./json-file.ts";

/** What a folder's `manifest.json` holds: every file with its hash, and what the writer says about them. */
export interface Manifest {
  readonly schemaVersion: 1;
  /** By name, with `/` between folders. The manifest itself is not in it. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
  /** Where the files come from: command, seed, sources. Free-form. */
  readonly about: Readonly<Record<string, unknown>>;
}

const manifestName = "manifest.json";

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const hashOf = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
};

/** Names that stay inside the folder. */
const isInside = (name: string): boolean =>
  name !== "" &&
  !isAbsolute(name) &&
  !name.includes("\\") &&
  !name.split("/").some((part) => part === ".." || part === "");

/**
 * Hashes every file of a folder and writes `manifest.json` beside them, atomically and last: a folder with a
 * manifest is complete. Throws `StoreError` when the folder cannot be read or written.
 */
export const writeManifest = async (
  folder: string,
  about: Readonly<Record<string, unknown>> = {},
): Promise<Manifest> => {
  try {
    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    const names = found
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
      .filter((name) => name !== manifestName && !name.endsWith(".tmp"))
      .sort();
    const files: [string, { sha256: string; bytes: number }][] = [];
    for (const name of names) {
      const path = join(folder, name);
      files.push([name, { sha256: await hashOf(path), bytes: (await stat(path)).size }]);
    }
    const manifest: Manifest = { schemaVersion: 1, files: Object.fromEntries(files), about };
    const draft = join(folder, `${manifestName}.tmp`);
    const handle = await open(draft, "w");
    try {
      await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, join(folder, manifestName));
    return manifest;
  } catch (error) {
    throw new StoreError(`Cannot write the manifest of ${folder}: ${messageOf(error)}`, { cause: error });
  }
};

/** Reads a folder's manifest without looking at the files. Throws `StoreError` when it is missing or damaged. */
export const readManifest = async (folder: string): Promise<Manifest> => {
  const path = join(folder, manifestName);
  let value: unknown;
  try {
    value = await readJsonFile(path);
  } catch (error) {
    throw error instanceof StoreError
      ? error
      : new StoreError(`Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (!isRecord(value) || !isRecord(value.files)) throw new StoreError(`${path} is damaged: it lists no files.`);
  if (value.schemaVersion !== 1)
    throw new StoreError(`${path} has schemaVersion ${JSON.stringify(value.schemaVersion)}; this version reads 1.`);
  for (const [name, file] of Object.entries(value.files)) {
    if (!isInside(name)) throw new StoreError(`${path} names ${JSON.stringify(name)}, which is outside its folder.`);
    if (
      !isRecord(file) ||
      typeof file.sha256 !== "string" ||
      !/^[0-9a-f]{64}$/.test(file.sha256) ||
      !Number.isSafeInteger(file.bytes)
    )
      throw new StoreError(`${path} is damaged: ${name} has no SHA-256 and size.`);
  }
  return { schemaVersion: 1, files: value.files as Manifest["files"], about: isRecord(value.about) ? value.about : {} };
};

/**
 * Checks that every file of a folder's manifest is there, with the size and the hash that it had when it was written.
 * Files that the manifest does not list are ignored. Throws `StoreError` naming the first file that differs.
 */
export const verifyManifest = async (folder: string): Promise<Manifest> => {
  const manifest = await readManifest(folder);
  for (const [name, { sha256, bytes }] of Object.entries(manifest.files)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) throw new StoreError(`${path} is missing, although ${manifestName} lists it.`);
    if (found.size !== bytes)
      throw new StoreError(`${path} is damaged: ${found.size} bytes, where ${manifestName} says ${bytes}.`);
    const hash = await hashOf(path);
    if (hash !== sha256)
      throw new StoreError(
        `${path} is damaged: its SHA-256 is ${hash.slice(0, 12)}…, where ${manifestName} says ${sha256.slice(0, 12)}….`,
      );
  }
  return manifest;
};
