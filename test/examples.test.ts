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

const read = (name: string): string => readFileSync(join(import.meta.dirname, "..", name), "utf8");
/** The block of README that has a word in it. */
const shown = (word: string): string =>
  [...read("README.md").matchAll(/```ts\n(.*?)```/gs)].find(([, code]) => code?.includes(word))?.[1] ?? "missing";

it("is what README shows of it", () => {
  const lines = shown("flowGrpo")
    .split("\n")
    .filter((line) => line !== "");
  expect(read("examples/learn.ts").split("\n")).toEqual(expect.arrayContaining(lines));
});

it("runs the flow that README shows", async () => {
  const args = ["--import", "tsx", "--input-type=module", "--eval", shown("createFlow({\n")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") });
  expect(stdout).toBe("12\n");
});
