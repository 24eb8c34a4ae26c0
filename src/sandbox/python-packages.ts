import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Zip files of pure Python that programs may import (wheels are such), from AGENTFLOW_PYTHON_PACKAGES: a folder, or paths
 * with the system's delimiter between. SymPy needs two of them, sympy and mpmath.
 */
export const pythonPackages = async (
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string[]> => {
  const named = (environment.AGENTFLOW_PYTHON_PACKAGES ?? "").split(process.platform === "win32" ? ";" : ":");
  const found: string[] = [];
  for (const path of named.filter((one) => one !== "")) {
    const folder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
    const names = folder ? (await readdir(path)).sort().map((name) => join(path, name)) : [path];
    found.push(...names.filter((name) => /\.(?:whl|zip)$/i.test(name)));
  }
  return found;
};
