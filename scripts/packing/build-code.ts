import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

/** What is imported at once with this file is the core. */
const CORE = "src/flow/flow.ts";
/** What indexes name and what stays beside them: who bundles what else they name gets none of it. */
const BESIDE = ["src/flow/index.ts", "src/models/other-models.ts"];

/** Stands in front of a path from the top of `dist` until it is known from which file it is imported. */
const MARK = "dist:";
const built = (source: string): string => `${MARK}${source.replace(/^src\//, "").replace(/\.ts$/, ".js")}`;

export interface CodeOptions {
  /** The folder of the package, whose code is in `src`. */
  readonly root: string;
  readonly out: string;
  /** Paths from the root; each becomes a file of the same name. */
  readonly entryPoints: readonly string[];
}

/** Writes the code of `dist`: the core, the entry points, and chunks of what they share. */
export const buildCode = async ({ root, out, entryPoints }: CodeOptions): Promise<void> => {
  const options: BuildOptions = {
    absWorkingDir: root,
    outdir: out,
    outbase: "src",
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20.19",
    logLevel: "warning",
    write: false,
  };
  const core = await importedAtOnce(options);
  await refuseSameNames(options, core);
  const onDemand = new Set<string>();
  const all = [...core].map((file) => `export * from "./${file}";`).join("\n");
  await write(out, {
    ...options,
    stdin: { contents: all, resolveDir: root, sourcefile: "core.ts", loader: "ts" },
    entryNames: "core",
    plugins: [
      elsewhere(root, (file, kind) => {
        if (kind !== "dynamic-import" || core.has(file)) return undefined;
        onDemand.add(file);
        return built(file);
      }),
    ],
  });
  await write(out, {
    ...options,
    entryPoints: [...new Set([...entryPoints, ...BESIDE, ...onDemand])],
    splitting: true,
    plugins: [
      elsewhere(root, (file) => {
        if (core.has(file)) return `${MARK}core.js`;
        return BESIDE.includes(file) ? built(file) : undefined;
      }),
    ],
  });
};

/** The files that the core consists of: those that it loads on demand are not among them. */
const importedAtOnce = async (options: BuildOptions): Promise<ReadonlySet<string>> => {
  const { metafile } = await build({ ...options, entryPoints: [CORE], splitting: true, metafile: true });
  const { inputs } = metafile as Metafile;
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const { kind, path } of inputs[file]?.imports ?? []) if (kind === "import-statement") visit(path);
  };
  visit(CORE);
  return found;
};

/** The core exports what its files export: a name that two of them had would be nobody's. */
const refuseSameNames = async (
  { packages: _, ...options }: BuildOptions,
  files: ReadonlySet<string>,
): Promise<void> => {
  const { metafile } = await build({ ...options, bundle: false, entryPoints: [...files], metafile: true });
  const owners = new Map<string, string>();
  for (const { exports, entryPoint = "" } of Object.values((metafile as Metafile).outputs))
    for (const name of exports) {
      const other = owners.get(name);
      if (other !== undefined) throw new Error(`${other} and ${entryPoint} both export ${name}: rename one of them.`);
      owners.set(name, entryPoint);
    }
};

/** Leaves imports of files of ours to other files of `dist`, as `pathOf` says. */
const elsewhere = (root: string, pathOf: (file: string, kind: string) => string | undefined): Plugin => ({
  name: "elsewhere",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir, kind }) => {
      const found = kind === "entry-point" ? undefined : pathOf(relative(root, join(resolveDir, path)), kind);
      return found === undefined ? undefined : { path: found, external: true };
    });
  },
});

const write = async (out: string, options: BuildOptions): Promise<void> => {
  const { outputFiles = [] } = await build(options);
  for (const { path, text } of outputFiles) {
    const code = text.replace(/"dist:([^"]+)"/g, (_, target: string) => {
      const from = relative(dirname(path), join(out, target)).replaceAll("\\", "/");
      return JSON.stringify(from.startsWith(".") ? from : `./${from}`);
    });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
};
