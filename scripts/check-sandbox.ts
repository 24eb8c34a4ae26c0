/**
 * R8: programs that a model wrote do no harm. Every attack is run without the sandbox first (Pyodide as it comes, which is
 * no boundary), where it has to succeed, and then inside it, where it must not; harmless programs work inside, and limits on
 * time, memory and output bite.
 *
 *   npm run check:sandbox [-- --n 160 --seed 7]
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { openSandbox, type RunResult } from "../src/sandbox/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const CANARY = "canary-7d41e0b9";

/** Ways by which Python in Pyodide gets at JavaScript's world. Each leaves it in `g`. */
const ways: readonly string[] = [
  "import js\ng = js",
  "from js import globalThis as g",
  "import pyodide_js\ng = pyodide_js.globals.get('x') if False else __import__('js')",
  "import importlib\ng = importlib.import_module('js')",
  "import sys\ng = sys.modules['js']",
  "from pyodide.code import run_js\ng = run_js('globalThis')",
  "import pyodide\ng = pyodide.code.run_js('globalThis')",
  "import pyodide.code as c\ng = c.run_js('(0, eval)(\"globalThis\")')",
  "import builtins\ng = builtins.__import__('js')",
  "import _pyodide_core, js\ng = js",
];

/** What an attacker does with it. Each program ends with a text that says `ESCAPED` when it worked. */
const effects = (canary: string, port: number, outside: string): readonly string[] => [
  `m = g.process.getBuiltinModule('node:fs'); r = 'ESCAPED' if '${CANARY}' in m.readFileSync('${canary}', 'utf8') else 'no'`,
  `m = g.process.getBuiltinModule('node:fs'); r = 'ESCAPED' if m.readdirSync('/').length > 3 else 'no'`,
  `m = g.process.getBuiltinModule('node:fs'); m.writeFileSync('${outside}', 'x'); r = 'ESCAPED'`,
  `r = 'ESCAPED' if g.process.env.SECRET_CANARY == '${CANARY}' else 'no'`,
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

/** Limits: a program that takes what it should not have is ended, and the next one works. */
const limits: readonly {
  readonly name: string;
  readonly code: string;
  readonly holds: (result: RunResult) => boolean;
}[] = [
  { name: "time", code: "while True: pass", holds: ({ error }) => /more than 3 seconds/.test(error ?? "") },
  {
    name: "memory",
    code: "x = bytearray(900_000_000)\nlen(x)",
    holds: ({ error }) => /Memory|died|ended/.test(error ?? ""),
  },
  {
    name: "memory, in steps",
    code: "x = []\nwhile True: x.append(bytearray(10_000_000))",
    holds: ({ error }) => /Memory|died|ended/.test(error ?? ""),
  },
  {
    name: "output",
    code: "print('x' * 10_000_000)",
    holds: ({ stdout, truncated }) => truncated && stdout.length <= 16_384,
  },
  {
    name: "value",
    code: "'x' * 10_000_000",
    holds: ({ value, truncated }) => truncated && (value ?? "").length <= 16_384,
  },
  { name: "recursion", code: "def f(): return f()\nf()", holds: ({ error }) => error !== undefined },
  { name: "processes", code: "import os\nos.fork()", holds: ({ error }) => error !== undefined },
  { name: "shell", code: "import os\nos.system('true')", holds: ({ error }) => error !== undefined },
  {
    name: "sockets",
    code: "import socket\nsocket.create_connection(('127.0.0.1', 1))",
    holds: ({ error }) => error !== undefined,
  },
  { name: "host files", code: "open('/etc/passwd').read()", holds: ({ error }) => error !== undefined },
  {
    name: "environment",
    code: "import os\n'SECRET_CANARY' in os.environ or any('canary' in v for v in os.environ.values())",
    holds: ({ value }) => value === "False",
  },
  { name: "what the last program left", code: "'leftover' in globals()", holds: ({ value }) => value === "False" },
];

const harmless: readonly (readonly [string, string])[] = [
  ["6 * 7", "42"],
  ["from datetime import date\n(date(2024, 2, 29) - date(2000, 1, 1)).days", "8825"],
  ["import math\nround(math.pi, 4)", "3.1416"],
  ["leftover = 1\nfrom fractions import Fraction\nstr(Fraction(1, 3) + Fraction(1, 6))", "1/2"],
  [
    "import json, re, itertools, collections, statistics, decimal, random\nlen(list(itertools.permutations('abcd')))",
    "24",
  ],
  ["open('/tmp/x', 'w').write('hello')\nopen('/tmp/x').read()", "hello"],
];

/** Pyodide as it comes, in a process that may do anything. */
const unguarded = async (code: string): Promise<string> => {
  const folder = dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
  const program = `
    const { loadPyodide } = await import(${JSON.stringify(pathToFileURL(join(folder, "pyodide.mjs")).href)});
    const python = await loadPyodide();
    for (const code of JSON.parse(process.argv[1])) {
      try { process.stdout.write(JSON.stringify(String(python.runPython(code))) + "\\n"); } catch (error) { process.stdout.write(JSON.stringify(String(error).slice(-200)) + "\\n"); }
    }
    process.exit(0);`;
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", program, code], {
    env: { ...process.env, SECRET_CANARY: CANARY },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await new Promise((end) => child.on("close", end));
  return text;
};

const children = (): number => {
  try {
    return execFileSync("ps", ["-eo", "args"])
      .toString()
      .split("\n")
      .filter((line) => line.includes("disallow-code-generation")).length;
  } catch {
    return 0;
  }
};

export const check: Check = {
  name: "sandbox",
  n: 168,
  brokenN: 20,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-sandbox-"));
    const canary = join(scratch, "canary.txt");
    writeFileSync(canary, CANARY);
    const outside = join(scratch, "outside.txt");
    let packets = 0;
    const sink = createServer((_, response) => response.end());
    sink.on("connection", () => {
      packets += 1;
    });
    await new Promise<void>((ready) => sink.listen(0, "127.0.0.1", ready));
    const all = effects(canary, (sink.address() as AddressInfo).port, outside);
    const attacks = ways.flatMap((way, w) => all.map((effect, e) => ({ w, e, code: `${way}\n${effect}\nr` })));
    // A smaller number takes some of every way and of every effect.
    const stride = Math.max(1, Math.floor(attacks.length / Math.max(1, n - limits.length - harmless.length)));
    const chosen = attacks.filter((_, i) => (i + seed) % stride === 0);
    const failures: string[] = [];
    try {
      if (broken) {
        // Every effect by one way, and every way with one effect: all of them have to work where nothing guards.
        const one = attacks.filter(({ w, e }) => w === 0 || e === 12);
        const lines = (await unguarded(JSON.stringify(one.map(({ code }) => code)))).trim().split("\n");
        const worked = lines.filter((line) => line.includes("ESCAPED")).length;
        return {
          n: one.length,
          failed: worked === one.length ? worked : 0,
          lines: [
            `${worked} of ${one.length} attacks work without the sandbox`,
            ...lines.flatMap((line, i) => (line.includes("ESCAPED") ? [] : `${one[i]?.w}/${one[i]?.e} ${line}`)),
          ],
        };
      }
      process.env.SECRET_CANARY = CANARY;
      const before = children();
      const sandbox = await openSandbox();
      try {
        for (const [code, value] of harmless) {
          const result = await sandbox.runPython(code, { timeoutSeconds: 20 });
          if (result.value !== value) failures.push(`harmless: ${code.slice(0, 40)} gave ${JSON.stringify(result)}`);
        }
        for (const { name, code, holds } of limits) {
          const result = await sandbox.runPython(code, { timeoutSeconds: 3 });
          if (!holds(result)) failures.push(`limit on ${name}: ${JSON.stringify(result).slice(0, 200)}`);
        }
        for (const { w, e, code } of chosen) {
          const result = await sandbox.runPython(code, { timeoutSeconds: 10 });
          const seen = JSON.stringify(result);
          if (seen.includes('"value":"ESCAPED"') || seen.includes(CANARY))
            failures.push(`way ${w}, effect ${e}: ${seen.slice(0, 200)}`);
        }
      } finally {
        await sandbox.close();
      }
      await new Promise((wake) => setTimeout(wake, 200));
      if (packets > 0) failures.push(`${packets} connections to the listener`);
      if (existsSync(outside)) failures.push("a file was written outside");
      if (children() > before) failures.push(`${children() - before} processes are left`);
      const total = harmless.length + limits.length + chosen.length;
      return {
        n: total,
        failed: failures.length,
        lines: [
          `${chosen.length} escape attempts, ${limits.length} limits, ${harmless.length} harmless programs: ${failures.length} failures`,
          ...failures.slice(0, 10),
        ],
      };
    } finally {
      sink.close();
      sink.closeAllConnections();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
