/**
 * Builds `dist`: declarations from the compiler, and code bundled so that importing the package reads few files. What
 * `createFlow` imports at once is one file, `core.js`, and what the index names beside it another; what is loaded on demand
 * are files of their own, so that a bundle of `createFlow` holds little else. What several entry points share besides lies in chunks. Each
 * module is in one file, so that a class is the same one wherever it is imported from. The dashboard is a folder beside them.
 *
 *   npm run build [-- --out dist]
 */
import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildCode } from "./packing/build-code.ts";
import { buildDashboard } from "./packing/build-dashboard.ts";

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist") } } });
const out = resolve(values.out);
const { exports, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly default: string }>>;
  readonly bin: { readonly agentflow: string };
};
const code = [...Object.values(exports).map((entry) => entry.default), bin.agentflow];
/** `./dist/train/index.js` → `src/train/index.ts`. */
const sourceOf = (path: string): string => path.replace(/^(?:\.\/)?dist\//, "src/").replace(/\.js$/, ".ts");

/** What threads run is found by its path in `src` (see `src/threads/threads.ts`). */
const threadModules = (readdirSync(join(root, "src"), { recursive: true }) as string[])
  .filter((file) => file.endsWith("-thread.ts"))
  .map((file) => join("src", file));

rmSync(out, { recursive: true, force: true });
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", out], { cwd: root, stdio: "inherit" });
await buildCode({
  root,
  out,
  // The folder of the package is found from a file at the top of `dist`; SQL from users runs in a separate process.
  entryPoints: [
    ...code.map(sourceOf),
    "src/package-folder.ts",
    "src/store/query-process.ts",
    "src/threads/entry.ts",
    "src/threads/work.ts",
    ...threadModules,
  ],
});
await buildDashboard(join(out, "dashboard"));
chmodSync(join(out, "cli", "main.js"), 0o755);
