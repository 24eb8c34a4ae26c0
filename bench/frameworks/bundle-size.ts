import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** What a page or a function downloads before anything runs. */
export interface Bundle {
  /** Minified and packed, in KB. */
  readonly kilobytes: number;
  /** Minified bytes of each source file in it, the largest first. */
  readonly files: readonly (readonly [file: string, bytes: number])[];
}

/**
 * The bundle of a program, without what it loads on demand: the entry and all that it imports at once. `folder` is where its
 * packages are looked for, as they are published: no path of a tsconfig.json counts. Rejects where it cannot be bundled.
 */
export const bundleOf = async (program: string, folder: string): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    splitting: true,
    metafile: true,
    outdir: "out",
    platform: "node",
    format: "esm",
    external: ["undici"],
    tsconfigRaw: {},
    logLevel: "silent",
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [path.split("/").at(-1) ?? "", text]));
  const reached = new Set<string>();
  const visit = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, next = ""] of (texts.get(name) ?? "").matchAll(/(?:from|import)"\.\/([\w-]+\.js)"/g)) visit(next);
  };
  visit("stdin.js");
  const files = Object.entries(metafile.outputs)
    .filter(([path]) => reached.has(path.split("/").at(-1) ?? ""))
    .flatMap(([, { inputs }]) =>
      Object.entries(inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput] as const),
    )
    .filter(([, bytes]) => bytes > 0)
    .sort((a, b) => b[1] - a[1]);
  return { kilobytes: gzipSync([...reached].map((name) => texts.get(name) ?? "").join("\n")).length / 1024, files };
};
