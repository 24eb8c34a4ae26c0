import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { StoreError } from "../errors.ts";
import { begunIn, type Extent } from "./lines.ts";

/** What a run that has ended consisted of: every file with its length and hash. */
export type Seal = Readonly<Record<string, Extent>>;

export const SEAL = "seal.json";

/** What comes and goes beside the files of a run: who owns it, the index that queries make, and the seal itself. */
const isOutside = (name: string): boolean => /^(?:\.owner|\.queue|index\.sqlite)/.test(name) || name === SEAL;

/** Files of a run by name, with `/` between folders; links and other things that are not files have their names too. */
const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((name) => !isOutside(name))
    .sort();

const extentIn = async (path: string): Promise<Extent> => {
  const { bytes, hash } = await begunIn(path);
  return { bytes, sha256: hash.digest("hex") };
};

/** Every file of a run that has ended: as it was written where that is known, and else as it lies there. */
export const sealOf = async (folder: string, written: Seal): Promise<Seal> => {
  const names = new Set([...(await namesIn(folder)), ...Object.keys(written)]);
  const files: [string, Extent][] = [];
  for (const name of [...names].sort()) files.push([name, written[name] ?? (await extentIn(join(folder, name)))]);
  return Object.fromEntries(files);
};

/** What was changed, removed or added since a run ended, a line a file that begins with its name. Throws `StoreError`. */
export const changesSince = async (folder: string): Promise<string[]> => {
  const path = join(folder, SEAL);
  const seal = await readSeal(path);
  const names = new Set(await namesIn(folder));
  const changes = [...names].filter((name) => !Object.hasOwn(seal, name)).map((name) => `${name} was added`);
  for (const [name, { bytes, sha256 }] of Object.entries(seal)) {
    if (!names.has(name)) {
      changes.push(`${name} is missing`);
      continue;
    }
    const found = await extentIn(join(folder, name));
    if (found.sha256 === sha256 && found.bytes === bytes) continue;
    changes.push(
      `${name} was changed: ${bytes} bytes with the SHA-256 ${sha256.slice(0, 12)}… stand in ${SEAL}, ${found.bytes} with ${found.sha256.slice(0, 12)}… are there`,
    );
  }
  return changes.sort();
};

const readSeal = async (path: string): Promise<Seal> => {
  let value: { readonly schemaVersion?: unknown; readonly files?: unknown } | null;
  try {
    value = JSON.parse(await readFile(path, "utf8")) as typeof value;
  } catch (error) {
    throw new StoreError(`${SEAL} cannot be read, which a run gets with its report: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const files = value?.files;
  if (value?.schemaVersion !== 1 || typeof files !== "object" || files === null)
    throw new StoreError(`${SEAL} is damaged: it lists no files (schemaVersion 1).`);
  for (const [name, extent] of Object.entries(files as Readonly<Record<string, Partial<Extent> | null>>))
    if (!Number.isSafeInteger(extent?.bytes) || !/^[0-9a-f]{64}$/.test(extent?.sha256 ?? ""))
      throw new StoreError(`${SEAL} is damaged: ${JSON.stringify(name)} has no length and SHA-256.`);
  return files as Seal;
};
