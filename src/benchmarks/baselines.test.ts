import { describe, expect, it } from "vitest";
import { createFlow } from "../flow/flow.ts";
import { scriptedModel, tabularPolicy, wordTokenizer } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { evaluate, flowGrpo } from "../train/index.ts";
import { modelAlone, react, toolOrder, withExperience } from "./index.ts";

const query = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const look = tool<{ query: string }>({
  description: "Looks something up.",
  inputSchema: query,
  execute: ({ query: asked }) => ({ text: `found ${asked}`, fields: {} }),
});
const read = tool<{ url: string }>({
  description: "Reads a page.",
  inputSchema: { type: "object", properties: { url: { type: "string" } }, required: ["url"] },
  metadata: { takes: "address" },
  execute: ({ url }) => ({ text: `page ${url}`, fields: {} }),
});
const find = tool<{ query: string }>({
  description: "Finds pages.",
  inputSchema: query,
  execute: () => ({ text: "1. page", fields: { "1": { kind: "address", value: "x:1" } } }),
});

describe("baselines", () => {
  it("model alone: one call with the whole question, and what it tags is the answer", async () => {
    const model = scriptedModel(["They say 7.\n<answer>42</answer>"]);
    const result = await createFlow(modelAlone({ model, tools: { look } }, model)).solve('What is "6 * 7"?');
    expect(result).toMatchObject({ status: "solved", answer: "42", usage: { turns: 1 } });
    expect(model.requests.map(({ messages }) => messages.at(-1)?.content)).toEqual(['What is "6 * 7"?']);
    const broken = await createFlow(modelAlone({ tools: {} }, scriptedModel([new Error("down")]))).solve("?");
    expect(broken.status).not.toBe("solved");
  });

  it("ReAct: the one model calls tools and ends by its own word", async () => {
    const model = scriptedModel(["look the capital", "final_answer Accra"]);
    const result = await createFlow(react({ model, tools: { look } }, model)).solve("Capital of Ghana?");
    expect(result).toMatchObject({ status: "solved", answer: "Accra", usage: { turns: 2 } });
    expect(model.requests.length).toBe(2);
    const endless = scriptedModel(({ messages }) => `look ${messages.length}`);
    const ended = await createFlow(react({ tools: { look }, budget: { turns: 3 } }, endless)).solve("?");
    expect(ended).toMatchObject({ status: "partial", usage: { turns: 3 } });
    expect("answer" in ended).toBe(false);
  });

  it("ReAct: GRPO trains the single policy on its own answers", { timeout: 60_000 }, async () => {
    const numbers = { red: "7", green: "8", blue: "9" };
    const [actions, values] = [["look", "final_answer"], Object.values(numbers)];
    const tokenizer = wordTokenizer([
      "<answer>",
      "which",
      "number",
      "has",
      ...actions,
      ...Object.keys(numbers),
      ...values,
    ]);
    const only = (allowed: readonly string[]): number[] =>
      Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
        allowed.some((word) => tokenizer.idOf(word) === id) ? 0 : -12,
      );
    const form = [only(actions), only(values), only(["<end>"])];
    const lineBreak = tokenizer.idOf("\n") ?? -1;
    const policy = tabularPolicy({
      tokenizer,
      initial: (prefix) => form[prefix.length - 1 - prefix.lastIndexOf(lineBreak)] ?? only(["<end>"]),
    });
    const flow = createFlow(react({ tools: { look } }, policy));
    const tasks = Object.entries(numbers).map(([colour, answer]) => ({
      ...{ id: colour, question: `which number has ${colour}`, turnLimit: 2, sealed: answer },
    }));
    const reward = ({ sealed }: { readonly sealed: string }, said: string | undefined): number =>
      Number(said === sealed);
    const rewards: number[] = [];
    const options = { flow, train: [policy], tasks, reward, steps: 14, seed: 3, tasksPerStep: 3, learningRate: 0.4 };
    for await (const step of flowGrpo(options)) rewards.push(step.reward.mean);
    expect(rewards[0]).toBeLessThan(0.6);
    const many = tasks.flatMap((task) => Array.from({ length: 20 }, (_, i) => ({ ...task, id: `${task.id}-${i}` })));
    expect((await evaluate({ flow, tasks: many, reward, policies: [policy] })).accuracy).toBeGreaterThan(0.9);
  });

  it("fixed order: every tool in its turn, an address for the one that takes it", async () => {
    const { trajectory } = await createFlow(
      toolOrder({ tools: { find, read, look }, planner: () => ({ step: { tool: "", subGoal: "", raw: "" } }) }, [
        "find",
        "read",
        "look",
      ]),
    ).solve("Where is it?");
    expect(trajectory.memory.map(({ call }) => call)).toEqual([
      { tool: "find", input: { query: "Where is it?" } },
      { tool: "read", input: { url: "x:1" } },
      { tool: "look", input: { query: "Where is it?" } },
    ]);
    expect(() => toolOrder({ tools: { look } }, ["nothing"])).toThrow(/no tool "nothing": accepted are look/);
  });

  it("experience: what was done before is shown, and nothing is kept of the questions that are asked", async () => {
    const earlier = {
      id: "1",
      question: "Capital of Togo?",
      plan: [{ tool: "look", subGoal: "Togo", failed: false }],
      reward: 1,
      source: "training",
    };
    let recorded = 0;
    const store = {
      retrieve: async () => [earlier],
      record: async () => {
        recorded += 1;
      },
    };
    const model = scriptedModel(["look q"]);
    await createFlow(withExperience({ model, tools: { look }, budget: { turns: 1 } }, store, model)).solve(
      "Capital of Mali?",
    );
    expect(model.requests[0]?.messages.map(({ content }) => content).join("\n")).toContain("Capital of Togo?");
    const scripted = {
      tools: { look },
      planner: () => ({ step: { tool: "", subGoal: "", raw: "" } }),
      budget: { turns: 1 },
    };
    const { trajectory } = await createFlow(withExperience(scripted, store, undefined)).solve("Capital of Mali?");
    expect(trajectory.memory.map(({ step }) => step.raw)).toEqual(["look Togo"]);
    expect(recorded).toBe(0);
  });
});
