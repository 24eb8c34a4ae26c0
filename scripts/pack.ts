/**
 * Packs what is published: `agentflow` and, for each platform, a package with the library that models run on. npm
 * installs the one that fits; none has an install script.
 *
 *   npm run pack [-- --out out --platforms linux-x64,darwin-arm64]
 */
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { packPackage } from "./packing/pack-package.ts";
import { packRuntime, platforms } from "./packing/pack-runtime.ts";

const { values } = parseArgs({
  options: { out: { type: "string", default: "out" }, platforms: { type: "string", default: platforms.join(",") } },
});
const asked = values.platforms.split(",").map((name) => {
  const platform = platforms.find((known) => known === name);
  if (platform === undefined) throw new TypeError(`${name} is no platform: accepted are ${platforms.join(", ")}.`);
  return platform;
});
const out = resolve(values.out);
await mkdir(out, { recursive: true });
const folder = await mkdtemp(join(tmpdir(), "agentflow-pack-"));
try {
  const archives = [await packPackage(folder)];
  for (const platform of asked) archives.push(await packRuntime(folder, platform));
  for (const archive of archives) {
    const target = join(out, basename(archive));
    await rename(archive, target);
    console.log(`${((await stat(target)).size / 1e6).toFixed(1).padStart(5)} MB  ${target}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
