import { appendFile, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leverEngine, quick, readRun, tempFolder, watchedEngine } from "../../test/learn-double.ts";
import { ConfigError } from "../errors.ts";
import { own } from "../store/owner.ts";
import { sealOf } from "../store/run-seal.ts";
import { leverEnvironment } from "../testing/index.ts";
import { learn, resume } from "./learn.ts";
import type { LearnOptions } from "./options.ts";
import { type VerifyOptions, verify } from "./verify.ts";
import { integrityOf } from "./verify-integrity.ts";

const root = await tempFolder();
const environment = leverEnvironment();
const started = (options: Partial<LearnOptions> = {}) =>
  learn({ environment, planner: leverEngine(), recipe: quick, folder: root, seed: 3, ...options });
const verified = (folder: string, options: Partial<VerifyOptions> = {}) =>
  verify(folder, { environment, planner: leverEngine(), ...options });

/** A run that dies in its third step: it has two checkpoints, and no report. */
const died = async (): Promise<string> => {
  const abort = new AbortController();
  const onStep = (step: number) => step === 3 && abort.abort(new Error("Died."));
  let folder = "";
  const run = started({ planner: watchedEngine({ onStep }), abortSignal: abort.signal });
  const reading = readRun(run, (event) => {
    if (event.type === "run-start") folder = event.folder;
  });
  await expect(reading).rejects.toThrow("Died.");
  return folder;
};

const whole = join(root, (await started().report).run);
const unfinished = await died();

let copies = 0;
/** A copy of a run in which a file has been changed. */
const changed = async (run: string, name: string, change: (text: string) => string): Promise<string> => {
  const folder = join(root, `copy-${copies++}`);
  await mkdir(folder);
  await cp(run, folder, { recursive: true });
  const text = await readFile(join(folder, name), "utf8");
  expect(change(text)).not.toBe(text);
  await writeFile(join(folder, name), change(text));
  return folder;
};
/** The same, by somebody who seals the run anew. */
const forged = async (name: string, change: (text: string) => string): Promise<string> => {
  const folder = await changed(whole, name, change);
  const files = await sealOf(folder, {});
  await writeFile(join(folder, "seal.json"), JSON.stringify({ schemaVersion: 1, files }));
  return folder;
};

describe("a run that is as it was", () => {
  it("is verified, step by step", async () => {
    const steps: number[] = [];
    const found = await verified(whole, { onStep: (step) => steps.push(step) });
    expect(found).toMatchObject({ verified: true, steps: 3, sameMachine: true, differences: [] });
    expect(found.notCovered).toContain("timings.jsonl: wall time");
    expect(steps).toEqual([1, 2, 3]);
    expect((await readdir(whole)).filter((name) => name.startsWith(".owner"))).toEqual([]);
  });

  it("is verified by one of its steps", async () => {
    const found = await verified(whole, { step: 3 });
    expect(found).toMatchObject({ verified: true, steps: 1 });
    // There is no checkpoint before step 2 any more: it begins at the first one.
    expect(await verified(whole, { step: 2 })).toMatchObject({ verified: true, steps: 2 });
    expect(found.notCovered).toEqual(["everything but step 3: verify without a step for the whole run"]);
    await expect(verified(whole, { step: 9 })).rejects.toThrow(/has 3 steps; there is no step 9/);
  });

  it("is not verified by a step before its checkpoints if it began with imitation, but by a later one", async () => {
    const adapters = () => leverEngine({ learns: "adapters" });
    const recipe = { ...quick, coldStart: { ...quick.coldStart, steps: 2 } };
    const run = join(root, (await started({ planner: adapters(), recipe }).report).run);
    await expect(verified(run, { planner: adapters(), step: 2 })).rejects.toThrow(
      /before step 2,.*Name a step after 2/,
    );
    await expect(verified(run, { planner: adapters(), step: 2 })).rejects.toThrow(ConfigError);
    expect(await verified(run, { planner: adapters(), step: 3 })).toMatchObject({ verified: true, steps: 1 });
  });

  it("is verified to its newest checkpoint when it died, and that is said", async () => {
    const found = await verified(unfinished);
    expect(found.differences).toEqual([]);
    expect(found).toMatchObject({ verified: true, steps: 2 });
    expect(found.notCovered.at(-1)).toMatch(/^the run has no report: rows after its newest checkpoint/);
  });

  it("is verified when it was stopped before its steps were done", async () => {
    const stop = new AbortController();
    const planner = watchedEngine({ onStep: (step) => step === 2 && stop.abort() });
    const { run } = await started({ planner, stopSignal: stop.signal }).report;
    expect(await verified(join(root, run))).toMatchObject({ differences: [], verified: true, steps: 2 });
  });

  it("is verified when it was stopped and resumed, before anything was validated and later", async () => {
    for (const at of [1, 2]) {
      const stop = new AbortController();
      const planner = watchedEngine({ onStep: (step) => step === at && stop.abort() });
      const { run, stepsDone } = await started({ planner, stopSignal: stop.signal }).report;
      expect(stepsDone).toBe(at);
      await resume(join(root, run), { environment, planner: leverEngine() }).report;
      expect(await verified(join(root, run))).toMatchObject({ differences: [], verified: true, steps: 3 });
    }
  });

  it("is verified whatever it does beside: without guard, or saving and validating at other steps", async () => {
    const seldom = { ...quick, steps: 5, validation: { tasks: 4, every: 2 } };
    for (const options of [
      { guard: false },
      { recipe: seldom, checkpointEvery: 3 },
      { replay: false, permuteRewards: true },
    ]) {
      const { run } = await started(options).report;
      expect(await verified(join(root, run))).toMatchObject({ differences: [], verified: true });
    }
  });

  it("says when it ran on another machine", async () => {
    const planner = leverEngine({ description: { runtime: "another" } });
    expect(await verified(whole, { planner, step: 3 })).toMatchObject({ verified: true, sameMachine: false });
  });
});

