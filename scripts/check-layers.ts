/**
 * Checks who imports whom. Nouns (files in `src/`) import nouns only, a part never sees its siblings, and nothing
 * imports in a circle. Tests may import across folders; shipped code never imports a test. And the streams of the process
 * have one writer.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Part → the parts that it may import, besides itself. `*`: everything. `nouns` are the files in `src/`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  nouns: [],
  index: ["*"],
  flow: ["nouns"],
  tools: ["nouns", "sandbox"],
  sandbox: ["nouns"],
  tasks: ["nouns"],
  store: ["nouns"],
  testing: ["nouns"],
  "engines/onnx": ["nouns"],
  "engines/tinker": ["nouns"],
  models: ["nouns", "engines/onnx", "engines/tinker"],
  train: ["nouns", "flow", "store"],
  server: ["nouns", "flow", "train", "store", "models"],
  cli: ["*"],
};

/** Who may name the streams of a process, and why: all else is written through `cli/screen.ts`, which escapes it. */
const mayWrite: Readonly<Record<string, string>> = {
  "cli/terminal.ts": "gives the streams to the screens",
  "cli/waiting.ts": "says the last line of a process that is ended under it, where no stream has its turn any more",
  "sandbox/pyodide-child.ts": "writes its result into a pipe to its parent",
  "sandbox/wasi-child.ts": "writes its result into a pipe to its parent",
  "store/query-process.ts": "writes its result into a pipe to its parent",
};
const WRITES = [
  /\bprocess\s*(?:\?\.|\.|\[\s*["'`])\s*(?:stdout|stderr|_rawDebug)\b/,
  /\b(?:stdout|stderr)\b[^;{}]*\}\s*=\s*(?:globalThis\.)?process\b/,
  /\bconsole\s*(?:\?\.|\.|\[)\s*["'`]?\w/,
  /["'`](?:node:)?(?:tty|console|repl)["'`]/,
  /["'`]inherit["'`]|\/dev\/(?:tty|stdout|stderr|fd\/[12])\b/,
  /\bwrite(?:v|File|)(?:Sync)?\(\s*[12]\s*,/,
];

const source = resolve(dirname(fileURLToPath(import.meta.url)), "../src");
const isTest = (file: string): boolean => file.endsWith(".test.ts");

/** The part of a file, given relative to `src/`: its folder, `engines/<name>`, or `nouns`. */
const partOf = (file: string): string => {
  const [first = "", second = "", third] = file.split("/");
  if (second === "") return first === "index.ts" ? "index" : "nouns";
  return first === "engines" && third !== undefined ? `engines/${second}` : first;
};

/** Relative imports, re-exports and dynamic imports of a file, as paths relative to `src/`. */
const importsOf = (file: string): string[] => {
  const text = readFileSync(join(source, file), "utf8");
  const found = text.matchAll(/(?:^|[\s;}])(?:from|import)\s*\(?\s*"(\.[^"]*)"/g);
  return [...found].map(([, path = ""]) =>
    relative(source, resolve(source, dirname(file), path)).replaceAll("\\", "/"),
  );
};

/** One import circle through the files, as a path that ends where it began; undefined when there is none. */
const findCycle = (graph: ReadonlyMap<string, readonly string[]>): string[] | undefined => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
};

const namesStream = (file: string): boolean => {
  const text = readFileSync(join(source, file), "utf8");
  return WRITES.some((pattern) => pattern.test(text));
};

const files = (readdirSync(source, { recursive: true }) as string[])
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .sort();
const graph = new Map(files.filter((file) => !isTest(file)).map((file) => [file, importsOf(file)]));
const faults: string[] = [];

for (const [file, imports] of graph) {
  const part = partOf(file);
  const allowed = mayImport[part];
  if (allowed === undefined) faults.push(`src/${file}: folder ${part} has no row in scripts/check-layers.ts`);
  if (!Object.hasOwn(mayWrite, file) && namesStream(file))
    faults.push(`src/${file} writes to a stream of the process: only ${Object.keys(mayWrite).join(" and ")} may`);
  for (const target of imports) {
    const to = partOf(target);
    if (isTest(target)) faults.push(`src/${file} imports the test src/${target}`);
    else if (target.startsWith("..")) faults.push(`src/${file} imports ${target}, outside src/`);
    else if (allowed !== undefined && to !== part && !allowed.includes(to) && !allowed.includes("*"))
      faults.push(
        `src/${file} (${part}) may not import src/${target} (${to}): only ${["itself", ...allowed].join(", ")}`,
      );
  }
}
const cycle = findCycle(graph);
if (cycle !== undefined) faults.push(`import cycle: ${cycle.map((file) => `src/${file}`).join(" → ")}`);

for (const fault of faults) console.error(fault);
console.log(`layers: ${graph.size} files, ${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
