import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlow, tool } from "agentflow";
import { almanac } from "agentflow/almanac";
import {
  checkEnvironment,
  evaluateSets,
  fork,
  type LearnEvent,
  type LearnOptions,
  type LearnRun,
  learn,
  learnFromTrajectories,
  measureBaselines,
  project,
  readSolved,
  recipes,
  resume,
  verify,
  watch,
} from "agentflow/learn";
import { why } from "agentflow/review";
import { openSetUp, projectFile } from "agentflow/setup";
import { answerReward, readTaskFile } from "agentflow/tasks";
import { calculate } from "agentflow/tools";
import { evaluate } from "agentflow/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What the command line does, by what the package exports, in this process. */
const SLOW = 240_000;

interface StoredRow {
  readonly phase: string;
  readonly task: string;
  readonly trajectory: { readonly turns: readonly { readonly behaviourLogProbs: readonly number[] }[] };
}

/** A recipe whose steps take a second. */
const quick = {
  ...recipes.tiny,
  steps: 3,
  grpo: { ...recipes.tiny.grpo, groupSize: 4, tasksPerStep: 6 },
  replay: { ...recipes.tiny.replay, episodes: 2, states: 2, pool: 8 },
  coldStart: { ...recipes.tiny.coldStart, steps: 2, routes: 8 },
  validation: { tasks: 4, every: 1 },
  checkpointEvery: 1,
  fixedOrderTasks: 4,
};
const settings = { environment: almanac(), recipe: quick, seed: 7, evalTasks: 2, validation: true };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-library-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const read = async <Report>(run: LearnRun<Report>) => {
  const events: LearnEvent<Report>[] = [];
  for await (const event of run) events.push(event);
  return { events, report: await run.report };
};

/** Starts a run and leaves it for good when an event comes. */
const leaveAt = async (options: LearnOptions, type: LearnEvent["type"], step?: number): Promise<string> => {
  let place = "";
  for await (const event of learn(options)) {
    if (event.type === "run-start") place = event.folder;
    if (event.type === type && (step === undefined || ("step" in event && event.step === step))) break;
  }
  return place;
};

const filesOf = (place: string): Promise<string[]> =>
  Promise.all(
    ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl"].map((name) => readFile(join(place, name), "utf8")),
  );

