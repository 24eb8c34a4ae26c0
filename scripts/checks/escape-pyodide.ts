import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Assault,
  CANARY,
  commonLimits,
  isError,
  type Limit,
  type Outside,
  processesWith,
  SECRET,
} from "./escape.ts";

const isFull: Limit["holds"] = ({ error }) => /No space/.test(error ?? "");

/** Ways by which Python in Pyodide gets at JavaScript's world. Each leaves it in `g`. */
const ways: readonly string[] = [
  "import js\ng = js",
  "from js import globalThis as g",
  "import pyodide_js\ng = pyodide_js.globals.get('x') if False else __import__('js')",
  "import importlib\ng = importlib.import_module('js')",
  "import sys, js\ng = sys.modules['js']",
  "from pyodide.code import run_js\ng = run_js('globalThis')",
  "import pyodide\ng = pyodide.code.run_js('globalThis')",
  "import pyodide.code as c\ng = c.run_js('(0, eval)(\"globalThis\")')",
  "import builtins\ng = builtins.__import__('js')",
  "import _pyodide_core, js\ng = js",
];

/** What an attacker does with it. Each program ends with a text that says `ESCAPED` when it worked. */
const effects = ({ canary, port, writable }: Outside): readonly string[] => [
  `m = g.process.getBuiltinModule('node:fs'); r = 'ESCAPED' if '${CANARY}' in m.readFileSync('${canary}', 'utf8') else 'no'`,
  `m = g.process.getBuiltinModule('node:fs'); r = 'ESCAPED' if m.readdirSync('/').length > 3 else 'no'`,
  `m = g.process.getBuiltinModule('node:fs'); m.writeFileSync('${writable}', 'x'); r = 'ESCAPED'`,
  `r = 'ESCAPED' if g.process.env.${SECRET} == '${CANARY}' else 'no'`,
  `m = g.process.getBuiltinModule('node:child_process'); r = 'ESCAPED' if len(m.execSync('echo hi', encoding='utf8')) == 3 else 'no'`,
  `m = g.process.getBuiltinModule('node:child_process'); r = 'ESCAPED' if m.spawnSync('true').status == 0 else 'no'`,
  `m = g.process.getBuiltinModule('node:os'); r = 'ESCAPED' if m.hostname() else 'no'`,
  `m = g.process.getBuiltinModule('node:net'); s = m.connect(${port}, '127.0.0.1'); r = 'ESCAPED' if s.connecting else 'no'`,
  `p = g.fetch('http://127.0.0.1:${port}/fetched'); r = 'ESCAPED' if p else 'no'`,
  `m = g.process.getBuiltinModule('node:dgram'); s = m.createSocket('udp4'); r = 'ESCAPED' if s else 'no'`,
  `m = g.process.getBuiltinModule('node:worker_threads'); r = 'ESCAPED' if m.isMainThread else 'no'`,
  `m = g.process.getBuiltinModule('node:vm'); r = 'ESCAPED' if m.runInThisContext('1 + 1') == 2 else 'no'`,
  `r = 'ESCAPED' if g.process.pid > 0 else 'no'`,
  `m = g.process.getBuiltinModule('node:fs'); r = 'ESCAPED' if m.existsSync('/etc/passwd') else 'no'`,
  `r = 'ESCAPED' if g.process.kill(g.process.pid, 0) else 'no'`,
];

const limits: readonly Limit[] = [
  ...commonLimits,
  { name: "processes", code: "import os\nos.fork()", holds: isError },
  { name: "shell", code: "import os\nos.system('true')", holds: isError },
  { name: "sockets", code: "import socket\nsocket.create_connection(('127.0.0.1', 1))", holds: isError },
  { name: "host files", code: "open('/etc/passwd').read()", holds: isError },
  // Its files lie in memory: that is what they may not fill.
  {
    name: "a large file",
    code: "b = bytes(30_000_000)\nf = open('/tmp/x', 'wb')\nwhile True: f.write(b)",
    holds: isFull,
  },
  {
    name: "many files",
    code: "n = 0\nwhile True:\n n += 1\n open('/tmp/%d' % n, 'wb').write(bytes(10**6))",
    holds: isFull,
  },
  { name: "a file with a hole", code: "f = open('/tmp/x', 'wb')\nf.truncate(10**9)", holds: isFull },
  {
    name: "a file that is written at its end",
    code: "f = open('/tmp/x', 'ab')\nwhile True:\n f.seek(0)\n f.write(bytes(10**7))\n f.flush()",
    holds: isFull,
  },
  { name: "a pipe", code: "import os\nr, w = os.pipe()\nwhile True: os.write(w, bytes(10**6))", holds: isFull },
  {
    name: "descriptors",
    code: "import os\nn = 0\nwhile True:\n n += 1\n os.open('/tmp/a', os.O_CREAT | os.O_RDWR)",
    holds: ({ error }) => /descriptor/.test(error ?? ""),
  },
];

/** One process after another: what is attacked may end it, and then the next one follows. */
const unguarded: Assault["unguarded"] = async (attacks) => {
  const said: string[] = [];
  while (said.length < attacks.length) {
    const lines = await inOneProcess(attacks.slice(said.length));
    said.push(...(lines.length > 0 ? lines : ["it ended its process"]));
  }
  return said;
};

/** Pyodide as it comes, in a process that may do anything. */
const inOneProcess: Assault["unguarded"] = async (attacks) => {
  const folder = dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
  const program = `
    import { readFileSync, writeSync } from "node:fs";
    const { loadPyodide } = await import(${JSON.stringify(pathToFileURL(join(folder, "pyodide.mjs")).href)});
    const python = await loadPyodide();
    for (const code of JSON.parse(readFileSync(0, "utf8"))) {
      let said;
      try { said = String(python.runPython(code)); } catch (error) { said = String(error).slice(-200); }
      writeSync(1, JSON.stringify(said) + "\\n");
    }
    process.exit(0);`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], {
    env: { ...process.env, [SECRET]: CANARY },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.end(JSON.stringify(attacks.map(({ code }) => code)));
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await new Promise((end) => child.on("close", end));
  return text
    .split("\n")
    .filter((line) => line.startsWith('"'))
    .map((line) => JSON.parse(line) as string);
};

/** Attacks on Pyodide: every way to JavaScript's world with everything that one does there. */
export const onPyodide: Assault = {
  attacks: (outside) =>
    ways.flatMap((way, w) =>
      effects(outside).map((effect, e) => ({ name: `way ${w}, effect ${e}`, code: `${way}\n${effect}\nr` })),
    ),
  limits,
  unguarded,
  left: () => processesWith("disallow-code-generation"),
};
