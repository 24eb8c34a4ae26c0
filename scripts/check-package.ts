/**
 * Checks the package as it would be published: publint and "are the types wrong?" on a packed build, knip on the sources
 * (unused files, exports and dependencies). It needs no network.
 *
 *   npm run check:package
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { packPackage } from "./checks/pack-package.ts";

const root = join(import.meta.dirname, "..");
const modules = join(root, "node_modules");
const run = promisify(execFile);

/** Runs a program of a package; true when it finds nothing. */
const passes = async (name: string, program: string, ...args: readonly string[]): Promise<boolean> => {
  const begun = performance.now();
  const found = await run(process.execPath, [join(modules, program), ...args], { cwd: root }).then(
    () => "",
    ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }) => `${stdout}${stderr}` || "it failed",
  );
  if (found !== "") console.log(found);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`package: ${name} ${found === "" ? "finds nothing" : "finds faults"} (${seconds} s)`);
  return found === "";
};

const folder = await mkdtemp(join(tmpdir(), "agentflow-package-"));
try {
  const archive = await packPackage(folder);
  const results = [
    await passes("publint", "publint/src/cli.js", "run", archive, "--strict"),
    // Only ES modules are published; the types of what they import come from the package itself.
    await passes(
      "attw",
      "@arethetypeswrong/cli/dist/index.js",
      archive,
      "--profile",
      "esm-only",
      "--no-definitely-typed",
      "--no-color",
    ),
    await passes("knip", "knip/bin/knip.js", "--no-progress"),
  ];
  if (!results.every(Boolean)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
