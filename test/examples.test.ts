import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("learns by the library", { timeout: 180_000 }, async () => {
  const args = ["--import", "tsx", "examples/learn.ts", "1"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") });
  expect(stdout).toMatch(/^before .*\nstep 1 reward .*\nafter .*\n$/);
});
