import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { SandboxError } from "../errors.ts";
import { startChild } from "./child.ts";

const node = (program: string, mostBytes?: number) =>
  startChild({
    command: [process.execPath, "-e", program],
    env: {},
    ...(mostBytes === undefined ? {} : { mostBytes }),
  });

it("gives lines whole, however they arrive", async () => {
  const lines = ["", "a", "ü€😀".repeat(5000), "", "b".repeat(40_000), "the end"];
  const child = node(
    `const bytes = Buffer.from(${JSON.stringify(`${lines.join("\n")}\n`)});
     (async () => {
       for (let at = 0; at < bytes.length; ) {
         const size = 1 + (at * 7919) % 9973;
         await new Promise((done) => process.stdout.write(bytes.subarray(at, at + size), done));
         at += size;
       }
     })();`,
  );
  const seen: (string | undefined)[] = [];
  for (let i = 0; i <= lines.length; i += 1) seen.push(await child.line());
  expect(seen).toEqual([...lines, undefined]);
}, 180_000);

it("keeps no more of a flood than it may, and ends it", async () => {
  const child = node(`for (;;) require("node:fs").writeSync(1, Buffer.alloc(65536, 120));`, 2 ** 20);
  expect(await child.line()).toBeUndefined();
  expect((await child.ended).signal).toBe("SIGKILL");
  expect((await child.bytes()).length).toBeLessThanOrEqual(2 ** 20);
}, 180_000);

it("does not wait for a process that was left behind with the pipe", async () => {
  const left = "setTimeout(() => process.exit(), 40000)";
  const child = node(
    `const left = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(left)}], { detached: true, stdio: "inherit" });
     console.log(left.pid);
     left.unref();
     process.exit(3);`,
  );
  const pid = Number(await child.line());
  expect(await child.line()).toBeUndefined();
  expect((await child.ended).code).toBe(3);
  // It is there still: nobody waited for it.
  process.kill(pid, "SIGKILL");
}, 120_000);

it("says by a typed error that a command is missing", async () => {
  const child = startChild({ command: ["/no/such/command"], env: {} });
  expect(await child.line()).toBeUndefined();
  await expect(child.ended).rejects.toThrow(SandboxError);
});

const linux = process.platform === "linux";
if (!linux) process.stderr.write("no /proc here: inherited descriptors are not tested\n");

it.runIf(linux)(
  "hands no descriptor down that we inherited ourselves",
  async () => {
    const root = openSync("/", "r");
    const source = JSON.stringify(new URL("./child.ts", import.meta.url).href);
    const listing = `for (const n of require("node:fs").readdirSync("/proc/self/fd")) try { if (require("node:fs").readlinkSync("/proc/self/fd/" + n) === "/") console.log("open") } catch {}`;
    const program = `
    import { spawn } from "node:child_process";
    import { startChild } from ${source};
    const bare = spawn(process.execPath, ["-e", ${JSON.stringify(listing)}], { stdio: ["ignore", "inherit", "inherit"] });
    await new Promise((done) => bare.on("exit", done));
    const child = startChild({ command: [process.execPath, "-e", ${JSON.stringify(listing)}], env: {} });
    console.log(await child.line() ?? "nothing");`;
    const between = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      // Node closes descriptors up to the first gap above 15: one beyond is handed down.
      stdio: ["ignore", "pipe", "inherit", ...Array<"ignore">(197).fill("ignore"), root],
    });
    let said = "";
    between.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(between, "close");
    closeSync(root);
    // As Node starts it, then as we do.
    expect(said).toBe("open\nnothing\n");
  },
  60_000,
);
