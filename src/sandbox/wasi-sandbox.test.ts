import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, vi } from "vitest";
import { SandboxError } from "../errors.ts";
import { openSandbox, tierFault } from "./index.ts";

const SLOW = 240_000;
const faults = { wasi: await tierFault("wasi"), "wasi-in-bubblewrap": await tierFault("wasi-in-bubblewrap") };
for (const [tier, fault] of Object.entries(faults))
  if (fault !== undefined) process.stderr.write(`${tier} is not tested here: ${fault}\n`);
const tiers = (["wasi", "wasi-in-bubblewrap"] as const).filter((tier) => faults[tier] === undefined);

/** Interpreters that were started with a limit on memory that no other test has. */
const interpretersWith = (megabytes: number): number =>
  execFileSync("ps", ["-eo", "args"], { maxBuffer: 2 ** 26 })
    .toString()
    .split("\n")
    .filter((line) => line.includes(`--wasm-max-mem-pages=${megabytes * 16} `)).length;

const gone = async (megabytes: number): Promise<number> => {
  for (let i = 0; i < 50 && interpretersWith(megabytes) > 0; i += 1) await new Promise((wake) => setTimeout(wake, 100));
  return interpretersWith(megabytes);
};

describe("the wasi tier", () => {
  it("says what it needs where it does not work", async () => {
    const empty = await mkdtemp(join(tmpdir(), "agentflow-wasi-"));
    vi.stubEnv("AGENTFLOW_CACHE", empty);
    try {
      const opening = openSandbox({ tier: "wasi" });
      await expect(opening).rejects.toThrow(SandboxError);
      const old = Number.parseInt(process.versions.node, 10) < 24;
      await expect(opening).rejects.toThrow(old ? /needs Node 24 or later/ : /agentflow sandbox pull/);
    } finally {
      vi.unstubAllEnvs();
      await rm(empty, { recursive: true, force: true });
    }
  });

  describe.each(tiers)("%s", (tier) => {
    it(
      "runs programs, each in a world of its own",
      async () => {
        const sandbox = await openSandbox({ tier });
        expect(sandbox.tier).toBe(tier);
        const run = (code: string) => sandbox.runPython(code, { timeoutSeconds: 60 });
        expect(await run("print(1)\nopen('/tmp/left', 'w').write('x')\n'é😀'")).toMatchObject({
          stdout: "1\n",
          value: "é😀",
          truncated: false,
        });
        expect(await run("import os\nos.listdir('/tmp')")).toMatchObject({ value: "[]" });
        expect(await run("import os\nsorted(os.environ)")).toMatchObject({
          value: "['HOME', 'PYTHONTZPATH', 'TMPDIR']",
        });
        expect(await run("1 / 0")).toMatchObject({ error: "ZeroDivisionError: division by zero (line 1)" });
        expect(await run("import os\nos._exit(1)")).toMatchObject({ error: "The program ended its interpreter." });
        expect(await run("import numpy\nint(numpy.arange(5).sum())")).toMatchObject({ value: "10" });
        expect(await run("import socket\nsocket.socket()")).toMatchObject({ error: /Not supported/ });
        expect(await run("import json\njson.dumps = lambda *a, **k: 7\n1")).toMatchObject({ error: /gave no result/ });
        await sandbox.close();
      },
      SLOW,
    );

    it(
      "keeps time and memory, and ends when it is told to",
      async () => {
        const sandbox = await openSandbox({ tier, memoryMegabytes: 64, warm: 0 });
        expect(await sandbox.runPython("while True: pass", { timeoutSeconds: 1 })).toMatchObject({
          error: "TimeoutError: the program took more than 1 seconds and was ended.",
        });
        const most =
          "x = []\ntry:\n  while True: x.append(bytearray(2 ** 20))\nexcept MemoryError: n = len(x); x = None\nn";
        const { value } = await sandbox.runPython(most, { timeoutSeconds: 60 });
        expect(Number(value)).toBeGreaterThan(4);
        expect(Number(value)).toBeLessThan(64);
        const running = sandbox.runPython("while True: pass", { timeoutSeconds: 60 });
        const after = sandbox.close();
        await expect(running.then(({ error }) => Promise.reject(new Error(error)))).rejects.toThrow();
        await after;
        await expect(sandbox.runPython("1")).rejects.toThrow("closed");
      },
      SLOW,
    );

    it(
      "leaves no interpreter when its parent is killed, or its programs are aborted",
      async () => {
        const megabytes = tier === "wasi" ? 101 : 102;
        const sandbox = await openSandbox({ tier, memoryMegabytes: megabytes, warm: 0 });
        for (const milliseconds of [0, 20, 300, 1500])
          await expect(
            sandbox.runPython("while True: pass", { abortSignal: AbortSignal.timeout(milliseconds) }),
          ).rejects.toThrow(/timeout/);
        await sandbox.close();
        expect(await gone(megabytes)).toBe(0);

        const module = pathToFileURL(join(import.meta.dirname, "index.ts")).href;
        const program = `const { openSandbox } = await import(${JSON.stringify(module)});
const sandbox = await openSandbox({ tier: ${JSON.stringify(tier)}, memoryMegabytes: ${megabytes} });
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
        expect(interpretersWith(megabytes)).toBeGreaterThan(0);
        parent.kill("SIGKILL");
        expect(await gone(megabytes)).toBe(0);
      },
      SLOW,
    );
  });
});
