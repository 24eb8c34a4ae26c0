/**
 * Builds the documentation into `web/docs/dist`, static files for any host: pages from `docs/`, a reference of commands,
 * configuration, errors and interfaces from the code. Fails on a dead link. `npm run build:docs` installs what it needs
 * first; `DOCS_BASE=/agentflow/` is for a host that serves it below a path.
 *
 *   npm run build:docs
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkSite } from "./docs/check-site.ts";
import { writePages } from "./docs/pages.ts";
import { writeReference } from "./docs/reference.ts";

const root = join(import.meta.dirname, "..");
const site = join(root, "web/docs");
const pages = join(site, "pages");
const dist = join(site, "dist");

const run = (program: string, ...args: readonly string[]): void => {
  const { status, output } = spawnSync(process.execPath, [join(site, "node_modules", program), ...args], { cwd: site });
  if (status === 0) return;
  console.error(output.join(""));
  throw new Error(`${program} ended with ${status}`);
};

const started = performance.now();
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

for (const folder of [pages, dist]) rmSync(folder, { recursive: true, force: true });
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default: string }>>;
};
const entries = Object.values(exports).map(({ default: built }) =>
  join(root, built.replace("./dist/", "src/").replace(/\.js$/, ".ts")),
);
run("typedoc/bin/typedoc", "--options", "typedoc.json", ...entries.flatMap((entry) => ["--entryPoints", entry]));
const typedoc = seconds(started);
writePages(root, pages);
writeReference(root, pages);
const rendering = performance.now();
run("vitepress/bin/vitepress.js", "build");
const vitepress = seconds(rendering);

const { faults, files, links } = checkSite(dist, process.env.DOCS_BASE ?? "/");
for (const fault of faults) console.error(fault);
console.log(
  `docs: ${files} pages, ${links} links, ${faults.length} faults; ${seconds(started)} (TypeDoc ${typedoc}, VitePress ${vitepress})`,
);
if (faults.length > 0) process.exitCode = 1;
