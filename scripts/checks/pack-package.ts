import { execFile } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/**
 * Builds the package into `folder` and packs it as npm does; gives the path of the archive. `alone` leaves out what it
 * depends on, so that it can be installed without a network.
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
  for (const name of ["models", "data", "NOTICE", "README.md", "LICENSE"])
    await cp(join(root, name), join(source, name), { recursive: true });
  const { scripts: _, ...published } = manifest;
  const { dependencies: __, optionalDependencies: ___, devDependencies: ____, ...rest } = published;
  await writeFile(join(source, "package.json"), JSON.stringify(alone ? rest : published));
  await run("npm", ["pack", "--ignore-scripts", "--offline", "--pack-destination", folder], {
    cwd: source,
    maxBuffer: 16 * 2 ** 20,
  });
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
};
