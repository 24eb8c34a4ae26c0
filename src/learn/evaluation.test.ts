import { describe, expect, it } from "vitest";
import { setNames, type TaskSets } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import type { Planner } from "../module.ts";
import { leverEnvironment, leverPolicy, leverTools, scriptedPlanner } from "../testing/index.ts";
import { wilsonInterval } from "../train/index.ts";
import { stepOf } from "../trajectory.ts";
import { type EvaluateSetsOptions, evaluateSets, gainOf } from "./evaluation.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const sets = environment.evaluation("test", { heldOutPages: 3, heldOutFamily: 2 });
const evaluated = (planner: Planner, others: Partial<EvaluateSetsOptions> = {}) =>
  evaluateSets({
    flow: createFlow({ planner, tools: leverTools }),
    sets,
    environment,
    seed: 1,
    concurrency: 2,
    ...others,
  });

/** Solves red at once, looks before it solves green, and asks for a tool that is not there for blue. */
const partly: Planner = ({ query: { question }, turn }) => ({
  step: stepOf(
    question.endsWith("red")
      ? "press left"
      : question.endsWith("blue")
        ? "pull up"
        : turn === 1
          ? "look up"
          : "press right",
  ),
});

describe("the figures of a planner", () => {
  it("are counted by set and by family", async () => {
    const { figures } = await evaluated(partly);
    // red, green, red; blue, blue.
    expect(figures.heldOutPages).toEqual({
      n: 3,
      accuracy: 1,
      interval: wilsonInterval(3, 3),
      averageTurns: 4 / 3,
      toolErrorRate: 0,
    });
    expect(figures.heldOutFamily).toEqual({
      n: 2,
      accuracy: 0,
      interval: wilsonInterval(0, 2),
      averageTurns: 2,
      toolErrorRate: 1,
    });
    expect(figures.deep).toEqual({ n: 0, accuracy: 0, interval: [0, 1], averageTurns: 0, toolErrorRate: 0 });
    expect(figures.families).toEqual({
      red: { n: 2, accuracy: 1, interval: wilsonInterval(2, 2), heldOut: false },
      green: { n: 1, accuracy: 1, interval: wilsonInterval(1, 1), heldOut: false },
      blue: { n: 2, accuracy: 0, interval: wilsonInterval(0, 2), heldOut: true },
    });
  });

  it("tell the conduct over all tasks", async () => {
    const { figures } = await evaluated(partly);
    // Calls: press, look, press, press, and four that are refused.
    expect(figures.averageTurns).toBe(8 / 5);
    expect(figures.toolErrorRate).toBe(4 / 8);
    expect(figures.toolShares).toEqual({ "(unknown)": 4 / 8, look: 1 / 8, press: 3 / 8 });
    expect(figures.toolOrders).toEqual([
      { tools: ["(unknown)", "(unknown)"], count: 2 },
      { tools: ["press"], count: 2 },
      { tools: ["look", "press"], count: 1 },
    ]);
    expect(figures).not.toHaveProperty("weights");
  });

  it("leave other words for a family out of its row", async () => {
    const [first] = sets.heldOutPages;
    if (first === undefined) throw new Error("There are tasks.");
    const worded: TaskSets = { ...sets, heldOutParaphrase: [{ ...first, id: "other words" }] };
    const { figures } = await evaluated(partly, { sets: worded });
    expect(figures.heldOutParaphrase.n).toBe(1);
    expect(figures.families.red?.n).toBe(2);
  });

  it("name the versions that were sampled", async () => {
    const [planner, verifier] = [leverPolicy(), leverPolicy("verifier", 1)];
    const only = await evaluated(partly, { policies: [planner] });
    expect(only.figures.weights).toBe(planner.version);
    expect(only.figures).not.toHaveProperty("versions");
    const both = await evaluated(partly, { policies: [planner, verifier] });
    expect(both.figures.versions).toEqual({ planner: planner.version, verifier: verifier.version });
  });

  it("count a task without a sample as unsolved", async () => {
    const { figures, outcomes } = await evaluated(partly, {
      environment: {
        reward: (task, answer) => (task.sealed.family === "green" ? undefined : environment.reward(task, answer)),
      },
    });
    expect(figures.noSample).toBe(1);
    expect(figures.heldOutPages.accuracy).toBe(2 / 3);
    expect(outcomes.heldOutPages["test/heldOutPages/1"]).toBeNull();
  });

  it("come with each task's reward and trajectory", async () => {
    const progress: string[] = [];
    const { outcomes, trajectories } = await evaluated(partly, {
      onProgress: (done, total) => progress.push(`${done}/${total}`),
    });
    expect(Object.keys(outcomes)).toEqual([...setNames]);
    expect(outcomes.heldOutFamily).toEqual({ "test/heldOutFamily/0": 0, "test/heldOutFamily/1": 0 });
    expect(trajectories.get("test/heldOutPages/1")?.memory.map(({ step }) => step.raw)).toEqual([
      "look up",
      "press right",
    ]);
    expect(progress).toEqual(["1/5", "2/5", "3/5", "4/5", "5/5"]);
  });

  it("are not made once the signal is aborted", async () => {
    const abort = new AbortController();
    abort.abort(new Error("Enough."));
    await expect(evaluated(partly, { abortSignal: abort.signal })).rejects.toThrow("Enough.");
  });
});

describe("the gain from one evaluation to another", () => {
  it("is paired, set by set", async () => {
    const before = await evaluated(scriptedPlanner(["press left"]));
    const after = await evaluated(partly);
    const gain = gainOf(before, after);
    // Of three tasks green is won.
    expect(gain.heldOutPages.points).toBeCloseTo(1 / 3, 12);
    expect(gain.heldOutPages.p).toBe(1);
    expect(gain.heldOutFamily.points).toBe(0);
    expect(gain.deep).toEqual({ points: 0, interval: [-1, 1], p: 1 });
    expect(gainOf(after, before).heldOutPages.points).toBeCloseTo(-1 / 3, 12);
  });

  it("is none between different tasks", async () => {
    const before = await evaluated(partly);
    const after = await evaluated(partly, { sets: environment.evaluation("validation", { heldOutPages: 3 }) });
    expect(() => gainOf(before, after)).toThrow(/Only evaluations of the same tasks/);
  });
});
