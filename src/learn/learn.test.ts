import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  engineOfTwo,
  leverEngine,
  quick,
  readRun,
  tempFolder,
  typesOf,
  watchedEngine,
} from "../../test/learn-double.ts";
import type { Engine } from "../engine.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { own } from "../store/owner.ts";
import { leverEnvironment, scriptedPlanner } from "../testing/index.ts";
import type { LearnEvent } from "./event.ts";
import { learn, resume } from "./learn.ts";
import type { LearnOptions } from "./options.ts";
import type { LearnRun } from "./run-stream.ts";

const root = await tempFolder();
const environment = leverEnvironment();
const started = (options: Partial<LearnOptions> = {}) =>
  learn({ environment, planner: leverEngine(), recipe: quick, folder: root, seed: 3, ...options });
const again = (folder: string, engine: Engine = leverEngine()) => resume(folder, { environment, planner: engine });
const filesOf = (folder: string): Promise<string[]> =>
  Promise.all(
    ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl"].map((name) => readFile(join(folder, name), "utf8")),
  );
/** A run that dies in an optimiser step, counted from 1 over the whole run: its folder. */
const diedIn = async (step: number, options: Partial<LearnOptions> = {}, changes: Partial<Engine> = {}) => {
  const abort = new AbortController();
  const onStep = (at: number) => at === step && abort.abort(new Error("Died."));
  return deathOf(started({ ...options, planner: watchedEngine({ onStep }, changes), abortSignal: abort.signal }));
};
const deathOf = async (run: LearnRun): Promise<string> => {
  let folder = "";
  const onEvent = (event: LearnEvent): void => {
    if (event.type === "run-start") folder = event.folder;
  };
  await expect(readRun(run, onEvent)).rejects.toThrow("Died.");
  return folder;
};
const diagnosesIn = (events: readonly LearnEvent[]) =>
  events.flatMap((event) => (event.type === "diagnosis" ? [event.message] : []));

const whole = await readRun(started());
const folderOfWhole = join(root, whole.report.run);

