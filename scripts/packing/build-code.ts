import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";

/** What is imported at once with this file is the core. */
const CORE = "src/flow/flow.ts";
/** What the package's first index names beside the core is one file as well, named after this one. */
const INDEX = "src/index.ts";
const BESIDE = "src/flow/index.ts";
/** What another index names stays in a file of its own: who bundles what else it names gets none of it. */
const OWN = ["src/models/other-models.ts"];

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
  const imports = await importsOf(options, [CORE, INDEX]);
  const core = reached(imports, [CORE]);
  const onDemand = [...core].flatMap((file) => imports(file, "dynamic-import")).filter((file) => !core.has(file));
  const loadedLater = reached(imports, onDemand, core);
  const beside = reached(imports, [BESIDE], core, loadedLater);
  // What is loaded on demand and what stands beside the core share files: each is one by itself.
  const shared = [...reached(imports, [BESIDE], core)].filter((file) => loadedLater.has(file));
  const fileOf = (file: string): string | undefined => {
    if (core.has(file)) return `${MARK}core.js`;
    if (beside.has(file)) return built(BESIDE);
    return shared.includes(file) || OWN.includes(file) ? built(file) : undefined;
  };
  await refuseSameNames(options, [...core]);
  // The index names again what its files export.
  await refuseSameNames(
    options,
    [...beside].filter((file) => file !== BESIDE),
  );
  const whole = (files: ReadonlySet<string>, name: string): Promise<void> =>
    write(out, {
      ...options,
      stdin: {
        contents: [...files].map((file) => `export * from "./${file}";`).join("\n"),
        resolveDir: root,
        sourcefile: `${name}.ts`,
        loader: "ts",
      },
      entryNames: name,
      plugins: [
        elsewhere(root, (file, kind) => {
          if (files.has(file)) return undefined;
          return fileOf(file) ?? (kind === "dynamic-import" ? built(file) : undefined);
        }),
      ],
    });
  await whole(core, "core");
  await whole(beside, "flow/index");
  await write(out, {
    ...options,
    entryPoints: [...new Set([...entryPoints, ...OWN, ...onDemand, ...shared])],
    splitting: true,
    plugins: [elsewhere(root, fileOf)],
  });
};

type Imports = (file: string, kind: "import-statement" | "dynamic-import") => readonly string[];

/** What each file imports, of all that the entry points reach. */
const importsOf = async (options: BuildOptions, entryPoints: readonly string[]): Promise<Imports> => {
  const { metafile } = await build({ ...options, entryPoints: [...entryPoints], splitting: true, metafile: true });
  const { inputs } = metafile as Metafile;
  return (file, kind) => (inputs[file]?.imports ?? []).flatMap((one) => (one.kind === kind ? one.path : []));
};

/** What is imported at once with some files, they themselves included, except for `others`. */
const reached = (
  imports: Imports,
  files: readonly string[],
  ...others: readonly ReadonlySet<string>[]
): ReadonlySet<string> => {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file) || others.some((other) => other.has(file))) return;
    found.add(file);
    for (const next of imports(file, "import-statement")) visit(next);
  };
  for (const file of files) visit(file);
  return found;
};

/** A file made of several exports what they export: a name that two of them had would be nobody's. */
const refuseSameNames = async ({ packages: _, ...options }: BuildOptions, files: readonly string[]): Promise<void> => {
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
    // No file does anything when it is imported ("sideEffects": false): what is imported for that alone is left out.
    const used = text.replace(/^import "\.{1,2}\/[^"]+";\n/gm, "");
    const code = used.replace(/"dist:([^"]+)"/g, (_, target: string) => {
      const from = relative(dirname(path), join(out, target)).replaceAll("\\", "/");
      return JSON.stringify(from.startsWith(".") ? from : `./${from}`);
    });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
};
