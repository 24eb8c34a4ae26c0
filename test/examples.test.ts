import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("learns by the library", { timeout: 180_000 }, async () => {
  const args = ["--import", "tsx", "examples/learn.ts", "1"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") });
  expect(stdout).toMatch(/^before .*\nstep 1 reward .*\nafter .*\n$/);
});

it("is what README shows of it", () => {
  const read = (name: string): string => readFileSync(join(import.meta.dirname, "..", name), "utf8");
  const block = [...read("README.md").matchAll(/```ts\n(.*?)```/gs)].find(([, code]) =>
    code?.includes("flowGrpo"),
  )?.[1];
  const lines = (block ?? "missing").split("\n").filter((line) => line !== "");
  expect(read("examples/learn.ts").split("\n")).toEqual(expect.arrayContaining(lines));
});
