import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { messageOf, TaskError } from "../errors.ts";
import { refusal } from "../options.ts";
import { packageFolder } from "../package-folder.ts";
import type { Page } from "./page.ts";

/** The built-in offline world: real pages, and the hash of the file that holds them. */
export interface Almanac {
  readonly pages: readonly Page[];
  readonly byId: ReadonlyMap<string, Page>;
  /** SHA-256 of the data file, to name the world in a run's record. */
  readonly hash: string;
}

const schemaVersion = 1;
const dataFolder = new URL("data/", packageFolder);

const read = async (url: URL): Promise<Buffer> => {
  try {
    return await readFile(fileURLToPath(url));
  } catch (cause) {
    throw new TaskError(`The Almanac's file ${fileURLToPath(url)} cannot be read: ${messageOf(cause)}`, { cause });
  }
};

const parse = (text: string, file: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new TaskError(`${file} is not JSON: ${messageOf(cause)}. Restore it or rebuild the Almanac.`, { cause });
  }
  throw new TaskError(`${file} holds no JSON object. Restore it or rebuild the Almanac.`);
};

const expectSchema = (record: Record<string, unknown>, file: string): void => {
  if (record.schemaVersion === schemaVersion) return;
  const found = JSON.stringify(record.schemaVersion);
  throw new TaskError(`${file} has schemaVersion ${found}, accepted is ${schemaVersion}.`);
};

/**
 * Reads the Almanac and checks it against its manifest; each call reads anew, so keep the result.
 * Throws `TaskError` when a file is missing or damaged. `folder` is where the two files are.
 *
 * @example
 * ```ts
 * import { loadAlmanac } from "agentflow/almanac";
 *
 * const { pages } = await loadAlmanac();
 * console.log(pages.length);
 * ```
 */
export const loadAlmanac = async (folder: URL = dataFolder): Promise<Almanac> => {
  if (!(folder instanceof URL))
    throw refusal("loadAlmanac: the folder", folder, 'a URL, such as new URL("file:///data/")');
  const manifestUrl = new URL("almanac.manifest.json", folder);
  const dataUrl = new URL("almanac.json.gz", folder);
  const manifestFile = fileURLToPath(manifestUrl);
  const dataFile = fileURLToPath(dataUrl);
  const manifest = parse((await read(manifestUrl)).toString("utf8"), manifestFile);
  expectSchema(manifest, manifestFile);
  const bytes = await read(dataUrl);
  const hash = createHash("sha256").update(bytes).digest("hex");
  if (hash !== manifest.sha256) {
    throw new TaskError(
      `${dataFile} is damaged: its manifest expects sha256 ${String(manifest.sha256)}, found ${hash}. Restore both files from the same version.`,
    );
  }
  const data = parse((await promisify(gunzip)(bytes)).toString("utf8"), dataFile);
  expectSchema(data, dataFile);
  const pages = data.pages as readonly Page[];
  return Object.freeze({ pages: Object.freeze(pages), byId: new Map(pages.map((page) => [page.id, page])), hash });
};
