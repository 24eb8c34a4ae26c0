import { randomInt } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { AgentFlowError, ConfigError, messageOf, StoreError } from "../../../errors.ts";
import { makeFolder } from "../../../files/make-folder.ts";
import { verifyManifest, writeManifest } from "./manifest.ts";

/** Makes a folder's list of names survive a power cut. Windows cannot open folders and needs no such step. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Writes a file, part after part, and syncs it. It may stand half-written: for drafts only. */
export const writeSynced = async (
  path: string,
  parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> => {
  const handle = await open(path, "w");
  try {
    for await (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Checks that a folder may be written: it is not there, is empty, or is one that we wrote and nobody changed or added
 * to, which will be replaced. Throws `ConfigError` for anything else, so that no one's files are lost.
 */
const requireOurs = async (folder: string): Promise<void> => {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return [];
      throw new ConfigError(`Cannot write the folder ${folder}: ${messageOf(cause)}`, { cause });
    },
  );
  const names = found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== join(folder, "manifest.json"));
  if (found.length === 0) return;
  const refused = (why: string, cause?: unknown): ConfigError =>
    new ConfigError(`${folder} has something in it and is not replaced: ${why} Name another folder, or remove it.`, {
      cause,
    });
  const manifest = await verifyManifest(folder).catch((cause) => {
    throw refused(`it is not a folder that was written here whole (${messageOf(cause)}).`, cause);
  });
  const foreign = names.find((path) => !Object.keys(manifest.files).some((name) => join(folder, name) === path));
  if (foreign !== undefined) throw refused(`${foreign} was added to it.`);
};

/**
 * Writes a folder so that its path never shows half of it: `fill` writes into a draft beside it, the manifest comes
 * last, then the draft takes the place. An older folder of ours is replaced (`requireOurs`). Throws `StoreError` when
 * writing fails, with nothing left behind.
 */
export const writeWholeFolder = async (
  folder: string,
  about: Readonly<Record<string, unknown>>,
  fill: (draft: string) => Promise<void>,
): Promise<void> => {
  await requireOurs(folder);
  const place = resolve(folder);
  const draft = `${place}.tmp-${randomInt(2 ** 47)}`;
  try {
    await makeFolder(draft);
    await fill(draft);
    await writeManifest(draft, about);
    await syncFolder(draft);
    await requireOurs(folder);
    await rm(place, { recursive: true, force: true });
    await rename(draft, place);
    await syncFolder(dirname(place));
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
    if (cause instanceof AgentFlowError) throw cause;
    throw new StoreError(`Cannot write the folder ${folder}: ${messageOf(cause)}`, { cause });
  }
};
