/**
 * Prints the house as a table: each folder with its lines against its budget, its longest file and its longest function. It
 * fails on an import that the table does not allow, on a circle, on a folder or file or function beyond its budget, on a
 * public folder without an export, on an import of the command line by scripts and tests that are not about it, and on a
 * second writer to the streams of the process.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { longestFunction } from "./checks/longest-function.ts";

interface Part {
  /** The parts that it may import, besides itself. `*`: everything. */
  readonly imports: readonly string[];
  /** Lines of shipped code. */
  readonly lines: number;
  /** The subpath of its export. */
  readonly export?: string;
}

/** What all parts may import: the nouns, and the few mechanisms that stand beside them. */
const ground = ["nouns", "secrets", "threads", "files"];

/** What puts a whole flow together may import. */
const belowSetup = [
  ...ground,
  "flow",
  "train",
  "store",
  "models",
  "engines/onnx",
  "tasks",
  "tools",
  "almanac",
  "learn",
];

const parts: Readonly<Record<string, Part>> = {
  nouns: { imports: ["secrets", "threads", "files"], lines: 3050 },
  secrets: { imports: ["nouns"], lines: 900 },
  threads: { imports: ["nouns"], lines: 400 },
  files: { imports: ["nouns"], lines: 420 },
  patterns: { imports: ["nouns"], lines: 600 },
  index: { imports: ["*"], lines: 175, export: "." },
  flow: { imports: [...ground, "patterns"], lines: 5600 },
  train: { imports: [...ground, "flow", "store"], lines: 3800, export: "./train" },
  "learn/planners": { imports: [...ground, "flow"], lines: 560 },
  learn: {
    imports: [
      ...ground,
      "learn/planners",
      "flow",
      "train",
      "store",
      "models",
      "engines/onnx",
      "tasks",
      "tools",
      "workers",
    ],
    lines: 10000,
    export: "./learn",
  },
  workers: { imports: [...ground, "flow"], lines: 900, export: "./workers" },
  almanac: { imports: [...ground, "learn/planners", "tasks", "tools"], lines: 1300, export: "./almanac" },
  benchmarks: {
    imports: [...ground, "flow", "train", "store", "tasks", "tools", "learn/planners"],
    lines: 1200,
    export: "./benchmarks",
  },
  review: { imports: [...ground, "flow", "train", "store", "learn"], lines: 2900, export: "./review" },
  reproduce: {
    imports: [...belowSetup, "setup", "review", "benchmarks", "testing", "learn/planners"],
    lines: 3500,
    export: "./reproduce",
  },
  setup: { imports: [...belowSetup, "engines/tinker"], lines: 1315, export: "./setup" },
  server: { imports: [...belowSetup, "setup", "review"], lines: 5100, export: "./server" },
  tasks: { imports: ground, lines: 2400, export: "./tasks" },
  tools: { imports: [...ground, "sandbox"], lines: 3360, export: "./tools" },
  sandbox: { imports: ground, lines: 3100, export: "./sandbox" },
  models: { imports: [...ground, "engines/onnx", "engines/tinker"], lines: 2300, export: "./models" },
  store: { imports: ground, lines: 2200, export: "./store" },
  "engines/onnx": { imports: [...ground, "patterns"], lines: 13_000, export: "./engines/onnx" },
  "engines/tinker": { imports: ground, lines: 3480, export: "./engines/tinker" },
  "engines/tinker-server": {
    imports: [...ground, "engines/tinker"],
    lines: 2050,
    export: "./engines/tinker-server",
  },
  testing: { imports: ground, lines: 1300, export: "./testing" },
  cli: { imports: ["*"], lines: 6260 },
};

const FILE_LINES = 300;
const FUNCTION_LINES = 80;

/** Files and functions that are longer, and why. */
const longer: Readonly<Record<string, string>> = {
  "store/trajectory-index.ts": "one schema, and the statements that fill and seal it",
  "flow/loop.ts": "one solve from question to answer, in the order in which it happens",
  "setup/set-up.ts": "one flow from names to parts, in the order in which they are opened",
  "tasks/task-file.ts": "one reader a format, and the table that tells formats apart",
};