describe("a run of learning", () => {
  it("tells what it does, in order, from its check to its report", () => {
    expect(typesOf(whole.events)).toEqual([
      "check-end",
      "run-start",
      ...["evaluation-start", "evaluation-end", "baselines-end", "training-start"],
      ...[1, 2, 3].flatMap(() => ["step-end", "validation-end", "checkpoint-end"]),
      "training-end",
      ...["evaluation-start", "evaluation-end", "finish"],
    ]);
    expect(whole.events.find(({ type }) => type === "run-start")).toEqual({
      schemaVersion: 1,
      sequence: 2,
      type: "run-start",
      run: whole.report.run,
      folder: folderOfWhole,
      model: "tabular",
      machine: { runtime: "tabular" },
      split: "test",
      titles: expect.objectContaining({ heldOutPages: "unseen doors" }),
      question: "which lever opens red",
      tasks: 6,
      steps: 3,
      tasksPerStep: 2,
      groupSize: 4,
    });
  });

  it("keeps everything in a folder of its own", async () => {
    expect((await readdir(folderOfWhole)).filter((name) => !name.startsWith(".")).sort()).toEqual(
      [
        "checkpoints",
        "config.json",
        "digests.jsonl",
        "familiarity.json",
        "journal",
        "metrics.jsonl",
        "options.json",
      ].concat(["phases.json", "report.json", "seal.json", "timings.jsonl", "trajectories.jsonl"]),
    );
    const stored = JSON.parse(await readFile(join(folderOfWhole, "report.json"), "utf8"));
    expect(stored).toEqual(JSON.parse(JSON.stringify(whole.report)));
    const { options } = JSON.parse(await readFile(join(folderOfWhole, "options.json"), "utf8"));
    expect(options).toMatchObject({ seed: 3, environment: "levers", model: "tabular", recipe: { steps: 3 } });
    const rows = (await readFile(join(folderOfWhole, "trajectories.jsonl"), "utf8")).trim().split("\n");
    const phases = rows.map((row) => JSON.parse(row).phase);
    expect([phases.filter((phase) => phase === "before").length, phases.slice(-6)]).toEqual([
      6,
      Array(6).fill("after"),
    ]);
  });

  it("reports what was gained", () => {
    const { report } = whole;
    expect(report).toMatchObject({ schemaVersion: 1, stepsDone: 3, interrupted: false, config: { seed: 3 } });
    const { before, after, gain, baselines } = report;
    expect(gain.heldOutPages.points).toBeCloseTo(after.heldOutPages.accuracy - before.heldOutPages.accuracy, 12);
    expect(baselines.oracle?.heldOutPages.accuracy).toBe(1);
    expect(after.weights).not.toBe(before.weights);
    expect(report).not.toHaveProperty("coldStart");
  });

  it("writes nothing when its environment has a fault", async () => {
    const folder = join(root, "faulty");
    const findings = [
      { check: "tasks", level: "error", message: "There are too few." } as const,
      { check: "leaks", level: "error", message: "They leak." } as const,
    ];
    const events: LearnEvent[] = [];
    const run = started({ environment: leverEnvironment({ findings }), folder });
    await expect(readRun(run, (event) => events.push(event))).rejects.toThrow(
      "There are too few. (and 1 more: learn --check shows all)",
    );
    expect(typesOf(events)).toEqual(["check-end", "finish"]);
    expect(await readdir(root)).not.toContain("faulty");
  });

  it("opens its environment with its seed", async () => {
    const seeds: number[] = [];
    const source = leverEnvironment({ onOpen: (seed) => seeds.push(seed) });
    await started({ environment: source, seed: 11, steps: 0 }).report;
    expect(seeds).toEqual([11]);
  });

  it("stops at once when it is told to stop before its first step, and can be resumed", async () => {
    const stop = new AbortController();
    const events: LearnEvent[] = [];
    const { oracle } = await environment.open({ seed: 3 });
    const stopping = leverEnvironment({
      oracle: (find) => {
        stop.abort(new Error("Later."));
        return oracle?.(find) ?? scriptedPlanner([]);
      },
    });
    const reading = readRun(started({ environment: stopping, stopSignal: stop.signal }), (event) => events.push(event));
    await expect(reading).rejects.toThrow("Later.");
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "aborted", error: "Later." });
    const folder = events.flatMap((event) => (event.type === "run-start" ? [event.folder] : []))[0] ?? "";
    const { events: rest, report } = await readRun(again(folder));
    expect(rest.find(({ type }) => type === "run-start")).toMatchObject({ resumedAfter: 0 });
    // What was evaluated is read, and not evaluated again.
    expect(rest.filter(({ type }) => type === "evaluation-start")).toHaveLength(1);
    expect(report.after).toEqual(whole.report.after);
    expect(await filesOf(folder)).toEqual(await filesOf(folderOfWhole));
  });

  it("gives its engine back when its folder cannot be written any more", async () => {
    const disposed: string[] = [];
    const engine = leverEngine({ dispose: async () => void disposed.push("engine") });
    const removing = leverEnvironment({
      reward: async () => {
        for (const name of await readdir(join(root, "gone")))
          await rm(join(root, "gone", name), { recursive: true, force: true });
        return 0;
      },
    });
    const planner = { name: "levers", open: async () => ({ engine }) };
    const run = started({ environment: removing, planner, folder: join(root, "gone") });
    await expect(run.report).rejects.toThrow(StoreError);
    expect(disposed).toEqual(["engine"]);
  });
});

it("says what an engine does not keep of an optimiser's settings, and records those of the run", async () => {
  const { events, report } = await readRun(started({ planner: leverEngine({ optimiser: "unclipped" }) }));
  const told = events.flatMap((event) => (event.type === "diagnosis" ? [event.message] : []));
  expect(told).toContain("The server does not clip gradients: gradientClip is 0 in this run.");
  const config = JSON.parse(await readFile(join(root, report.run, "config.json"), "utf8"));
  expect(config.config.optimiser).toMatchObject({ gradientClip: 0 });
});

describe("a planner that has adapters", () => {
  const adapters = () => leverEngine({ learns: "adapters" });
  const recipe = { ...quick, coldStart: { steps: 2, plans: 4, exercises: 2, routes: 0, learningRate: 0.3 } };

  it("is shown the tools first, evaluated again, and goes on from there when it is resumed", async () => {
    const { events, report } = await readRun(started({ planner: adapters(), recipe }));
    const phases = events.flatMap((event) => (event.type === "evaluation-end" ? [event.phase] : []));
    expect(phases).toEqual(["before", "coldStart", "after"]);
    expect(events.filter(({ type }) => type === "imitation-step")).toHaveLength(2);
    expect(report.coldStart?.weights).not.toBe(report.before.weights);
    expect(report.gainOfFlow?.heldOutPages.points).toBeCloseTo(
      report.after.heldOutPages.accuracy - (report.coldStart?.heldOutPages.accuracy ?? 0),
      12,
    );
    // In the imitation, right after it, in the first step and in the second.
    for (const [step, imitated] of [1, 2, 3, 4].entries()) {
      const left = await diedIn(step + 1, { recipe }, { learns: "adapters" });
      const { events: rest } = await readRun(again(left, adapters()));
      expect(rest.filter(({ type }) => type === "imitation-step")).toHaveLength(imitated === 1 ? 2 : 0);
      expect(await filesOf(left)).toEqual(await filesOf(join(root, report.run)));
    }
  });

  it("is not shown them when it starts from adapters that were trained, or no step was asked for", async () => {
    const planner = { name: "trained", open: async () => ({ engine: adapters(), adapters: { planner: "folder" } }) };
    for (const options of [
      { planner, recipe },
      { planner: adapters(), recipe, coldStart: 0 },
    ]) {
      const { events } = await readRun(started(options));
      expect(typesOf(events)).not.toContain("imitation-step");
    }
  });
});

