import { appendFile, mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { leverEngine, quick, readRun, tempFolder } from "../../test/learn-double.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { leverEnvironment } from "../testing/index.ts";
import { fork } from "./fork.ts";
import { learn, resume } from "./learn.ts";

const root = await tempFolder();
const environment = leverEnvironment();
const { report } = await readRun(learn({ environment, planner: leverEngine(), recipe: quick, folder: root, seed: 3 }));
const whole = join(root, report.run);
const rowsOf = (folder: string): Promise<string> => readFile(join(folder, "metrics.jsonl"), "utf8");

it("begins with a checkpoint of another run and comes to the same end", async () => {
  const forked = await fork(whole, 2);
  expect(forked).toMatchObject({ step: 2, folder: join(root, forked.run) });
  expect(forked.run).not.toBe(report.run);
  const { events } = await readRun(resume(forked.folder, { environment, planner: leverEngine() }));
  expect(events.find(({ type }) => type === "run-start")).toMatchObject({ run: forked.run, resumedAfter: 2 });
  expect(await rowsOf(forked.folder)).toBe(await rowsOf(whole));
});

it("has neither the other's end nor what came after the checkpoint", async () => {
  await mkdir(join(whole, "weights"));
  await mkdir(join(whole, "replies"));
  for (const name of ["step-0000002", "step-0000003", "opening"])
    await appendFile(join(whole, "replies", `${name}.jsonl`), "");
  const { folder } = await fork(whole, 2);
  expect((await readdir(folder)).sort()).toEqual(
    [
      "checkpoints",
      "config.json",
      "digests.jsonl",
      "familiarity.json",
      "journal",
      "metrics.jsonl",
      "options.json",
      "phases.json",
    ].concat(["replies", "timings.jsonl", "trajectories.jsonl"]),
  );
  expect((await readdir(join(folder, "checkpoints"))).filter((name) => name.startsWith("step"))).toEqual([
    "step-0000002",
  ]);
  expect((await readdir(join(folder, "replies"))).sort()).toEqual(["opening.jsonl", "step-0000002.jsonl"]);
  expect(await readdir(whole)).toContain("report.json");
});

it("is of the newest checkpoint where none was named, and of the newest good one where that is damaged", async () => {
  expect((await fork(whole)).step).toBe(3);
  const { folder } = await fork(whole);
  await appendFile(join(folder, "checkpoints", "step-0000003", "policy-planner.state"), "x");
  expect((await fork(folder)).step).toBe(2);
  await expect(fork(folder, 3)).rejects.toThrow(/no good checkpoint of step 3: .*policy-planner\.state is damaged/);
});

it("is none of a step without a checkpoint; the message names those that there are", async () => {
  await expect(fork(whole, 1)).rejects.toThrow(ConfigError);
  await expect(fork(whole, 9)).rejects.toThrow(
    `The run ${report.run} has no good checkpoint of step 9: it has ${report.run}@2, ${report.run}@3.`,
  );
  const empty = join(root, "empty");
  await mkdir(empty);
  await expect(fork(empty)).rejects.toThrow("The run empty has no good checkpoint: it has none.");
  await expect(fork(join(root, "nowhere"))).rejects.toThrow(/^There is no run in/);
});

it("is none of a run with links in it, and leaves nothing behind", async () => {
  const { folder } = await fork(whole, 2);
  await symlink(join(whole, "report.json"), join(folder, "link.json"));
  const before = await readdir(root);
  await expect(fork(folder)).rejects.toThrow(StoreError);
  expect(await readdir(root)).toEqual(before);
});
