import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const root = import.meta.dirname;
const source = (path: string): string => join(root, "../../src", path);

/**
 * Modules of Node that the sources name. The hash is ours; of all others only the names are there, for code that this page
 * never runs, and a call of one throws.
 */
const absent: Readonly<Record<string, readonly string[]>> = {
  "node:fs": ["readFileSync"],
  "node:fs/promises": ["open"],
  "node:path": ["sep"],
  "node:url": ["fileURLToPath"],
};

const nodeModules = (): Plugin => ({
  name: "node-modules",
  enforce: "pre",
  resolveId: (id) => {
    if (id === "node:crypto") return join(root, "src/node/crypto.ts");
    return Object.hasOwn(absent, id) ? `\0${id}` : undefined;
  },
  load: (id) => {
    const names = absent[id.slice(1)];
    if (!id.startsWith("\0") || names === undefined) return undefined;
    return names
      .map((name) => `export const ${name} = () => { throw new Error("${id.slice(1)} is not in a browser."); };`)
      .join("\n");
  },
});

/** Files of `public` that the page loads. */
const PUBLIC_FILES = ["config.json", "tokenizer.json", "model.safetensors"]
  .map((name) => `planner/${name}`)
  .concat("icon.svg");

const RUNTIME_FILE = "assets/runtime.bin";

/** Leaves out what a build takes for an asset and no code loads: the library's own copy of its runtime, and a source. */
const withoutStrays = (): Plugin => ({
  name: "without-strays",
  generateBundle(_, bundle) {
    for (const name of Object.keys(bundle)) if (/\.(?:wasm|ts)$/.test(name)) delete bundle[name];
  },
});

/** The WebAssembly runtime, compressed: a static host need not know how. */
const compressedRuntime = (): Plugin => ({
  name: "compressed-runtime",
  generateBundle() {
    const wasm = fileURLToPath(import.meta.resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
    this.emitFile({ type: "asset", fileName: RUNTIME_FILE, source: gzipSync(readFileSync(wasm), { level: 9 }) });
  },
});

/** Writes the service worker last, with the names of all files and a name of its cache that changes with any of them. */
const offline = (): Plugin => ({
  name: "offline",
  enforce: "post",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const hash = createHash("sha256");
      for (const [name, file] of Object.entries(bundle).sort(([a], [b]) => (a < b ? -1 : 1)))
        hash.update(name).update(file.type === "chunk" ? file.code : file.source);
      for (const name of PUBLIC_FILES) hash.update(name).update(readFileSync(join(root, "public", name)));
      const files = ["./", ...Object.keys(bundle).filter((name) => name !== "index.html"), ...PUBLIC_FILES];
      const text = readFileSync(join(root, "src/service-worker.js"), "utf8")
        .replace('"CACHE"', JSON.stringify(`archipelago-${hash.digest("hex").slice(0, 16)}`))
        .replace('["FILES"]', JSON.stringify(files));
      this.emitFile({ type: "asset", fileName: "service-worker.js", source: text });
    },
  },
});

/** One page of static files, for any folder of any host. */
export default defineConfig({
  root,
  base: "./",
  logLevel: "warn",
  define: { "process.platform": '"browser"', "process.arch": '"wasm"' },
  resolve: {
    alias: [
      { find: /^agentflow$/, replacement: source("index.ts") },
      { find: /^agentflow\/(.+)$/, replacement: source("$1/index.ts") },
      { find: /^onnxruntime-web$/, replacement: "onnxruntime-web/wasm" },
    ],
  },
  plugins: [nodeModules(), svelte({ configFile: false }), withoutStrays(), compressedRuntime(), offline()],
  worker: { format: "es", plugins: () => [nodeModules(), withoutStrays()] },
  build: {
    target: "es2023",
    cssTarget: "chrome123",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
  },
});
