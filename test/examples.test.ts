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

it.each([
  [
    "any-model.ts",
    /^plan {3}stock of A-17 in Lagos\ncall {3}\{"sku":"A-17","site":"Lagos"\}\nanswer 40 \(1 turn, \$0\.\d+\)\n$/,
  ],
  ["own-files.ts", /^1\. lease\.md: Lease The notice period is three months\.\n/],
  ["mcp.ts", /^tools {3}weather\nanswer {2}It is 31 degrees in Accra\.\ntrust {3}untrusted\n$/],
  [
    "publish.ts",
    /^approve create_publish_flow .*\nposted {2}post-1 on video-account and text-account\nreward {2}0\.42 for .*\n$/,
  ],
])("examples/%s says what it does", { timeout: 60_000 }, async (name, said) => {
  const args = ["--import", "tsx", `examples/${name}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") });
  expect(stdout).toMatch(said);
  const lines = readFileSync(join(import.meta.dirname, "..", "examples", name), "utf8").split("\n");
  expect(lines.length).toBeLessThanOrEqual(61);
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