describe("a run of learning", () => {
  let whole = "";

  it("tells what happens, and reports it", { timeout: SLOW }, async () => {
    const { events, report } = await read(learn({ ...settings, folder }));
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i + 1));
    expect(events.every((event) => JSON.stringify(JSON.parse(JSON.stringify(event))) === JSON.stringify(event))).toBe(
      true,
    );
    const types = events.map(({ type }) => type).filter((type) => !["evaluation-progress", "stage"].includes(type));
    expect(types).toEqual([
      "check-end",
      "run-start",
      "evaluation-start",
      "evaluation-end",
      "baselines-end",
      // What random calls found is imitated first.
      "imitation-step",
      "imitation-step",
      "checkpoint-end",
      "evaluation-start",
      "evaluation-end",
      "training-start",
      ...[1, 2].flatMap(() => ["step-end", "validation-end", "checkpoint-end"]),
      "step-end",
      "validation-end",
      "checkpoint-end",
      "training-end",
      "evaluation-start",
      "evaluation-end",
      "finish",
    ]);
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "finished", report: { run: report.run } });
    expect(report).toMatchObject({ stepsDone: 3, interrupted: false, config: { seed: 7, groupSize: 4 } });
    expect(report.before.heldOutPages.n).toBe(2);
    expect(report.baselines.oracle?.heldOutPages.accuracy).toBe(1);
    whole = join(folder, report.run);
  });

  it("is explained with the prompts that each planner knew", { timeout: SLOW }, async () => {
    const rows = (await readFile(join(whole, "trajectories.jsonl"), "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as StoredRow);
    const { task } = rows.find(({ phase }) => phase === "before") ?? { task: "" };
    const told = await why(whole, task, { environment: almanac(), draws: 0 });
    for (const phase of ["before", "after"] as const) {
      const { turns = [] } = rows.find((row) => row.task === task && row.phase === phase)?.trajectory ?? {};
      const sampled = turns.map(({ behaviourLogProbs }) => behaviourLogProbs.reduce((sum, one) => sum + one, 0));
      const scored = told[phase].turns.map(({ taken }) => taken?.[phase].logProb ?? Number.NaN);
      expect(scored).toHaveLength(sampled.length);
      for (const [i, one] of scored.entries()) expect(one).toBeCloseTo(sampled[i] ?? Number.NaN, 2);
    }
  });

  it("is verified, whole or a step of it, and a change is named", { timeout: SLOW }, async () => {
    const steps: number[] = [];
    const found = await verify(whole, { environment: almanac(), onStep: (step) => steps.push(step) });
    expect(found).toMatchObject({ verified: true, steps: 3, sameMachine: true, differences: [] });
    expect(steps).toEqual([1, 2, 3]);
    expect(await verify(whole, { environment: almanac(), step: 3 })).toMatchObject({ verified: true, steps: 1 });
    const metrics = await readFile(join(whole, "metrics.jsonl"), "utf8");
    await writeFile(join(whole, "metrics.jsonl"), metrics.replace('"index":1', '"index":2'));
    expect((await verify(whole, { environment: almanac() })).differences).toEqual([
      expect.stringMatching(/^metrics\.jsonl was changed/),
    ]);
    await writeFile(join(whole, "metrics.jsonl"), metrics);
  });

  it("comes to the same files when it is left and resumed, wherever that was", { timeout: SLOW }, async () => {
    const left = await leaveAt({ ...settings, folder }, "checkpoint-end", 2);
    const { report, events } = await read(resume(left, { environment: almanac() }));
    expect(events.find(({ type }) => type === "run-start")).toMatchObject({ resumedAfter: 2 });
    expect(report.stepsDone).toBe(3);
    expect(await filesOf(left)).toEqual(await filesOf(whole));
    await expect(resume(left, { environment: almanac() }).report).rejects.toThrow(/is finished/);
  });

  it("stops after its step when it is told to, with a report, and can be resumed", { timeout: SLOW }, async () => {
    const stop = new AbortController();
    const events: LearnEvent[] = [];
    const run = learn({ ...settings, folder, stopSignal: stop.signal });
    for await (const event of run) {
      events.push(event);
      if (event.type === "step-end" && event.step === 1) stop.abort();
    }
    const report = await run.report;
    expect(report.interrupted).toBe(true);
    expect(report.stepsDone).toBeLessThan(3);
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "interrupted" });
    const again = await resume(join(folder, report.run), { environment: almanac() }).report;
    expect(again).toMatchObject({ stepsDone: 3, interrupted: false });
    expect(again.after.weights).toMatch(/^[0-9a-f]{64}$/);
  });

  it("aborts at once, with the signal's reason", { timeout: SLOW }, async () => {
    const abort = new AbortController();
    const run = learn({ ...settings, folder, abortSignal: abort.signal });
    const events: LearnEvent[] = [];
    await expect(
      (async () => {
        for await (const event of run) {
          events.push(event);
          if (event.type === "baselines-end") abort.abort(new Error("Enough."));
        }
      })(),
    ).rejects.toThrow("Enough.");
    await expect(run.report).rejects.toThrow("Enough.");
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "aborted", error: "Enough." });
  });

  it("is forked at a checkpoint", { timeout: SLOW }, async () => {
    const forked = await fork(whole, 2);
    expect(forked.step).toBe(2);
    await resume(forked.folder, { environment: almanac() }).report;
    expect(await filesOf(forked.folder)).toEqual(await filesOf(whole));
    await expect(fork(whole, 9)).rejects.toThrow(/no good checkpoint of step 9/);
  });

  it("says before anything is written what cannot work", async () => {
    const place = join(folder, "none");
    await writeFile(place, "a file");
    const wrong = learn({ ...settings, folder: place });
    const events: LearnEvent[] = [];
    const reading = (async () => {
      for await (const event of wrong) events.push(event);
    })();
    await expect(reading).rejects.toThrow(/Cannot store runs in .*none is a file/);
    await expect(wrong.report).rejects.toThrow(/is a file/);
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "failed" });
  });
});

