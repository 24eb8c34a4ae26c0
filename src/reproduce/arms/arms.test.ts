import { describe, expect, it } from "vitest";
import { openAlmanac } from "../../almanac/environment.ts";
import { createFlow } from "../../flow/flow.ts";
import { silentModel } from "../../learn/silent-model.ts";
import { randomKey } from "../../random.ts";
import { queryOf } from "../../task.ts";
import { leverEnvironment, leverPolicy, leverTools, scriptedPlanner } from "../../testing/index.ts";
import { singlePolicyOf } from "./single-policy.ts";
import { staleEngine } from "./stale-engine.ts";
import { variants } from "./variants.ts";

const query = { id: "red", question: "which lever opens red", turnLimit: 2 };

describe("a single policy", () => {
  const source = singlePolicyOf(leverEnvironment());

  it("answers with the tool that ends a task, in one turn more, and not without it", async () => {
    const environment = await source.open({ seed: 1 });
    const task = environment.train("red", 0);
    expect(task.turnLimit).toBe(3);
    const solve = async (...script: readonly string[]) => {
      const tools = environment.tools(silentModel);
      const flow = createFlow({ ...environment.flow, planner: scriptedPlanner(script), tools });
      const { trajectory } = await flow.solve(queryOf(task), { id: "t", randomKey: randomKey(1) });
      return [trajectory.answer, trajectory.stopReason, await environment.reward(task, trajectory.answer)];
    };
    expect(await solve("press left", "final_answer @1.value")).toEqual(["left", "answered", 1]);
    expect(await solve("press left", "look left", "look up")).toEqual([undefined, "turn-limit", 0]);
  });

  it("sees random plans that end with an answer once a value of the asked kind is there", async () => {
    const environment = await singlePolicyOf({ name: "almanac", open: ({ seed }) => openAlmanac(seed) }).open({
      seed: 7,
    });
    const task = environment.train("element.mass.value", 0);
    const planner = environment.randomValid(1, () => task);
    const flow = createFlow({ ...environment.flow, planner, tools: environment.tools(silentModel) });
    const ends = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const { trajectory } = await flow.solve(queryOf(task), { id: `${i}`, randomKey: randomKey("random", i) });
        return { last: trajectory.memory.at(-1)?.step.tool, stop: trajectory.stopReason };
      }),
    );
    const answered = ends.filter(({ stop }) => stop === "answered");
    expect(answered.length).toBeGreaterThan(0);
    for (const { last } of answered) expect(last).toBe("final_answer");
  });
});

describe("a flow without a part", () => {
  const flow = (script: readonly string[]) => ({ planner: scriptedPlanner(script), tools: leverTools });
  const solve = async (options: Parameters<typeof createFlow>[0]) =>
    (await createFlow(options).solve(query, { id: "t", randomKey: randomKey(1) })).trajectory;

  it("without a verifier is not stopped by an answer", async () => {
    const { memory, answer } = await solve(variants["no verifier"](flow(["press left", "press right"])));
    expect([memory.length, answer]).toEqual([2, "right"]);
  });

  it("without memory shows the planner its calls and no results, which references still reach", async () => {
    const seen: string[] = [];
    const options = variants["no memory"]({
      tools: leverTools,
      planner: ({ memory, turn }) => {
        for (const { step, observation } of memory) seen.push(`${step.raw}: ${JSON.stringify(observation)}`);
        const raw = turn === 1 ? "look left" : "press @1.seen";
        return { step: { tool: raw.split(" ")[0] ?? "", subGoal: raw.split(" ")[1] ?? "", raw } };
      },
    });
    const { answer } = await solve(options);
    expect(seen).toEqual(['look left: {"status":"ok","text":"","fields":{}}']);
    expect(answer).toBe("left");
  });

  it("without analysis names no entities and no unit", async () => {
    const { analysis } = await solve(variants["no analysis"](flow(["press left"])));
    expect(analysis).toEqual({ entities: [], template: query.question });
  });

  it("without a generator answers with the last result", async () => {
    const { answer } = await solve(variants["no generator"](flow(["look left", "look up"])));
    expect(answer).toBe("up");
    expect((await solve(flow(["look left", "look up"]))).answer).toBeUndefined();
  });
});

describe("a stale engine", () => {
  it("samples the version that it began with, however it is trained, and saves what was trained", async () => {
    const policy = leverPolicy();
    const first = policy.version;
    const stale = staleEngine({ ...policy.engine, policy: () => policy }).policy("planner");
    const ids = policy.engine.tokenizer.encode("which lever opens red");
    await stale.backward([{ ids, targets: [1] }], [new Float32Array([1])]);
    await stale.optimStep({ learningRate: 0.5 });
    expect(await stale.publish()).toBe(first);
    await policy.publish();
    expect(policy.version).not.toBe(first);
    const request = {
      prompt: [{ ids, sampled: false }],
      history: "h",
      randomKey: randomKey(1),
      maxTokens: 1,
      stopIds: [],
    };
    const sample = await stale.sample(request);
    expect([sample.version, sample.exact]).toEqual([first, false]);
    expect(stale.version).toBe(first);
  });
});
