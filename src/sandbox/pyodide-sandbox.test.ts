import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { containmentFault, openSandbox, type SandboxOptions } from "./index.ts";

const SLOW = 240_000;
const fault = await containmentFault();
if (fault !== undefined) process.stderr.write(`Pyodide inside bubblewrap is not tested here: ${fault}\n`);
const tiers: readonly NonNullable<SandboxOptions["tier"]>[] =
  fault === undefined ? ["pyodide", "pyodide-in-bubblewrap"] : ["pyodide"];
const scratch = mkdtempSync(join(tmpdir(), "agentflow-pyodide-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** Interpreters that were started with a limit on memory that no other test has. */
const interpretersWith = (memoryMegabytes: number): number =>
  execFileSync("ps", ["-eo", "args"], { maxBuffer: 2 ** 26 })
    .toString()
    .split("\n")
    .filter((line) => line.includes(`"memoryMegabytes":${memoryMegabytes},`)).length;

const gone = async (memoryMegabytes: number): Promise<number> => {
  for (let i = 0; i < 50 && interpretersWith(memoryMegabytes) > 0; i += 1)
    await new Promise((wake) => setTimeout(wake, 100));
  return interpretersWith(memoryMegabytes);
};

/** Puts the modules back that were taken away, which opens Python's side of the bridge. */
const RESTORED = `import sys
for name in [name for name in sys.modules if sys.modules[name] is None]: sys.modules.pop(name)
import _pyodide_core
`;

describe.each(tiers)("the %s tier", (tier) => {
  it(
    "has no bridge to JavaScript, whoever restores Python's side of it",
    async () => {
      const sandbox = await openSandbox({ tier });
      const ended = /PermissionError: the program used \w+, which the sandbox does not have/;
      for (const code of [
        `${RESTORED}_pyodide_core.create_proxy(print)`,
        `${RESTORED}_pyodide_core.to_js([1])`,
        `${RESTORED}_pyodide_core.js2py_deep.__call__`,
        `${RESTORED}_pyodide_core.JsException`,
        `${RESTORED}_pyodide_core.raw_call(1)`,
        "import ctypes\nctypes.CDLL(None)",
      ])
        expect((await sandbox.runPython(code)).value ?? "nothing").not.toMatch(/JsProxy|\[object/);
      expect((await sandbox.runPython(`${RESTORED}_pyodide_core.create_proxy(print)`)).error).toMatch(ended);
      // Even where what was caught is swallowed: the process is gone.
      const swallowed = `${RESTORED}try: _pyodide_core.create_proxy(print)\nexcept BaseException: pass\n'went on'`;
      const { value, error } = await sandbox.runPython(swallowed);
      expect([value, error]).toEqual([undefined, expect.stringMatching(ended)]);
      await sandbox.close();
    },
    SLOW,
  );

  it(
    "shows plain Python: refusals as errors, an event loop, names that mean something to JavaScript",
    async () => {
      const sandbox = await openSandbox({ tier });
      const of = async (code: string) => (({ value, error }) => value ?? error)(await sandbox.runPython(code));
      expect(await of("import js")).toMatch(/^ModuleNotFoundError/);
      expect(await of("import os\nos.system('true')")).toMatch(/^PermissionError/);
      expect(await of("import socket\nsocket.socket()")).toMatch(/^OSError/);
      expect(await of("import socket\nsocket.getaddrinfo('a', 1)")).toMatch(/^socket.gaierror/);
      expect(await of("import os\nos._exit(3)")).toBe("The program ended its interpreter.");
      expect(
        await of(
          "import asyncio\nasync def f():\n  return await asyncio.gather(asyncio.sleep(0.01, 5))\nasyncio.run(f())",
        ),
      ).toBe("[5]");
      const names = ["constructor", "__proto__", "toString", "hasOwnProperty"];
      const write = `import os\nfor n in ${JSON.stringify(names)}: open('/tmp/' + n, 'w').write(n)\n`;
      expect(
        await of(
          `${write}[open('/tmp/' + n).read() for n in sorted(os.listdir('/tmp'))] == ${JSON.stringify([...names].sort())}`,
        ),
      ).toBe("True");
      await sandbox.close();
    },
    SLOW,
  );

  it(
    "tells a program nothing of the machine",
    async () => {
      vi.stubEnv("SECRET_OF_MINE", "canary");
      const sandbox = await openSandbox({ tier });
      const code =
        "import gc, os, sys\nrepr((dict(os.environ), sys.argv, sys.orig_argv, sys.executable, sys.path, sys.prefix, os.getcwd()))";
      const { value = "" } = await sandbox.runPython(code);
      expect(value).toContain("/home/pyodide");
      for (const word of ["canary", "node_modules", process.cwd(), process.execPath]) expect(value).not.toContain(word);
      await sandbox.close();
    },
    SLOW,
  );

  it(
    "gives a result whatever a program did to its files and descriptors, and no endless one",
    async () => {
      const sandbox = await openSandbox({ tier });
      const fill = "f = open('/tmp/x', 'wb', 0)\nwhile True: f.write(bytes(4_000_000))";
      expect(await sandbox.runPython(fill)).toMatchObject({ error: /No space left/ });
      const many = "import os\ntry:\n  while True: os.open('/tmp/x', os.O_CREAT)\nexcept OSError: pass\n'still here'";
      expect(await sandbox.runPython(many)).toMatchObject({ value: "still here" });
      const closed = "import os\nfor fd in range(64):\n  try: os.close(fd)\n  except OSError: pass\n'still here'";
      expect(await sandbox.runPython(closed)).toMatchObject({ value: "still here" });
      const forge = (reply: string): string => `import json\njson.dumps = lambda *a, **k: ${reply}\n1`;
      expect(await sandbox.runPython(forge("'[' * 50_000_000"))).toMatchObject({ error: /its result is too long/ });
      expect(await sandbox.runPython(forge("7"))).toMatchObject({ error: /it gave no result/ });
      expect(await sandbox.runPython("'\ud83d\ude00 \u2028 \\ \"'")).toMatchObject({
        value: '\ud83d\ude00 \u2028 \\ "',
      });
      await sandbox.close();
    },
    SLOW,
  );

  it(
    "leaves no interpreter when its parent is killed",
    async () => {
      const memoryMegabytes = tier === "pyodide" ? 241 : 242;
      const module = pathToFileURL(join(import.meta.dirname, "index.ts")).href;
      const program = `const { openSandbox } = await import(${JSON.stringify(module)});
const sandbox = await openSandbox({ tier: ${JSON.stringify(tier)}, memoryMegabytes: ${memoryMegabytes} });
await sandbox.runPython("1");
const running = sandbox.runPython("while True: pass", { timeoutSeconds: 600 });
await new Promise((wake) => setTimeout(wake, 500));
console.log("running");
await running;`;
      const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
      const parent = spawn(process.execPath, ["--import", loader, "--input-type=module", "--eval", program]);
      const said = await new Promise<string>((resolve) => {
        parent.stdout.on("data", (chunk: Buffer) => resolve(chunk.toString()));
        parent.on("close", () => resolve("ended"));
      });
      expect(said.trim()).toBe("running");
      expect(interpretersWith(memoryMegabytes)).toBeGreaterThan(0);
      parent.kill("SIGKILL");
      expect(await gone(memoryMegabytes)).toBe(0);
    },
    SLOW,
  );

  it(
    "leaves no interpreter when programs are aborted while they start",
    async () => {
      const memoryMegabytes = tier === "pyodide" ? 243 : 244;
      const sandbox = await openSandbox({ tier, memoryMegabytes, warm: 0 });
      for (const milliseconds of [0, 1, 20, 120, 300]) {
        const abortSignal = AbortSignal.timeout(milliseconds);
        await expect(sandbox.runPython("while True: pass", { abortSignal })).rejects.toThrow(/timeout/);
      }
      // What was started in vain serves the next program.
      expect(await sandbox.runPython("1 + 1")).toMatchObject({ value: "2" });
      await sandbox.close();
      expect(await gone(memoryMegabytes)).toBe(0);
    },
    SLOW,
  );
});

it(
  "makes the picture of a started interpreter again when it is damaged",
  async () => {
    vi.stubEnv("AGENTFLOW_CACHE", scratch);
    const folder = join(scratch, "sandbox");
    const run = async (): Promise<string | undefined> => {
      const sandbox = await openSandbox({ tier: "pyodide", warm: 0 });
      const { value } = await sandbox.runPython("6 * 7");
      await sandbox.close();
      return value;
    };
    expect(await run()).toBe("42");
    const [name = ""] = readdirSync(folder);
    const whole = readFileSync(join(folder, name));
    for (const damage of [whole.subarray(0, whole.length / 2), Buffer.alloc(0), flipped(whole)]) {
      writeFileSync(join(folder, name), damage);
      expect(await run()).toBe("42");
      expect(readFileSync(join(folder, name)).equals(whole.subarray(0, 32)) || readdirSync(folder).length === 1).toBe(
        true,
      );
      expect(readFileSync(join(folder, name)).length).toBe(whole.length);
    }
  },
  SLOW,
);

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