describe("a run whose calls fail at a rate", () => {
  const options = { toolFailures: 0.3, recipe: { ...quick, coldStart: { ...quick.coldStart, steps: 0 } } };

  it("evaluates where nothing fails, and once more where calls fail", async () => {
    const { events, report } = await readRun(started(options));
    const phases = events.flatMap((event) => (event.type === "evaluation-end" ? [event.phase] : []));
    expect(phases).toEqual(["before", "after", "failing"]);
    const { failing, before, config } = report;
    expect(config.toolFailures).toBe(0.3);
    expect([failing?.n, before.toolErrorRate]).toEqual([4, 0]);
    const rows = (await readFile(join(root, report.run, "trajectories.jsonl"), "utf8")).trim().split("\n");
    const met = rows.filter((row) => JSON.parse(row).phase === "failing" && row.includes("503 Service Unavailable"));
    expect(met.length).toBeGreaterThan(0);
    expect(failing?.met.n).toBe(met.length);
    const solved = met.filter((row) => JSON.parse(row).reward === 1).length;
    expect(failing?.met.accuracy).toBeCloseTo(solved / met.length, 12);
    expect(whole.report).not.toHaveProperty("failing");
  });

  it("comes to the same rows whatever the concurrency and wherever it was left", async () => {
    const { report } = await readRun(started(options));
    const rows = await filesOf(join(root, report.run));
    expect(rows).not.toEqual(await filesOf(folderOfWhole));
    const { report: alone } = await readRun(started({ ...options, concurrency: 1 }));
    expect(await filesOf(join(root, alone.run))).toEqual(rows);
    const left = await diedIn(2, options);
    await readRun(again(left));
    expect(await filesOf(left)).toEqual(rows);
  });

  it("is refused where it names a tool that there is not", async () => {
    const run = started({ ...options, toolFailures: { pres: 0.3 } });
    await expect(run.report).rejects.toThrow(/no tool "pres"\. Accepted are press, look\./);
  });
});

describe("a planner and a verifier that learn from one reward", () => {
  const verifier = { steps: 25, trajectories: 200, batch: 100, learningRate: 0.3, agreement: 0.9 };
  const options = { train: ["planner", "verifier"] as const, recipe: { ...quick, verifier } };

  it("begin with a verifier that imitates the rules, and are evaluated before and after that", async () => {
    const { events, report } = await readRun(started({ ...options, planner: engineOfTwo() }));
    const phases = events.flatMap((event) => (event.type === "evaluation-end" ? [event.phase] : []));
    expect(phases).toEqual(["before", "coldStart", "after"]);
    expect(events.filter(({ type }) => type === "imitation-step")).toHaveLength(25);
    expect(report.agreement).toMatchObject({ steps: 25 });
    expect(report.agreement?.share).toBeGreaterThan(0.9);
    expect(diagnosesIn(events)[0]).toMatch(
      /^The verifier agrees with the rules in \d+\.\d % of \d+ verdicts on unseen/,
    );
    expect(report.config).toMatchObject({ train: ["planner", "verifier"], verifier });
    const [before, taught, after] = [report.before, report.coldStart, report.after].map((one) => one?.versions ?? {});
    expect(taught?.planner).toBe(before?.planner);
    for (const [from, to] of [
      [before, taught],
      [taught, after],
    ])
      expect(to?.verifier).not.toBe(from?.verifier);
    expect(after?.planner).not.toBe(before?.planner);
  });

  it("come to the same rows when they are resumed", async () => {
    const { report } = await readRun(started({ ...options, planner: engineOfTwo() }));
    const abort = new AbortController();
    const run = started({ ...options, planner: engineOfTwo(), abortSignal: abort.signal });
    let left = "";
    const onEvent = (event: LearnEvent): void => {
      if (event.type === "run-start") left = event.folder;
      if (event.type === "step-end" && event.step === 2) abort.abort(new Error("Died."));
    };
    await expect(readRun(run, onEvent)).rejects.toThrow("Died.");
    const { events, report: resumed } = await readRun(again(left, engineOfTwo()));
    expect(events.filter(({ type }) => type === "imitation-step")).toEqual([]);
    expect(await filesOf(left)).toEqual(await filesOf(join(root, report.run)));
    expect(resumed.agreement).toEqual(report.agreement);
  });
});

