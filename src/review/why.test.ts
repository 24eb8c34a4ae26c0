import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leverEngine, quick, tempFolder } from "../../test/learn-double.ts";
import { ConfigError } from "../errors.ts";
import { learn } from "../learn/learn.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { leverEnvironment } from "../testing/index.ts";
import { storedRows } from "./stored-rows.ts";
import { why } from "./why.ts";
import type { WhyOptions } from "./why-types.ts";

/** Opens the planner that the run began with, each time anew. */
const planner: PlannerSource = { name: "levers", open: async () => ({ engine: leverEngine() }) };
const environment = leverEnvironment();

const root = await tempFolder();
const report = await learn({ environment, planner, recipe: { ...quick, steps: 6 }, folder: root, seed: 3 }).report;
const folder = join(root, report.run);
const ask = (task: string, options: Partial<WhyOptions> = {}, of = folder) =>
  why(of, task, { environment, planner, draws: 8, ...options });

describe("why a planner solves a task as it does", () => {
  it("shows both solves as the run stored them, with the likelihood of each choice under both", async () => {
    const { task, before, after, partedAt, training } = await ask("test/heldOutPages/0");
    expect(task).toEqual({
      id: "test/heldOutPages/0",
      question: "which lever opens red",
      family: "red",
      expected: "left",
    });
    expect([before.version, after.version, before.stored, after.stored]).toEqual(["start", "end", true, true]);
    expect([before.weights, after.weights]).toEqual([report.config.weights, report.after.weights]);
    expect(training.groups).toEqual([]);
    const [first] = after.turns;
    // Two tools and three levers, all as likely as each other at the start.
    expect(first?.taken?.before.tool).toBeCloseTo(Math.log(1 / 2), 3);
    expect(first?.taken?.before.logProb).toBeCloseTo(Math.log(1 / 6), 3);
    expect(first?.taken?.after.logProb).not.toBeCloseTo(Math.log(1 / 6), 3);
    const shares = [first?.taken, ...(first?.alternatives ?? [])].map((one) => Math.exp(one?.after.logProb ?? -99));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThan(1.001);
    const parted = before.turns.findIndex(({ text }, i) => text !== after.turns[i]?.text);
    expect(partedAt ?? 0).toBe(parted + 1);
  });

  it("is the same to the bit when it is asked again", async () => {
    const options = { counterfactual: { from: 1, choose: "press right" } };
    expect(JSON.stringify(await ask("test/heldOutPages/1", options))).toBe(
      JSON.stringify(await ask("test/heldOutPages/1", options)),
    );
  });

  it("says what training made of a task and of each choice", async () => {
    let trained = "";
    for await (const { phase, task } of storedRows(folder)) if (phase === "train") trained = task;
    const { before, after, training } = await ask(trained, { alternatives: 16 });
    expect([before.stored, after.stored]).toEqual([false, false]);
    const [group] = training.groups;
    expect(group?.rollouts).toHaveLength(quick.grpo.groupSize);
    const rollouts = training.groups.flatMap((one) => one.rollouts);
    const known = [after.turns[0]?.taken, ...(after.turns[0]?.alternatives ?? [])].flatMap((one) => one ?? []);
    for (const { text, training: weighed } of known) {
      const met = rollouts.filter(({ actions, advantage }) => actions[0] === text && advantage !== null);
      expect(weighed?.rollouts ?? 0).toBe(met.length);
      if (weighed !== null)
        expect(weighed.advantage * met.length).toBeCloseTo(
          met.reduce((sum, { advantage }) => sum + (advantage ?? 0), 0),
          9,
        );
    }
    const best = group?.rollouts.find(({ partedAt }) => partedAt === null);
    expect(best?.reward).toBe(Math.max(...(group?.rollouts.map(({ reward }) => reward ?? -1) ?? [])));
  });

  it("continues with the new planner after another choice", async () => {
    const { counterfactual } = await ask("test/heldOutPages/0", { counterfactual: { from: 1, choose: "press left" } });
    expect(counterfactual?.solve).toMatchObject({ answer: "left", reward: 1, stopReason: "answered" });
    expect(counterfactual?.solve.turns.map(({ text }) => text)).toEqual(["press left"]);
    expect(counterfactual?.choice?.before.logProb).toBeCloseTo(Math.log(1 / 6), 3);
    const wrong = await ask("test/heldOutPages/0", { counterfactual: { from: 1, choose: "press up" } });
    expect(wrong.counterfactual?.solve).toMatchObject({ answer: "up", reward: 0 });
  });

  it("weighs what was said without draws as it does with some", async () => {
    const [some, none] = [await ask("test/heldOutPages/0"), await ask("test/heldOutPages/0", { draws: 0 })];
    expect(none.after.turns.map(({ taken }) => taken)).toEqual(some.after.turns.map(({ taken }) => taken));
    expect(none.after.turns[0]?.taken).not.toBeNull();
  });

  it("compares versions whose checkpoints are kept, and writes nothing", async () => {
    const files = await readdir(folder, { recursive: true });
    const { before, after } = await ask("test/heldOutPages/0", { versions: [5, "end"] });
    expect([before.version, before.stored, after.version]).toEqual([5, false, "end"]);
    expect(before.weights).not.toBe(after.weights);
    expect(await readdir(folder, { recursive: true })).toEqual(files);
    await expect(ask("test/heldOutPages/0", { versions: [2, "end"] })).rejects.toThrow(
      /no checkpoint of step 2: kept are 5 and 6/,
    );
  });

  it.each([
    [
      "test/heldOutPage/0",
      {},
      /met no task "test\/heldOutPage\/0": near ones are test\/heldOutPages\/\d \(which lever/,
    ],
    ["zzz", {}, /met no task "zzz", and none of its \d+ tasks is like it\. agentflow runs query lists/],
    ["test/heldOut", {}, /\d tasks of the run .* begin with "test\/heldOut"/],
    ["test/heldOutPages/0", { counterfactual: { from: 9, choose: "press left" } }, /There is no turn 9/],
    [
      "test/heldOutPages/0",
      { counterfactual: { from: 1, choose: "pull left" } },
      /no tool of the run: accepted are press/,
    ],
    ["test/heldOutPages/0", { counterfactual: { from: 0, choose: "press left" } }, /from is 0/],
    ["test/heldOutPages/0", { versions: ["first", "end"] as never }, /accepted are start, end/],
  ])("refuses %s with %j", async (task, options, message) => {
    await expect(ask(task, options)).rejects.toThrow(ConfigError);
    await expect(ask(task, options)).rejects.toThrow(message);
  });

  it("says that a run keeps no weights, and that another planner is not the run's", async () => {
    const bare = join(root, "bare");
    await cp(folder, bare, { recursive: true });
    await rm(join(bare, "checkpoints"), { recursive: true });
    await expect(ask("test/heldOutPages/0", {}, bare)).rejects.toThrow(/keeps no weights: it has no checkpoint/);
    const other: PlannerSource = {
      name: "levers",
      open: async () => {
        const engine = leverEngine();
        const policy = engine.policy("planner");
        await policy.backward([{ ids: [0, 1], targets: [1] }], [new Float32Array([1])]);
        await policy.optimStep({ learningRate: 0.1 });
        await policy.publish();
        return { engine };
      },
    };
    await expect(ask("test/heldOutPages/0", { planner: other })).rejects.toThrow(/began with the weights/);
  });
});