/** Who may name the streams of a process, and why: all else is written through `cli/screen.ts`, which escapes it. */
const mayWrite: Readonly<Record<string, string>> = {
  "cli/terminal.ts": "gives the streams to the screens",
  "cli/waiting.ts": "says the last line of a process that is ended under it, when no stream is flushed any more",
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

/** The part of a file, given relative to `src/`: its folder, one of two levels, or `nouns`. */
const partOf = (file: string): string => {
  const [first = "", second = "", third] = file.split("/");
  if (second === "") return first === "index.ts" ? "index" : "nouns";
  const deep = `${first}/${second}`;
  return third !== undefined && (first === "engines" || Object.hasOwn(parts, deep)) ? deep : first;
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
  const text = readFileSync(join(source, file), "utf8").replace(/\/\*\*[\s\S]*?\*\//g, "");
  return WRITES.some((pattern) => pattern.test(text));
};

const files = (readdirSync(source, { recursive: true }) as string[])
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .sort();
const shipped = files.filter((file) => !isTest(file));
const graph = new Map(shipped.map((file) => [file, importsOf(file)]));
const faults: string[] = [];

for (const [file, imports] of graph) {
  const part = partOf(file);
  const allowed = parts[part]?.imports;
  if (allowed === undefined) faults.push(`src/${file}: folder ${part} has no row in scripts/check-layers.ts`);
  if (!Object.hasOwn(mayWrite, file) && namesStream(file))
    faults.push(`src/${file} writes to a stream of the process: only ${Object.keys(mayWrite).join(" and ")} may`);
  for (const target of imports) {
    const to = partOf(target);
    if (isTest(target)) faults.push(`src/${file} imports the test src/${target}`);
    else if (target.startsWith("..")) faults.push(`src/${file} imports ${target}, outside src/`);
    else if (to === "cli" && part !== "cli") faults.push(`src/${file} imports the command line, src/${target}`);
    else if (allowed !== undefined && to !== part && !allowed.includes(to) && !allowed.includes("*"))
      faults.push(
        `src/${file} (${part}) may not import src/${target} (${to}): only ${["itself", ...allowed].join(", ")}`,
      );
  }
}
const cycle = findCycle(graph);
if (cycle !== undefined) faults.push(`import cycle: ${cycle.map((file) => `src/${file}`).join(" → ")}`);

/** Scripts and tests that are about the command line itself. */
const aboutCli =
  /^(?:scripts\/(?:check-(?:secrets|terminal)|checks\/(?:cli-driver|pattern-exceptions|stall-terminal|stream))|test\/cli)/;
const root = resolve(source, "..");
for (const folder of ["scripts", "test", "bench", "examples"])
  for (const file of readdirSync(join(root, folder), { recursive: true }) as string[]) {
    const name = `${folder}/${file.replaceAll("\\", "/")}`;
    if (!name.endsWith(".ts") || aboutCli.test(name)) continue;
    if (/from "[^"]*\/src\/cli\//.test(readFileSync(join(root, name), "utf8")))
      faults.push(`${name} imports the command line: use what src/learn and src/setup export`);
  }

const { exports: exported } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, unknown>>;
};
for (const [name, { export: path }] of Object.entries(parts))
  if (path !== undefined && !Object.hasOwn(exported, path))
    faults.push(`src/${name} has no export ${path} in package.json`);

/** Lines of a file without the examples of its doc comments: they are compiled documents, and make no file harder to read. */
const linesOf = (file: string): number =>
  readFileSync(join(source, file), "utf8")
    .replace(/^ \*\n \* @example\n \* ```ts\n(?: \*(?: .*)?\n)*? \* ```\n/gm, "")
    .split("\n").length - 1;
const rows = [["folder", "lines", "budget", "longest file", "", "longest function", ""]];
for (const [name, { lines: budget }] of Object.entries(parts)) {
  const own = shipped.filter((file) => partOf(file) === name);
  if (own.length === 0) continue;
  const sizes = own.map((file) => ({ file, lines: linesOf(file) })).sort((a, b) => b.lines - a.lines);
  const total = sizes.reduce((sum, { lines }) => sum + lines, 0);
  const functions = own.map((file) => ({ file, ...longestFunction(join(source, file)) }));
  const longest = functions.reduce((most, one) => (one.lines > most.lines ? one : most));
  for (const { file, name: called, lines } of functions)
    if (lines > FUNCTION_LINES && !Object.hasOwn(longer, `${file} ${called}`))
      faults.push(`src/${file}: ${called} has ${lines} lines of its own: at most ${FUNCTION_LINES}, or a reason`);
  if (total > budget) faults.push(`src/${name} has ${total} lines: its budget is ${budget}`);
  for (const { file, lines } of sizes)
    if (lines > FILE_LINES && !Object.hasOwn(longer, file))
      faults.push(`src/${file} has ${lines} lines: at most ${FILE_LINES}, or a reason in scripts/check-layers.ts`);
  const [first] = sizes;
  const within = (file: string): string => file.slice(file.lastIndexOf("/") + 1);
  rows.push([
    name,
    String(total),
    String(budget),
    within(first?.file ?? ""),
    String(first?.lines ?? 0),
    `${within(longest.file)} ${longest.name}`,
    String(longest.lines),
  ]);
}
const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
for (const row of rows)
  console.log(
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
for (const fault of faults) console.error(fault);
console.log(`layers: ${graph.size} files, ${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