describe("a file that was changed", () => {
  const files = [
    "config.json",
    "options.json",
    "phases.json",
    "metrics.jsonl",
    "timings.jsonl",
    "trajectories.jsonl",
    "digests.jsonl",
    "report.json",
    "journal/0000002.jsonl",
    "checkpoints/step-0000003/progress.json",
    "checkpoints/LATEST",
  ];
  it.each(files)("is named without doing anything again: %s", async (name) => {
    const folder = await changed(whole, name, (text) =>
      text.replace(/\d/, (digit) => String((Number(digit) + 1) % 10)),
    );
    const opened: number[] = [];
    const watched = leverEnvironment({ onOpen: (seed) => opened.push(seed) });
    const found = await verify(folder, { environment: watched, planner: leverEngine() });
    expect(found).toMatchObject({ verified: false, steps: 0, sameMachine: undefined });
    expect(found.differences).toEqual([expect.stringMatching(new RegExp(`^${name} was changed: `))]);
    expect(opened).toEqual([]);
  });

  it("is named when it is missing, added, or a link", async () => {
    const folder = await changed(whole, "metrics.jsonl", (text) => `${text}\n`);
    await rm(join(folder, "metrics.jsonl"));
    await writeFile(join(folder, "notes.txt"), "");
    expect(await integrityOf(folder)).toEqual(["metrics.jsonl is missing", "notes.txt was added"]);
    await symlink(join(whole, "metrics.jsonl"), join(folder, "metrics.jsonl"));
    expect(await integrityOf(folder)).toEqual([expect.stringMatching(/metrics\.jsonl is a link/)]);
  });

  it("is the seal itself", async () => {
    const broken = await changed(whole, "seal.json", () => "{");
    expect(await integrityOf(broken)).toEqual([expect.stringMatching(/^seal\.json cannot be read/)]);
    const empty = await changed(whole, "seal.json", () => '{"schemaVersion":1,"files":{"x":{}}}');
    expect(await integrityOf(empty)).toEqual([expect.stringMatching(/^seal\.json is damaged: "x"/)]);
  });

  it.each<[string, RegExp]>([
    ["metrics.jsonl", /^metrics\.jsonl was changed/],
    ["trajectories.jsonl", /^trajectories\.jsonl was changed/],
    ["digests.jsonl", /^digests\.jsonl was changed/],
    ["phases.json", /^phases\.json was changed/],
    ["checkpoints/step-0000002/policy-planner.state", /step-0000002\/policy-planner\.state is damaged/],
    ["journal/0000001.jsonl", /^journal\/0000001\.jsonl, trajectory 1\/\S+, turn 1: it does not have the hash/],
  ])("is named in a run that died: %s", async (name, message) => {
    const folder = await changed(unfinished, name, (text) =>
      text
        .replace(/"version":"./, '"version":"-')
        .replace(/:\s*0/, ":1")
        .replace(/"steps":2,"rows"/, '"steps":3,"rows"'),
    );
    const { verified: isVerified, differences } = await verified(folder);
    expect(isVerified).toBe(false);
    expect(differences[0]).toMatch(message);
  });
});

describe("a file that was changed and sealed anew", () => {
  it.each<[string, (text: string) => string, RegExp]>([
    [
      "metrics.jsonl",
      (text) => text.replace('"trajectories":8', '"trajectories":9'),
      /^metrics\.jsonl, step \d: trajectories was 9 and is 8/,
    ],
    [
      "trajectories.jsonl",
      (text) => text.replace('"reward":0', '"reward":1'),
      /^trajectories\.jsonl, line \d+: before, task test\S+: reward was 1 and is 0/,
    ],
    [
      "digests.jsonl",
      (text) => text.replace(/"0\/0\/0":\["....../, '"0/0/0":["000000'),
      /^digests\.jsonl, step 1: trajectory 0\/0\/0, turn 1/,
    ],
    [
      "report.json",
      (text) => text.replace('"stepsDone": 3', '"stepsDone": 4'),
      /^report\.json: stepsDone was 4 and is 3/,
    ],
    [
      "config.json",
      (text) => text.replace('"groupSize": 4', '"groupSize": 5'),
      /^config\.json: groupSize is 5, and options\.json comes to 4/,
    ],
    [
      "options.json",
      (text) => text.replace('"seed": 3', '"seed": 4'),
      /^config\.json: seed is 3, and options\.json comes to 4/,
    ],
    ["options.json", (text) => text.replace('"seed": 3', '"seed": "3"'), /options\.json is damaged: seed is "3"/],
  ])("differs from what the run comes to: %s", async (name, change, message) => {
    const found = await verified(await forged(name, change));
    expect(found.verified).toBe(false);
    expect(found.differences[0]).toMatch(message);
  });

  it("is found by the step that wrote it", async () => {
    const folder = await forged("metrics.jsonl", (text) => text.replace(/("index":1,"reward":\{"mean":)/, "$11"));
    expect(await verified(folder, { step: 3 })).toMatchObject({ verified: true });
    const { differences } = await verified(folder, { step: 2 });
    expect(differences).toEqual([expect.stringMatching(/^metrics\.jsonl, step 2: reward was /)]);
  });
});

describe("what is not verified", () => {
  it("is no run", async () => {
    await expect(verified(join(root, "nowhere"))).rejects.toThrow(ConfigError);
    const folder = join(root, "empty");
    await mkdir(folder);
    await expect(verified(folder)).rejects.toThrow(/There is no run in .*: it has no config.json/);
  });

  it("is a run that somebody is at work on", async () => {
    const folder = await changed(whole, "metrics.jsonl", (text) => `${text}\n`);
    const lock = await own(folder);
    await expect(verified(folder)).rejects.toThrow(/is working on it/);
    await lock.release();
  });

  it("is an unfinished run of an earlier version, or one that rolled out while it trained", async () => {
    const old = await changed(unfinished, "options.json", (text) =>
      text.replace('"schemaVersion": 5', '"schemaVersion": 4'),
    );
    await expect(verified(old)).rejects.toThrow(/is of an earlier version \(options\.json has schemaVersion 4/);
    const ahead = await forged("options.json", (text) =>
      text.replace('"seed": 3', '"seed": 3,\n    "maxStaleness": 1'),
    );
    await expect(verified(ahead)).rejects.toThrow(/rolled out while it trained \(maxStaleness\)/);
  });

  it("is a run that has kept no step", async () => {
    const folder = await changed(unfinished, "checkpoints/LATEST", (text) => `${text}\n`);
    await rm(join(folder, "checkpoints"), { recursive: true });
    await expect(verified(folder)).rejects.toThrow(/has no step that it kept: there is nothing to verify yet/);
  });
});

it("a run that died may have more rows than its newest checkpoint", async () => {
  const folder = await changed(unfinished, "metrics.jsonl", (text) => text + text.slice(0, 40));
  await appendFile(join(folder, "timings.jsonl"), "{}\n");
  expect(await integrityOf(folder)).toEqual([]);
});
