import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { SandboxError } from "../errors.ts";
import { openSandbox, tierFault } from "./index.ts";

const SLOW = 240_000;
const faults = { wasi: await tierFault("wasi"), "wasi-in-bubblewrap": await tierFault("wasi-in-bubblewrap") };
for (const [tier, fault] of Object.entries(faults))
  if (fault !== undefined) process.stderr.write(`${tier} is not tested here: ${fault}\n`);

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

  describe.each(["wasi", "wasi-in-bubblewrap"] as const)("%s", (tier) => {
    it.skipIf(faults[tier] !== undefined)(
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

    it.skipIf(faults[tier] !== undefined)(
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
  });
});
