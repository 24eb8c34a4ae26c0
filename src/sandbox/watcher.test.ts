import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { watch } from "./watcher.ts";

const posix = process.platform !== "win32";
if (!posix) process.stderr.write("Windows has no process groups: the watcher of memory is not tested here\n");

describe.runIf(posix)("the watcher", () => {
  it("ends a process at its deadline while the event loop is blocked", async () => {
    const child = spawn("sleep", ["60"], { detached: true });
    const watching = watch({ pid: child.pid ?? 0, group: true, seconds: 0.2 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
    expect(watching.overrun).toBe("time");
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    watching.stop();
  }, 120_000);

  it("counts what a process and its descendants hold together, outside the JavaScript heap too", async () => {
    const hold = `const held = Buffer.alloc(150e6, 1); setInterval(() => held[0], 1000);`;
    const parent = `for (let i = 0; i < 3; i += 1) require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(hold)}]); setInterval(() => {}, 1000);`;
    const alone = spawn(process.execPath, ["-e", hold], { detached: true });
    const together = spawn(process.execPath, ["-e", parent], { detached: true });
    const ofAlone = watch({ pid: alone.pid ?? 0, group: true, megabytes: 350 });
    const ofTogether = watch({ pid: together.pid ?? 0, group: true, megabytes: 350 });
    expect(await once(together, "exit")).toEqual([null, "SIGKILL"]);
    expect([ofAlone.overrun, ofTogether.overrun]).toEqual([undefined, "memory"]);
    ofTogether.stop();
    ofAlone.stop();
    alone.kill("SIGKILL");
  }, 180_000);
});