describe("a resumed run", () => {
  it("comes to the same rows, wherever it was left", async () => {
    const abort = new AbortController();
    const onSave = () => abort.abort(new Error("Died."));
    const saved = await deathOf(started({ planner: watchedEngine({ onSave }), abortSignal: abort.signal }));
    for (const left of [await diedIn(1), await diedIn(2), await diedIn(3), saved]) {
      const { report } = await readRun(again(left));
      expect(await filesOf(left)).toEqual(await filesOf(folderOfWhole));
      expect([report.after, report.config]).toEqual([whole.report.after, whole.report.config]);
    }
  });

  it("says which checkpoint it passes over, and takes the one before", async () => {
    const left = await diedIn(3);
    await appendFile(join(left, "checkpoints", "step-0000002", "policy-planner.state"), "x");
    const { events } = await readRun(again(left));
    expect(diagnosesIn(events)).toEqual([
      expect.stringMatching(/^A checkpoint is skipped: .*step-0000002\/policy-planner\.state is damaged: .*\.$/),
    ]);
    expect(events.find(({ type }) => type === "run-start")).toMatchObject({ resumedAfter: 1 });
    expect(await filesOf(left)).toEqual(await filesOf(folderOfWhole));
  });

  it("says that it goes on on another machine", async () => {
    const left = await diedIn(2);
    const { events } = await readRun(again(left, leverEngine({ description: { runtime: "another" } })));
    expect(diagnosesIn(events)).toEqual([expect.stringMatching(/^This machine or its runtime is not the one/)]);
  });

  it("is refused by the name of what differs", async () => {
    const left = await diedIn(2);
    const options = join(left, "options.json");
    const text = await readFile(options, "utf8");
    await writeFile(options, text.replace('"seed": 3', '"seed": 4'));
    await expect(again(left).report).rejects.toThrow(/began with seed 3 by its config\.json, .* comes to 4\./);
    await writeFile(options, text);
    const elsewhere = leverEnvironment({ record: { tasks: "levers-2" } });
    const resumed = resume(left, { environment: elsewhere, planner: leverEngine() });
    await expect(resumed.report).rejects.toThrow(/began with tasks "levers-1"/);
    // A run that was refused is as it was.
    expect((await readRun(again(left))).report.stepsDone).toBe(3);
  });

  it("is refused while somebody is at work on it, when it is finished, and where there is none", async () => {
    const left = await diedIn(2);
    const lock = await own(left);
    await expect(again(left).report).rejects.toThrow(/belongs to the process \d+, which is working on it/);
    await lock.release();
    await expect(again(folderOfWhole).report).rejects.toThrow(ConfigError);
    await expect(again(join(root, "nowhere")).report).rejects.toThrow(/^There is no run in/);
  });

  it("is refused when its rows were changed, and changes nothing then", async () => {
    const left = await diedIn(3);
    const changed = join(root, "changed");
    await mkdir(changed);
    await cp(left, changed, { recursive: true });
    const path = join(changed, "metrics.jsonl");
    const text = (await readFile(path, "utf8")).replace('"index":0', '"index":7');
    await writeFile(path, text);
    await expect(again(changed).report).rejects.toThrow(/metrics\.jsonl was changed/);
    expect(await readFile(path, "utf8")).toBe(text);
  });

  it("of a run that was stopped loses its old report and seal", async () => {
    const stop = new AbortController();
    const planner = watchedEngine({ onStep: () => stop.abort() });
    const { events, report } = await readRun(started({ planner, stopSignal: stop.signal }));
    expect(report).toMatchObject({ interrupted: true, stepsDone: 1 });
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "interrupted" });
    const folder = join(root, report.run);
    const abort = new AbortController();
    const dying = watchedEngine({ onStep: () => abort.abort(new Error("Died.")) });
    await deathOf(resume(folder, { environment, planner: dying, abortSignal: abort.signal }));
    expect((await readdir(folder)).filter((name) => /^(?:report|seal)/.test(name))).toEqual([]);
    expect(await again(folder).report).toMatchObject({ interrupted: false, stepsDone: 3 });
  });
});

it("the report says which step was kept as the events do: counted from 1", async () => {
  let seen = 0;
  const falling = leverEnvironment({
    reward: ({ id, sealed }, answer) => {
      if (!id.startsWith("validation/")) return sealed.answer === answer ? 1 : 0;
      seen += 1;
      return seen <= quick.validation.tasks ? 1 : 0;
    },
  });
  const { events, report } = await readRun(started({ environment: falling }));
  expect(events.find(({ type }) => type === "training-end")).toMatchObject({ keptStep: 1 });
  expect(report.keptStep).toBe(1);
});
