import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { settledWithin } from "../settled-within.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-waiting-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command over a configuration; a command that does not end is ended after two minutes, which fails the test. */
const run = async (config: string, command: readonly string[]) => {
  const file = join(folder, "agentflow.config.ts");
  await writeFile(file, config);
  const main = new URL("main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--import", "tsx", main, ...command, "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let said = "";
  child.stderr.on("data", (part) => {
    said += String(part);
  });
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, said };
};

const never = "new Promise(() => {})";
const tool = `{ look: { description: "Looks.", inputSchema: { type: "object" }, execute: () => 1, check: () => ${never} } }`;
const tasks = `Array.from({ length: 400 }, (_, i) => ({ id: String(i), question: "How many is " + i + "?", sealed: { answer: i } }))`;

it.each([
  ["a configuration", `await ${never}; export default {}`, ["learn", "--check"], 2, /Loading .* can never be done/],
  [
    "its tasks",
    `export default { tools: ${tool}, tasks: () => ${never} }`,
    ["learn", "--check"],
    2,
    /The function tasks of .* can never be done/,
  ],
  [
    "its reward",
    `export default { tools: ${tool}, tasks: ${tasks}, reward: () => ${never} }`,
    ["learn", "--check"],
    2,
    /The reward of task \w+ can never be done/,
  ],
  [
    "a configuration that ends the process",
    "process.exit(0)",
    ["learn", "--check"],
    1,
    /Loading .* ended the process \(process\.exit\(0\)\)/,
  ],
])(
  "%s that never settles ends in one line",
  async (_, config, command, expected, line) => {
    const { code, said } = await run(config, command);
    expect([code, said]).toEqual([expected, expect.stringMatching(line)]);
    expect(said.trim().split("\n")).toHaveLength(1);
  },
  180_000,
);

it("gives up after its deadline, and passes on what settles", async () => {
  await expect(settledWithin(0.05, "The work", () => new Promise(() => undefined))).rejects.toThrow(
    new ConfigError("The work is not done after 0.05 seconds. Look for an await of a promise that never settles."),
  );
  expect(await settledWithin(10, "The work", async () => 7)).toBe(7);
  await expect(settledWithin(10, "The work", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(
    settledWithin(10, "The work", () => {
      throw new Error("at once");
    }),
  ).rejects.toThrow("at once");
});