/** Rooms that lie in houses, which have streets: two lookups. */
const rooms = Array.from({ length: 90 }, (_, i) => ({ name: `R-${i}`, house: `H${i % 9}`, size: 10 + ((i * 7) % 60) }));
const find = <Row>(rows: readonly Row[], fits: (row: Row) => boolean): Row => {
  const found = rows.find(fits);
  if (found === undefined) throw new Error("There is none.");
  return found;
};
const house = tool<{ room: string }>({
  description: "The house of a room.",
  inputSchema: { type: "object", properties: { room: { type: "string" } }, required: ["room"] },
  execute: ({ room }) => ({ house: find(rooms, ({ name }) => name === room).house }),
});
const plan = tool<{ house: string; room: string }>({
  description: "The size of a room in a house.",
  inputSchema: {
    type: "object",
    properties: { house: { type: "string" }, room: { type: "string" } },
    required: ["house", "room"],
  },
  execute: (asked) => ({ size: find(rooms, (one) => one.name === asked.room && one.house === asked.house).size }),
});
const tasks = rooms.map(({ name, size }) => ({
  id: name,
  question: `How large is the room ${name}?`,
  sealed: { answer: size, family: "size", group: name },
}));
const ownProject = () => project({ tools: { house, plan, calculate }, tasks, budget: { turns: 4 } });

describe("a project of one's own", () => {
  it("is checked without training", { timeout: SLOW }, async () => {
    const findings = await checkEnvironment(ownProject(), { seed: 7 });
    expect(findings.filter(({ level }) => level === "error")).toEqual([]);
    const closed = project({ tools: { house, calculate }, tasks, budget: { turns: 4 } });
    const failing = await checkEnvironment(closed, { seed: 7 });
    expect(failing.filter(({ level }) => level === "error").map(({ check }) => check)).toEqual(["tools"]);
    const run = learn({ environment: closed, folder, evalTasks: 2 });
    await expect(run.report).rejects.toThrow(/^The tool calculate was never called/);
  });

  it("is learnt, and verified", { timeout: SLOW }, async () => {
    const recipe = {
      ...recipes.micro,
      ...quick,
      coldStart: { ...recipes.micro.coldStart, steps: 20 },
      grpo: { ...quick.grpo, klEvery: 0 },
      steps: 1,
    };
    const { report } = await read(learn({ environment: ownProject(), recipe, folder, seed: 7, evalTasks: 2 }));
    expect(report).toMatchObject({ stepsDone: 1, config: { model: "micro-planner", project: "project" } });
    const found = await verify(join(folder, report.run), { environment: ownProject() });
    expect(found).toMatchObject({ verified: true, steps: 1 });
  });

  it("comes from a configuration file, and solves", { timeout: SLOW }, async () => {
    const file = join(folder, "agentflow.config.ts");
    await writeFile(
      file,
      `import { defineConfig, tool } from "agentflow";
const twice = tool<{ number: string }>({
  description: "Twice a number.",
  inputSchema: { type: "object", properties: { number: { type: "string" } }, required: ["number"] },
  execute: ({ number }) => 2 * Number(number),
});
const tasks = Array.from({ length: 60 }, (_, i) => ({ id: \`t\${i}\`, question: \`What is twice \${i}?\`, sealed: { answer: 2 * i } }));
export default defineConfig({ tools: { twice }, tasks, budget: { turns: 2 } });
`,
    );
    const environment = await (await projectFile(file, {})).open({ seed: 7 });
    expect(environment).toMatchObject({ name: file, families: ["tasks"] });
    const setUp = await openSetUp({ seed: 7, config: file }, {});
    try {
      const result = await createFlow(setUp.flow).solve("What is twice 21?");
      expect(["solved", "partial", "failed"]).toContain(result.status);
      expect(result.trajectory.query.question).toBe("What is twice 21?");
    } finally {
      await setUp.dispose();
    }
  });
});

