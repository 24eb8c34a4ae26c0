import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { packageFolder } from "../package-folder.ts";
import type { ReproductionMeta } from "./report.ts";

/** A checkout says its commit; a package that was installed has none. */
const commitOf = async (folder: string): Promise<string> => {
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)("git", ["-C", folder, ...args], { timeout: 10_000 })).stdout.trim();
  try {
    const commit = await git("rev-parse", "--short=7", "HEAD");
    return `${commit}${(await git("status", "--porcelain", "--untracked-files=no")) === "" ? "" : "+"}`;
  } catch {
    return "a published package";
  }
};

/** When, with what and where a reproduction is made. */
export const metaOf = async (
  seeds: readonly number[],
  steps: number,
  now: Date = new Date(),
): Promise<ReproductionMeta> => {
  const folder = fileURLToPath(packageFolder);
  const { version } = JSON.parse(await readFile(new URL("package.json", packageFolder), "utf8")) as {
    readonly version: string;
  };
  return {
    date: now.toISOString().slice(0, 10),
    commit: await commitOf(folder),
    version,
    machine: `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? "an unknown processor"}`,
    seeds,
    steps,
  };
};
