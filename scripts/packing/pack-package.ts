import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { runtimePackages, runtimeVersion } from "./pack-runtime.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** What is published beside `dist`: what README points to lies where it points. */
const PUBLISHED = [
  ...["models", "data", "docs", "examples"],
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LOG.md", "LICENSE", "NOTICE"],
];

/** Packs a folder as npm does into `folder`. */
export const npmPack = async (source: string, folder: string): Promise<void> => {
  const args = ["pack", "--ignore-scripts", "--offline", "--pack-destination", folder];
  await run("npm", args, { cwd: source, maxBuffer: 16 * 2 ** 20 });
};

/**
 * Builds the package into `folder` and packs it as npm does; gives the path of the archive. Its native runtime is a small
 * package of the user's platform (`packRuntime`), not onnxruntime-node, which holds the files of all platforms and has an
 * install script. `alone` leaves out what it depends on, so that it can be installed without a network.
 */
export const packPackage = async (
  folder: string,
  { alone = false }: { readonly alone?: boolean } = {},
): Promise<string> => {
  const source = join(folder, "package");
  await mkdir(source);
  const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const build = ["--import", "tsx", join(root, "scripts/build.ts"), "--out", join(source, "dist")];
  await run(process.execPath, build, { cwd: root });
  for (const name of PUBLISHED) await cp(join(root, name), join(source, name), { recursive: true });
  const { scripts: _, allowScripts: __, devDependencies: ___, dependencies, optionalDependencies, ...rest } = manifest;
  const { "onnxruntime-node": ____, ...optional } = optionalDependencies;
  const version = await runtimeVersion();
  for (const name of runtimePackages) optional[name] = version;
  const depended = alone ? {} : { dependencies, optionalDependencies: optional };
  await writeFile(join(source, "package.json"), JSON.stringify({ ...rest, ...depended, files: undefined }, null, 2));
  await npmPack(source, folder);
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
};