describe("beside a run", () => {
  it("supervised training imitates solved trajectories", { timeout: SLOW }, async () => {
    const small = { environment: almanac(), recipe: quick, folder, steps: 3, batch: 4, evalTasks: 2, validation: true };
    const { report, events } = await read(learnFromTrajectories({ ...small, demonstrations: 12 }));
    expect(report.trajectories).toBe(12);
    expect(events.filter(({ type }) => type === "imitation-step")).toHaveLength(3);
    const file = join(folder, "solved.jsonl");
    const environment = await almanac().open({ seed: 7 });
    const [task] = environment.evaluation("validation", { heldOutPages: 1 }).heldOutPages;
    if (task === undefined || environment.oracle === undefined) throw new Error("The Almanac has tasks and an oracle.");
    const planner = environment.oracle(() => task);
    const model = { id: "none", complete: async () => ({ text: "", promptTokens: 0, sampledTokens: 0 }) };
    const { trajectory } = await createFlow({ planner, tools: environment.tools(model) }).solve(task);
    await appendFile(file, `${JSON.stringify({ trajectory, reward: 1 })}\n`);
    const trajectories = await readSolved(file);
    const again = await learnFromTrajectories({ ...small, trajectories }).report;
    expect(again.trajectories).toBe(1);
    expect(again.loss).toBeGreaterThan(0);
  });

  it("watching a file learns a round and publishes what passes the gate", { timeout: SLOW }, async () => {
    const file = join(folder, "tasks.jsonl");
    const environment = await almanac().open({ seed: 3 });
    const rows = environment.families.slice(0, 20).map((family) => environment.train(family, 9));
    await writeFile(
      file,
      `no json\n${rows.map(({ question, sealed }) => JSON.stringify({ question, answer: sealed.answer })).join("\n")}\n`,
    );
    const { events, report } = await read(
      watch({ environment: almanac(), recipe: quick, folder, file, every: 20, rounds: 1, seed: 7 }),
    );
    expect(events.find(({ type }) => type === "diagnosis")).toMatchObject({
      message: expect.stringMatching(/line 1 is skipped/),
    });
    expect(events.find(({ type }) => type === "round-end")).toMatchObject({ round: 1 });
    expect(Object.keys(report.versions)).toEqual(["planner"]);
  });

  it("baselines and evaluations can be measured by themselves", { timeout: SLOW }, async () => {
    const environment = await almanac().open({ seed: 7 });
    const sets = environment.evaluation("validation", {
      heldOutPages: 3,
      heldOutFamily: 3,
      heldOutParaphrase: 0,
      deep: 0,
    });
    const model = { id: "none", complete: async () => ({ text: "unknown", promptTokens: 0, sampledTokens: 0 }) };
    const tools = environment.tools(model);
    const baselines = await measureBaselines({ environment, sets, tools, seed: 7, concurrency: 4, searchTasks: 4 });
    expect(baselines.oracle?.heldOutFamily).toMatchObject({ n: 3, accuracy: 1 });
    const planner = environment.randomValid(0, () => undefined);
    const flow = createFlow({ planner, tools });
    const { figures } = await evaluateSets({ flow, sets, environment, seed: 7, concurrency: 4 });
    expect(figures.heldOutPages.n).toBe(3);
  });

  it("a file of tasks is evaluated", { timeout: SLOW }, async () => {
    const file = join(folder, "questions.jsonl");
    await writeFile(
      file,
      '{"question":"What is the latitude of the airport with code LOS in degrees?","answer":"6.577"}\n',
    );
    const setUp = await openSetUp({ seed: 7 }, {});
    try {
      const report = await evaluate({
        flow: createFlow(setUp.flow),
        tasks: await readTaskFile(file),
        reward: answerReward,
      });
      expect(report.n).toBe(1);
    } finally {
      await setUp.dispose();
    }
  });
});
