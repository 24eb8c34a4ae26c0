/**
 * Every type that an export mentions is exported: who takes a value of a public function can name its type. Reads the
 * declarations that the compiler emits for each entry of package.json. Types of other packages are theirs to export, and
 * what `typeof` asks of a value is no name.
 *
 *   npm run exports
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Declared, declarationsIn } from "./checks/declarations.ts";

/** A declaration whose mention has to be found, or this check finds nothing. */
const broken = declarationsIn(
  "/broken.d.ts",
  "interface Hidden {}\nexport interface Shown<T> { of(a: T): Hidden[] }\n",
);
const seen = [...(broken.declared.get("Shown")?.mentions ?? [])];
if (seen.join() !== "Hidden") throw new Error(`Of the broken declaration ${seen.join() || "nothing"} is found.`);

const root = join(import.meta.dirname, "..");
const out = mkdtempSync(join(tmpdir(), "agentflow-exports-"));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly types: string }>>;
};

const files = new Map<string, ReturnType<typeof declarationsIn>>();
const fileAt = (path: string): ReturnType<typeof declarationsIn> => {
  const known = files.get(path) ?? declarationsIn(path, readFileSync(path, "utf8"));
  files.set(path, known);
  return known;
};

/** Where a name that a file imports, re-exports or declares stands; undefined for one of another package or the language. */
const originOf = (path: string, name: string): { readonly path: string; readonly declared: Declared } | undefined => {
  const { declared, imported, reExported } = fileAt(path);
  const own = declared.get(name);
  if (own !== undefined) return { path, declared: own };
  const from = imported.get(name) ?? reExported.get(name);
  return from === undefined ? undefined : originOf(from.path, from.name);
};

const faults: string[] = [];
let checked = 0;
try {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", out], { cwd: root, stdio: "inherit" });
  const entries = Object.entries(exports).map(([entry, { types }]) => ({
    entry: entry.replace(/^\./, "agentflow"),
    path: join(out, types.replace(/^\.\/dist\//, "")),
  }));
  const publicNames = entries.flatMap(({ entry, path }) =>
    [...fileAt(path).exported].map((name) => ({ entry, name, origin: originOf(path, name) })),
  );
  const isPublic = new Set(
    publicNames.flatMap(({ origin }) => (origin === undefined ? [] : [`${origin.path}#${origin.declared.name}`])),
  );
  for (const { entry, name, origin } of publicNames) {
    if (origin === undefined) continue;
    checked += 1;
    for (const mentioned of origin.declared.mentions) {
      const target = originOf(origin.path, mentioned);
      if (target === undefined || isPublic.has(`${target.path}#${target.declared.name}`)) continue;
      const source = `src/${relative(out, target.path).replace(/\.d\.ts$/, ".ts")}`;
      faults.push(`${entry}: ${name} mentions ${target.declared.name} (${source}), which no entry exports`);
    }
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}

for (const fault of [...new Set(faults)].sort()) console.error(fault);
console.log(`exports: ${checked} names of ${Object.keys(exports).length} entries, ${new Set(faults).size} faults`);
if (faults.length > 0) process.exitCode = 1;
