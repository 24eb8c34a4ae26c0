import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { check as crashPoints } from "../scripts/check-crash-points.ts";
import { check as diskFull } from "../scripts/check-disk-full.ts";
import { check as kill } from "../scripts/check-kill.ts";
import { fingerprint, learn, phaseOf, start } from "../scripts/checks/learning.ts";
import { loadState, saveState, type TrainingState } from "../src/learn/checkpoint-state.ts";
import { scriptedPolicy } from "../src/testing/index.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-resume-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const SLOW = 900_000;

/** Runs learning until a part of it is under way, and kills it there. */
const killIn = async (out: string, phase: string): Promise<string> => {
  const process_ = learn(out);
  const ended = process_.ended.then(() => true);
  while (
    phaseOf(out) !== phase &&
    !(await Promise.race([ended, new Promise((wake) => setTimeout(() => wake(false), 20))]))
  );
  process_.kill();
  await process_.ended;
  return readdirSync(out)[0] ?? "";
};

describe("a run that was killed", () => {
  it(
    "ends with the same bits, wherever it was killed",
    async () => {
      const { failed, lines } = await kill.run({ n: 20, seed: 11, broken: false });
      expect({ failed, lines: failed === 0 ? [] : lines }).toEqual({ failed: 0, lines: [] });
    },
    SLOW,
  );

  it(
    "does so too when it dies at a call that changes a file, and again in its recovery",
    async () => {
      const { failed, lines } = await crashPoints.run({ n: 3, seed: 11, broken: false });
      expect({ failed, lines: failed === 0 ? [] : lines }).toEqual({ failed: 0, lines: [] });
    },
    SLOW,
  );

  it(
    "goes on after a disk was full",
    async () => {
      const { failed, lines } = await diskFull.run({ n: 2, seed: 11, broken: false });
      expect({ failed, lines: failed === 0 ? [] : lines }).toEqual({ failed: 0, lines: [] });
    },
    SLOW,
  );
});

describe("a run that is resumed", () => {
  it(
    "by several at once is resumed by one, and the others say who that is",
    async () => {
      const out = join(scratch, "several");
      const whole = join(scratch, "whole-of-several");
      await learn(whole).ended;
      const id = await killIn(out, "training");
      const started = Array.from({ length: 4 }, () => start(["learn", "--resume", join(out, id), "--quiet"]));
      const ended = await Promise.all(started.map((one) => one.ended));
      const [winner, ...more] = started.filter((_, i) => ended[i]?.code === 0);
      expect({ more: more.length, stderr: ended.map(({ stderr }) => stderr) }).toMatchObject({ more: 0 });
      for (const { code, stderr } of ended.filter(({ code }) => code !== 0)) {
        expect(code).toBe(1);
        // One that came when all was over is told so.
        expect(stderr).toMatch(new RegExp(`belongs to the process ${winner?.child.pid},|is finished`));
      }
      expect(fingerprint(out)).toBe(fingerprint(whole));
    },
    SLOW,
  );

  it(
    "is refused when a file of it was changed, by name and hash, and stays as it is",
    async () => {
      const out = join(scratch, "changed");
      const run = join(out, await killIn(out, "training"));
      for (const name of ["phases.json", "metrics.jsonl", "trajectories.jsonl", "options.json", "config.json"]) {
        const path = join(run, name);
        const content = readFileSync(path);
        const digit = content.findIndex((byte, i) => i > 40 && byte >= 0x31 && byte <= 0x38);
        writeFileSync(path, Buffer.from(content).fill((content[digit] ?? 0) ^ 1, digit, digit + 1));
        const { code, stderr } = await start(["learn", "--resume", run, "--quiet"]).ended;
        expect({ name, code }).toEqual({ name, code: 1 });
        expect(stderr).toContain(name);
        writeFileSync(path, content);
      }
      expect((await start(["learn", "--resume", run, "--quiet"]).ended).code).toBe(0);
    },
    SLOW,
  );
});

describe("the three classic bugs of resuming", () => {
  it(
    "a finished phase is not entered again",
    async () => {
      const out = join(scratch, "phases");
      const id = await killIn(out, "training");
      const { ended } = start(["learn", "--resume", join(out, id)]);
      // What is told of an evaluation goes to stdout, which is not read here; a second one would add its rows.
      expect((await ended).code).toBe(0);
      const { readTrajectories } = await import("../src/store/stored-run.ts");
      const rows = (await readTrajectories({ folder: join(out, id) })) as { phase: string; task: string }[];
      const before = rows.filter(({ phase }) => phase === "before").map(({ task }) => task);
      expect(before.length).toBeGreaterThan(0);
      expect(new Set(before).size).toBe(before.length);
      const steps = rows.filter(({ phase }) => phase === "train") as unknown as { step: number }[];
      expect([...new Set(steps.map(({ step }) => step))]).toEqual([0, 1]);
    },
    SLOW,
  );

  it("a real 0 stays 0: no score, rate or step is taken for a missing one", async () => {
    const folder = join(scratch, "zeros");
    const policy = scriptedPolicy(() => "");
    const state: TrainingState = {
      after: { index: 0, tasksDrawn: 0, guard: { stepScale: 0, inARow: 0 } },
      sampler: {
        families: { a: { drawn: 0, credit: 0, rate: 0 } },
        current: 0,
        groups: [{ task: "t", family: "a", rewards: [0] }],
      },
      kept: { best: { step: 0, accuracy: 0, states: [await policy.exportState()] }, since: 0, last: 0 },
      spent: { rollOut: 0, train: 0, validate: 0 },
    };
    await saveState({ folder, extents: async () => ({ "metrics.jsonl": { bytes: 0, sha256: "" } }) }, [policy], state);
    const stored = await loadState(folder, [policy.name], () => expect.unreachable());
    expect(stored?.state).toEqual(state);
    expect(stored?.extents).toEqual({ "metrics.jsonl": { bytes: 0, sha256: "" } });
  });

  it(
    "a run that was moved goes on from its own files, not from where it was",
    async () => {
      const out = join(scratch, "here");
      const whole = join(scratch, "whole");
      await learn(whole).ended;
      const id = await killIn(out, "training");
      const there = join(scratch, "there");
      cpSync(out, there, { recursive: true });
      rmSync(out, { recursive: true });
      const { code, stderr } = await learn(there).ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(existsSync(join(out, id))).toBe(false);
      expect(fingerprint(there)).toBe(fingerprint(whole));
    },
    SLOW,
  );
});
