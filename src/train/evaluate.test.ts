import { describe, expect, it } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import { ModelError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { randomKey } from "../random.ts";
import type { RolloutCost } from "../task.ts";
import { scriptedPlanner } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { compare, evaluate } from "./evaluate.ts";
import { rollOut } from "./roll-out.ts";

/** Looks first, then answers `left`; fails as a model does where the question asks for green. */
const flow = createFlow({
  planner: scriptedPlanner(({ query, turn }) => {
    if (query.question.includes("green")) throw new ModelError("The endpoint is down.");
    return turn === 1 ? "look left" : "press left";
  }),
  analyst: ({ question }) => ({ entities: [], template: question }),
  tools: {
    press: tool<{ lever: string }>({
      description: "Presses a lever.",
      inputSchema: { type: "object", properties: { lever: { type: "string" } }, required: ["lever"] },
      execute: ({ lever }) => ({ text: lever, fields: { value: { kind: "text", value: lever } } }),
    }),
  },
});

describe("evaluate", () => {
  it("reports accuracy over all tasks, conduct, families and outcomes", async () => {
    const progress: number[] = [];
    const report = await evaluate({
      flow,
      tasks: leverTasks,
      reward: leverReward,
      families: ({ id }) => (id === "blue" ? "cold" : "warm"),
      onProgress: ({ done }) => progress.push(done),
    });
    expect(report).toMatchObject({
      schemaVersion: 1,
      n: 3,
      accuracy: 1 / 3,
      meanReward: 1 / 3,
      noSample: 1,
      outcomes: { red: 1, green: null, blue: 0 },
      families: { cold: { n: 1, accuracy: 0 }, warm: { n: 2, accuracy: 0.5 } },
      toolErrorRate: 0.5,
      toolShares: { "(unknown)": 0.5, press: 0.5 },
      toolOrders: [
        { tools: ["(unknown)", "press"], count: 2 },
        { tools: [], count: 1 },
      ],
    });
    expect(report.averageTurns).toBeCloseTo(4 / 3, 12);
    expect(report.interval[0]).toBeCloseTo(0.0615, 3);
    expect(progress).toEqual([1, 2, 3]);
  });

  it("measures answers: what they took is for training alone", async () => {
    const seen: (RolloutCost | undefined)[] = [];
    const thrifty: typeof leverReward = (task, answer, cost) => {
      seen.push(cost);
      return Number(leverReward(task, answer)) * (cost === undefined ? 1 : 1 / cost.turns);
    };
    const [red] = leverTasks;
    if (red === undefined) throw new Error("There is no task.");
    const { accuracy } = await evaluate({ flow, tasks: [red], reward: thrifty });
    const { reward } = await rollOut(flow, red, thrifty, { randomKey: randomKey("cost") });
    // One turn looked with a tool that does not exist, the other one answered.
    expect([accuracy, reward, seen]).toEqual([1, 0.5, [undefined, { turns: 2, calls: 1 }]]);
  });

  it("gives each task the same randomness whatever the order and the concurrency", async () => {
    const policy = leverPolicy();
    const options = { flow: leverFlow(policy), reward: leverReward, policies: [policy] };
    const tasks = leverTasks.flatMap((task) => [1, 2, 3, 4].map((i) => ({ ...task, id: `${task.id}-${i}` })));
    const one = await evaluate({ ...options, tasks, concurrency: 1 });
    const other = await evaluate({ ...options, tasks: [...tasks].reverse(), concurrency: 12 });
    expect(other.outcomes).toEqual(one.outcomes);
    expect(one.versions).toEqual({ planner: policy.version });
    expect((await evaluate({ ...options, tasks, seed: 1 })).outcomes).not.toEqual(one.outcomes);
  });

  it("refuses tasks that share an id, and none at all", async () => {
    const options = { flow, reward: leverReward };
    await expect(evaluate({ ...options, tasks: [...leverTasks, ...leverTasks] })).rejects.toThrow(
      /6 tasks have 3 ids/u,
    );
    await expect(evaluate({ ...options, tasks: [] })).rejects.toThrow(/empty/u);
  });

  it("throws the reason when it is aborted", async () => {
    const abortSignal = AbortSignal.abort(new Error("enough"));
    await expect(evaluate({ flow, tasks: leverTasks, reward: leverReward, abortSignal })).rejects.toThrow("enough");
  });
});

describe("compare", () => {
  it("pairs by task id", () => {
    const gain = compare({ outcomes: { a: 0, b: 1, c: null, d: 0 } }, { outcomes: { d: 1, c: 1, b: 1, a: 0.5 } });
    expect(gain).toMatchObject({ n: 4, points: 0.5, p: 0.5 });
    expect(gain.interval[0]).toBeLessThan(0.5);
  });

  it("refuses other tasks", () => {
    expect(() => compare({ outcomes: { a: 1 } }, { outcomes: { b: 1 } })).toThrow(/a is in the first only/u);
    expect(() => compare({ outcomes: { a: 1 } }, { outcomes: { a: 1, b: 1 } })).toThrow(/1 and 2 tasks/u);
  });
});
