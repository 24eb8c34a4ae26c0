/**
 * Checks the package as it would be published: publint and "are the types wrong?" on a packed build, knip on the sources
 * (unused files, exports and dependencies), and links of the documents that lead nowhere. It needs no network.
 *
 *   npm run check:package
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { packPackage } from "./packing/pack-package.ts";

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

/** Links of the published documents to files that are not published. */
const deadLinks = async (published: string): Promise<string[]> => {
  const files = (await readdir(published, { recursive: true })).filter(
    (file) => file.endsWith(".md") && !file.includes("node_modules"),
  );
  const dead = await Promise.all(
    files.map(async (file) => {
      const links = [...(await readFile(join(published, file), "utf8")).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)];
      return links
        .map(([, link = ""]) => link)
        .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(published, dirname(file), link)))
        .map((link) => `${file} → ${link}`);
    }),
  );
  return dead.flat();
};

/** Declarations that the entries reach and that need the types of Node.js: a user without them could not compile. */
const needNode = async (published: string): Promise<string[]> => {
  const { exports } = JSON.parse(await readFile(join(published, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly types: string }>>;
  };
  const found = new Set<string>();
  const seen = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = (await readFile(file, "utf8")).replace(/\/\*[\s\S]*?\*\//g, "");
    if (/\bBuffer\b|\bNodeJS\.|from "node:/.test(text)) found.add(file);
    for (const [, path = ""] of text.matchAll(/from "(\.[^"]+)"/g))
      await visit(join(dirname(file), path.replace(/\.[jt]s$/, ".d.ts")));
  };
  for (const { types } of Object.values(exports)) await visit(join(published, types));
  return [...found];
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
  const dead = await deadLinks(join(folder, "package"));
  for (const link of dead) console.log(`dead link: ${link}`);
  const nodeTypes = await needNode(join(folder, "package"));
  for (const file of nodeTypes) console.log(`needs the types of Node.js: ${file.slice(folder.length)}`);
  results.push(dead.length === 0 && nodeTypes.length === 0);
  if (!results.every(Boolean)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
