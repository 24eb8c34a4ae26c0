import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { remove, rename, syncFolder } from "../files/file-calls.ts";
import { makeFolder } from "../files/make-folder.ts";
import { writeDurably, writeSynced } from "./durable.ts";

/** A state of a run, in files. */
export interface Checkpoint {
  /** Steps that were done. */
  readonly step: number;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A checkpoint that was found, and those that were not good. */
export interface FoundCheckpoint {
  readonly checkpoint: Checkpoint | undefined;
  /** Newer ones that are damaged, each with the file, the expected and the found hash. */
  readonly damage: readonly string[];
}

const FOLDER = "checkpoints";
const nameOf = (step: number): string => `step-${String(step).padStart(7, "0")}`;
const shape = /^step-(\d{7,})$/;
const hashOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/**
 * Writes a checkpoint so that it is there as a whole or not at all, whenever the process dies: every file is written and
 * synced in a draft folder, then the manifest with their hashes, then the folder gets its name, then `LATEST` points to
 * it. Only after that are older ones taken away, all but `keep`. Throws `StoreError`, with the older ones untouched.
 */
export const writeCheckpoint = async (
  run: string,
  { step, files }: Checkpoint,
  { keep = 2 }: { readonly keep?: number } = {},
): Promise<void> => {
  const root = join(run, FOLDER);
  const draft = join(root, `.tmp-${step}`);
  const folder = join(root, nameOf(step));
  try {
    await makeFolder(root);
    await remove(draft);
    await mkdir(draft);
    const hashes: Record<string, string> = {};
    for (const [name, content] of files) {
      await writeSynced(join(draft, name), content);
      hashes[name] = hashOf(content);
    }
    await writeSynced(join(draft, "manifest.json"), `${JSON.stringify({ schemaVersion: 1, step, files: hashes })}\n`);
    await syncFolder(draft);
    // One that was written before a crash, and is about to be written again: the same.
    await remove(folder);
    await rename(draft, folder);
    await syncFolder(root);
    await writeDurably(join(root, "LATEST"), `${nameOf(step)}\n`);
  } catch (error) {
    throw new StoreError(`Cannot write the checkpoint of step ${step} into ${root}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const steps = await stepsIn(run);
  for (const old of steps.slice(0, Math.max(0, steps.length - keep))) await remove(join(root, nameOf(old)));
};

/** Steps of the checkpoints of a run, oldest first, good or not. */
export const stepsIn = async (run: string): Promise<number[]> => {
  const names = await readdir(join(run, FOLDER)).catch(() => []);
  return names
    .flatMap((name) => shape.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
};

/**
 * The newest checkpoint whose every file has the hash that its manifest says, of those up to `most`. Damaged ones are
 * skipped and named: nothing is ever read from one.
 */
export const readCheckpoint = async (run: string, most = Number.POSITIVE_INFINITY): Promise<FoundCheckpoint> => {
  const damage: string[] = [];
  for (const step of (await stepsIn(run)).reverse()) {
    if (step > most) continue;
    const folder = join(run, FOLDER, nameOf(step));
    const read = await readOne(folder, step);
    if (typeof read !== "string") return { checkpoint: { step, files: read }, damage };
    damage.push(read);
  }
  return { checkpoint: undefined, damage };
};

const readOne = async (folder: string, step: number): Promise<ReadonlyMap<string, Uint8Array> | string> => {
  let manifest: { readonly schemaVersion?: unknown; readonly step?: unknown; readonly files?: unknown } | null;
  try {
    manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as typeof manifest;
  } catch (error) {
    return `${join(folder, "manifest.json")} cannot be read: ${messageOf(error)}`;
  }
  const listed = manifest?.files;
  if (manifest?.schemaVersion !== 1 || manifest.step !== step || typeof listed !== "object" || listed === null)
    return `${join(folder, "manifest.json")} is not the manifest of step ${step} (schemaVersion 1)`;
  const files = new Map<string, Uint8Array>();
  for (const [name, expected] of Object.entries(listed)) {
    const path = join(folder, name);
    if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) return `${folder} names the file ${JSON.stringify(name)}`;
    const content = await readFile(path).catch((error: Error) => error);
    if (content instanceof Error) return `${path} cannot be read: ${content.message}`;
    const found = hashOf(content);
    if (found !== expected)
      return `${path} is damaged: expected sha256 ${String(expected).slice(0, 12)}, found ${found.slice(0, 12)}`;
    files.set(name, new Uint8Array(content.buffer, content.byteOffset, content.byteLength));
  }
  return files;
};
