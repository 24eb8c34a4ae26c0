import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-cli-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CallOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with all of stdout so far, and a way to press Ctrl-C. */
  readonly onOutput?: (stdout: string, press: () => void) => void;
}

/** Calls the command as a person would, through a pipe. */
const agentflow = (args: readonly string[], { environment = {}, onOutput }: CallOptions = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
      cwd: root,
      env: { ...process.env, AGENTFLOW_DEBUG: "", ...environment },
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
      onOutput?.(output.stdout, () => child.kill("SIGINT"));
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.on("error", reject).on("close", (code) => resolve({ code, ...output }));
  });

const SLOW = { timeout: 600_000 };
const oneLine = /^agentflow: [^\n]+\n$/;

describe("calls", () => {
  it("shows what there is", SLOW, async () => {
    const { code, stdout, stderr } = await agentflow(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("learn");
    expect(stdout).toContain("solve");
  });

  it.each([
    [["lern"], "lern"],
    [["learn", "--stepz", "3"], "--stepz"],
    [["learn", "--steps", "many"], "many"],
    [["learn", "--steps", "-1"], "-1"],
    [["learn", "--steps", "1.5"], "1.5"],
    [["learn", "--concurrency", "0"], "0"],
    [["learn", "--seed"], "--seed"],
    [["learn", "more"], "learn"],
    [["solve"], "question"],
  ])("refuses %j in one line", SLOW, async (args, word) => {
    const { code, stdout, stderr } = await agentflow(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toContain(word);
  });
});

describe("failures", () => {
  const model = join(scratch, "model");
  const out = join(scratch, "never");
  const file = join(scratch, "file");
  writeFileSync(file, "");

  const damage = (change: (weights: string) => void): void => {
    rmSync(model, { recursive: true, force: true });
    cpSync(join(root, "models/agentflow-tiny"), model, { recursive: true });
    change(join(model, "model.safetensors"));
  };
  const flipByte = (path: string): void => {
    const bytes = readFileSync(path);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };

  it.each([
    ["a flipped byte in the weights", () => damage(flipByte), ["--model", model, "--out", out], 1, /damaged/],
    [
      "weights cut short",
      () => damage((path) => truncateSync(path, 1000)),
      ["--model", model, "--out", out],
      1,
      /damaged/,
    ],
    ["no weights", () => damage((path) => rmSync(path)), ["--model", model, "--out", out], 1, /missing/],
    ["no such planner", () => undefined, ["--model", "nobody", "--out", out], 2, /no planner "nobody"/],
    ["runs in a file", () => undefined, ["--out", file], 2, /is a file/],
    ["runs below a file", () => undefined, ["--out", join(file, "runs")], 2, /is a file/],
  ])("%s: one line, before anything is written", SLOW, async (_, prepare, args, expected, message) => {
    prepare();
    const { code, stdout, stderr } = await agentflow(["learn", "--steps", "1", "--cold-start", "0", ...args]);
    expect({ code, stdout }).toEqual({ code: expected, stdout: "" });
    expect(stderr).toMatch(oneLine);
    expect(stderr).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  it("shows no page of runs where there are none", SLOW, async () => {
    const { code, stdout, stderr } = await agentflow(["runs", "ui", "--out", join(scratch, "none"), "--port", "0"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^agentflow: There is no folder .*none: name the one of your runs with --out\./);
  });

  it("shows where an error comes from when it is asked to", SLOW, async () => {
    const { code, stderr } = await agentflow(["solve", "?", "--policy", "nobody"], {
      environment: { AGENTFLOW_DEBUG: "1" },
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/\n\s+at /);
  });
});

describe("learn and solve", () => {
  const small = ["--steps", "3", "--cold-start", "1", "--eval-tasks", "8", "--seed", "7"];
  const runs = (folder: string): string[] => readdirSync(folder).map((id) => join(folder, id));
  const learnJson = async (name: string, concurrency: number) => {
    const out = join(scratch, name);
    const args = ["learn", ...small, "--json", "--quiet", "--out", out, "--concurrency", String(concurrency)];
    const { code, stdout, stderr } = await agentflow(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.trimEnd()).not.toContain("\n");
    const { run, seconds, config, ...figures } = JSON.parse(stdout);
    const [folder = ""] = runs(out);
    return { run, seconds, config, figures, folder, metrics: readFileSync(join(folder, "metrics.jsonl"), "utf8") };
  };

  it("gives the same figures and weights twice and whatever the concurrency, and keeps the run", SLOW, async () => {
    const one = await learnJson("one", 16);
    for (const [name, concurrency] of [
      ["again", 16],
      ["alone", 1],
    ] as const) {
      const other = await learnJson(name, concurrency);
      expect(other.figures).toEqual(one.figures);
      expect(other.metrics).toBe(one.metrics);
    }
    expect(one.figures.after.weights).not.toBe(one.figures.before.weights);
    expect(one.metrics.trimEnd().split("\n")).toHaveLength(3);
    expect(one.config).toMatchObject({ seed: 7, steps: 3, groupSize: 8, model: "agentflow-tiny" });
    expect(Object.keys(one.seconds)).toEqual(["total", "evaluate", "rollOut", "train", "coldStart"]);
    for (const planner of [one.figures.before, one.figures.after, ...Object.values(one.figures.baselines)])
      expect(planner).toMatchObject({
        heldOutPages: { n: 8, accuracy: expect.any(Number), interval: [expect.any(Number), expect.any(Number)] },
        heldOutFamily: { n: 8 },
        heldOutParaphrase: { n: 8 },
        deep: { n: 8 },
        averageTurns: expect.any(Number),
        toolErrorRate: expect.any(Number),
        toolShares: expect.any(Object),
      });
    expect(one.figures.baselines.oracle.heldOutPages.accuracy).toBe(1);
    expect(Object.values(one.figures.before.families)).toContainEqual(expect.objectContaining({ heldOut: true }));
    expect(one.figures.gain.heldOutPages).toMatchObject({ points: expect.any(Number) });
    const stored = JSON.parse(readFileSync(join(one.folder, "report.json"), "utf8"));
    expect(stored).toEqual({ run: one.run, seconds: one.seconds, config: one.config, ...one.figures });
    expect(JSON.parse(readFileSync(join(one.folder, "weights/manifest.json"), "utf8")).about.version).toBe(
      one.figures.after.weights,
    );

    const solved = await agentflow(["solve", "How high is the airport LOS in feet?", "--policy", one.folder, "--json"]);
    expect(JSON.parse(solved.stdout)).toMatchObject({ schemaVersion: 1, turns: expect.any(Array) });
  });

  it("ends after the step on Ctrl-C, evaluates and saves; no escape code in a pipe", SLOW, async () => {
    const out = join(scratch, "interrupted");
    let pressed = false;
    const { code, stdout, stderr } = await agentflow(
      ["learn", "--steps", "500", "--cold-start", "0", "--eval-tasks", "4", "--out", out],
      {
        onOutput: (text, press) => {
          if (pressed || !text.includes("step   1/500")) return;
          pressed = true;
          press();
        },
      },
    );
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(stdout).not.toContain("\u001b");
    const [folder = ""] = runs(out);
    const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8"));
    expect(report.interrupted).toBe(true);
    expect(report.stepsDone).toBeLessThan(10);
    expect(existsSync(join(folder, "weights/manifest.json"))).toBe(true);
  });

  it("stops at once on a second Ctrl-C, with nothing half-written", SLOW, async () => {
    const out = join(scratch, "stopped");
    let presses = 0;
    const { code, stdout } = await agentflow(
      ["learn", "--steps", "500", "--cold-start", "0", "--eval-tasks", "4", "--out", out],
      {
        onOutput: (text, press) => {
          const due = text.includes("Ctrl-C again") ? 2 : text.includes("step   1/500") ? 1 : 0;
          if (presses >= due) return;
          presses += 1;
          press();
        },
      },
    );
    expect(code).toBe(130);
    expect(stdout).toContain("Stopped at once");
    const [folder = ""] = runs(out);
    const rows = readFileSync(join(folder, "trajectories.jsonl"), "utf8").trimEnd().split("\n");
    expect(rows.every((row) => JSON.parse(row).schemaVersion === 1)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
  });
});
