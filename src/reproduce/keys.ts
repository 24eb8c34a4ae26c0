import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeFolder, packageFolder } from "../package-folder.ts";
import { type Arm, neededBy } from "./arm.ts";
import type { Sizes } from "./options.ts";

/** Raised when what an arm does has changed in this folder. */
const REVISION = 1;

/** Folders whose code shows results and decides none; this one is stood for by `REVISION`. */
const SHOWN = new Set(["cli", "server", "review", "dashboard", "reproduce", "testing", "workers"]);

const hashOf = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** The hash of the code that decides results. */
export const codeHash = async (): Promise<string> => {
  const root = fileURLToPath(codeFolder);
  const files = (await readdir(root, { recursive: true }))
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /\.(?:ts|js)$/.test(file) && !/\.(?:test|d)\.ts$/.test(file))
    .filter((file) => !SHOWN.has(file.split("/", 1)[0] ?? ""))
    .sort();
  const hashes: string[] = [];
  for (const file of files) hashes.push(`${file} ${hashOf(await readFile(join(root, file)))}`);
  return hashOf(hashes.join("\n"));
};

/** The hash of the planner that arms begin with: its manifest names the hash of every file. */
export const modelHash = async (name: string): Promise<string> =>
  hashOf(await readFile(new URL(`models/${name}/manifest.json`, packageFolder)));

/** What all arms of a reproduction have in common. */
export interface Ground {
  readonly code: string;
  readonly model: string;
  /** Of the environment's data. */
  readonly world: string;
  readonly steps: number;
  readonly sizes: Sizes;
}

/** The key of an arm for a seed: a hash of all that its result depends on, the arms that it needs included. */
export const keyOf = (arms: Readonly<Record<string, Arm>>, name: string, seed: number, ground: Ground): string => {
  const arm = arms[name];
  if (arm === undefined) throw new RangeError(`There is no arm ${name}.`);
  const { about: _, ...decides } = arm;
  const needs = neededBy(arm).map((needed) => keyOf(arms, needed, seed, ground));
  return hashOf(JSON.stringify([REVISION, ground, decides, seed, needs])).slice(0, 12);
};
