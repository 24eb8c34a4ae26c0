import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createFlow,
  type FlowEvent,
  modelAnalyst,
  modelExecutor,
  modelGenerator,
  modelPlanner,
  modelVerifier,
  parseChatAction,
  type Trajectory,
  tool,
  trajectorySegments,
} from "../../index.ts";
import { engineModel } from "../../models/index.ts";
import { plainChat, scriptedModel, scriptedPolicy } from "../../testing/index.ts";
import { batchOf } from "../../train/batch.ts";
import { parseVerdict } from "./verifier-prompt.ts";

const question = "How many people live in Lagos?";
const inputSchema = {
  type: "object",
  properties: { query: { type: "string" }, limit: { type: "integer" } },
  required: ["query"],
};
const look = tool<{ query: string; limit?: number }>({
  description: "Looks a place up.",
  inputSchema,
  execute: ({ query, limit }) => ({
    text: `${query}/${limit ?? "-"}`,
    fields: { population: { kind: "number", value: 3, unit: "person" } },
  }),
});

/** Replies one after the other, the last one for ever. */
const replies = (texts: readonly string[]): (() => string) => {
  let next = 0;
  return () => texts[Math.min(next++, texts.length - 1)] ?? "";
};

const textOf = ({ turns }: Trajectory, module: string): string[] =>
  turns
    .filter((turn) => turn.module === module)
    .map(({ prompt, ids }) =>
      scriptedPolicy(() => "", { chat: plainChat }).engine.tokenizer.decode([
        ...prompt.flatMap((segment) => segment.ids),
        ...ids,
      ]),
    );

describe("planner and verifier on policies of a chat model", () => {
  const setUp = () => {
    const planner = scriptedPolicy(replies(["look q1", "look @1.population", "look again"]), { chat: plainChat });
    const verifier = scriptedPolicy(replies(["continue", "continue", "stop"]), { name: "verifier", chat: plainChat });
    const flow = createFlow({
      planner: modelPlanner(planner),
      verifier: modelVerifier(verifier),
      generator: modelGenerator(scriptedModel(["Answer: 3"])),
      tools: { look },
    });
    return { planner, verifier, flow };
  };

  test("each sees one growing conversation, and both are recorded as trained", async () => {
    const { planner, verifier, flow } = setUp();
    const { status, trajectory } = await flow.solve(question, { id: "h" });
    expect([status, trajectory.answer]).toEqual(["solved", "3"]);
    expect(trajectory.turns.map(({ module, turn }) => `${module} ${turn}`)).toEqual([
      "planner 1",
      "verifier 1",
      "planner 2",
      "verifier 2",
      "planner 3",
      "verifier 3",
    ]);
    for (const module of ["planner", "verifier"]) {
      const texts = textOf(trajectory, module);
      for (const [i, text] of texts.slice(1).entries()) expect(text.startsWith(texts[i] ?? "?")).toBe(true);
      expect(texts[2]?.match(/\[system\]/g)).toHaveLength(1);
    }
    expect(textOf(trajectory, "planner")[1]).toContain("[user] @1 population: 3 person\nVerdict: continue");
    expect(planner.log.samples.map(({ history }) => history)).toEqual(["h", "h", "h"]);
    expect(verifier.log.samples.map(({ history }) => history)).toEqual(["h/verifier", "h/verifier", "h/verifier"]);
    expect([planner.log.released, verifier.log.released]).toEqual([["h"], ["h/verifier"]]);
    expect(planner.log.samples[0]?.grammar).toEqual({ type: "pattern", pattern: "(look) [^\\n]{1,80}" });
    // One sequence a module: what learns sees each turn once.
    for (const [policy, targets] of [
      ["planner", 3],
      ["verifier", 3],
    ] as const) {
      const options = { versions: new Set(["version-0"]), trained: "version-0", aggregation: "turn-mean" } as const;
      const [sequence, ...others] = batchOf([trajectory], { policy, ...options });
      expect(others).toEqual([]);
      expect(new Set(sequence?.weights).size).toBeLessThanOrEqual(targets);
      expect(sequence?.targets).toHaveLength(
        trajectory.turns.filter((turn) => turn.policy === policy).reduce((sum, { ids }) => sum + ids.length, 0),
      );
    }
  });

  test("the system's part is a segment of its own, the same for every question", async () => {
    const { planner, flow } = setUp();
    await flow.solve(question);
    await flow.solve("Who was born in Accra?");
    const [first, ...others] = planner.log.samples.map(({ prompt }) => prompt[0]?.ids);
    for (const ids of others) expect(ids).toEqual(first);
  });

  test("the text of a run gives supervised training the ids that would have been sampled", async () => {
    const { planner, flow } = setUp();
    const { trajectory } = await flow.solve(question);
    const { ids, targets } = trajectorySegments(planner.engine, trajectory, { tools: { look } });
    const turns = trajectory.turns.filter(({ module }) => module === "planner");
    const last = turns.at(-1);
    expect(ids).toEqual([...(last?.prompt.flatMap((segment) => segment.ids) ?? []), ...(last?.ids ?? [])]);
    expect(targets.map((target) => ids[target])).toEqual(turns.flatMap((turn) => turn.ids));
  });

  test("a conversation that outgrows the context leaves its oldest turns out and says so", async () => {
    const tools = { look: { ...look, execute: () => ({ text: "x".repeat(500), fields: {} }) } };
    const planner = scriptedPolicy((prompt) => `look ${prompt.length}`, { chat: plainChat, contextLength: 3600 });
    const flow = createFlow({ planner: modelPlanner(planner), tools, loopDetectors: [] });
    await flow.solve({ id: "long", question, turnLimit: 9 });
    const prompts = planner.log.samples.map(({ prompt }) =>
      planner.engine.tokenizer.decode(prompt.flatMap(({ ids }) => ids)),
    );
    expect(prompts).toHaveLength(9);
    for (const prompt of prompts) expect(prompt.length).toBeLessThanOrEqual(3600);
    expect(prompts.at(-1)).toContain("The first turns are left out here.");
    expect(prompts.at(-1)).toContain("@8");
  });
});

describe("frozen modules on any chat model", () => {
  test("one model plays all four, and what it costs is counted", async () => {
    const model = scriptedModel(({ messages }) => {
      const system = messages[0]?.content ?? "";
      if (system.startsWith("You plan")) return "> look q1";
      if (system.startsWith("You write the input")) return '{"query": "Lagos", "limit": "2"}';
      if (system.startsWith("You check")) return "execution: fine\nmemory: complete\ndecision: stop, it is there";
      return "<answer>3</answer>";
    });
    const result = await createFlow({ model, tools: { look } }).solve(question);
    expect(result).toMatchObject({ status: "solved", answer: "3" });
    const [entry] = result.trajectory.memory;
    // A number that came as a text was coerced.
    expect(entry?.call?.input).toEqual({ query: "Lagos", limit: 2 });
    expect(entry?.verdict).toEqual({
      decision: "stop",
      reason: "it is there",
      executionAnalysis: "fine",
      memoryAnalysis: "complete",
    });
    expect(model.requests).toHaveLength(4);
    expect(result.usage.sampledTokens).toBeGreaterThan(8);
  });

  test("a reply that is not an action is repaired once, then refused and seen", async () => {
    const model = scriptedModel(["I think we should look.", "look q1", "No idea.", "None at all.", "look q1 more"]);
    const flow = createFlow({ planner: modelPlanner(model), tools: { look }, budget: { turns: 2 } });
    const { trajectory } = await flow.solve(question);
    expect(trajectory.memory.map(({ step }) => step.tool)).toEqual(["look", "No"]);
    expect(trajectory.memory[1]?.observation).toMatchObject({ status: "refused", reason: "unknown-tool" });
    expect(model.requests[1]?.messages.at(-1)?.content).toMatch(/That is no action/);
  });

  test("a call that does not fit is repaired once, then refused", async () => {
    const model = scriptedModel(["nothing", '{"limit": 3}']);
    const flow = createFlow({
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      executor: modelExecutor(model),
      tools: { look },
      budget: { turns: 1 },
    });
    const { trajectory } = await flow.solve(question);
    expect(trajectory.memory[0]?.observation).toMatchObject({ status: "refused", reason: "bad-arguments" });
    expect(model.requests).toHaveLength(2);
  });

  test.each([
    ['{"query": "Lagos", "limit": 2,}'],
    ['{"query": "Lagos", "limit": 2}\n{"query": "Accra"}'],
    ['Here: {it is}\n```json\n{"query": "Lagos", "limit": 2}\n```'],
    ['<tool_call>{"name": "look", "arguments": {"query": "Lagos", "limit": 2}}</tool_call>'],
    ['{"name": "look", "arguments": "{\\"query\\": \\"Lagos\\", \\"limit\\": 2}"}'],
    ['<think>{"query": "Accra"}</think>{"query": "Lagos", "limit": 2}'],
  ])("an executor's reply %j is read", async (reply) => {
    const flow = createFlow({
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      executor: modelExecutor(scriptedModel([reply])),
      tools: { look },
      budget: { turns: 1 },
    });
    const { trajectory } = await flow.solve(question);
    expect(trajectory.memory[0]?.call).toEqual({ tool: "look", input: { query: "Lagos", limit: 2 } });
  });

  test("no verdict means go on, with what was written as the reason", async () => {
    const flow = createFlow({
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      verifier: modelVerifier(scriptedModel(["Perhaps."])),
      tools: { look },
      budget: { turns: 1 },
    });
    const { trajectory } = await flow.solve(question);
    expect(trajectory.memory[0]?.verdict).toMatchObject({ decision: "continue", reason: /Perhaps/ });
  });

  test("a generator without results has no answer and asks nobody", async () => {
    const model = scriptedModel(["3"]);
    const flow = createFlow({
      planner: () => ({ step: { tool: "nope", subGoal: "q1", raw: "nope q1" } }),
      generator: modelGenerator(model),
      tools: { look },
      budget: { turns: 1 },
    });
    expect((await flow.solve(question)).trajectory.answer).toBeUndefined();
    expect(model.requests).toEqual([]);
  });

  test.each([
    ["From @1: Lagos has 15.\n<answer>15</answer>", "15", "From @1: Lagos has 15."],
    ["Solution: it follows.\n<answer>15", "15", "it follows."],
    // Small models forget the tags.
    ["@1 says so.\nAnswer: 15", "15", "@1 says so.\nAnswer: 15"],
    ["<answer>15</answer>", "15", undefined],
    ["I cannot tell.\n<answer></answer>", undefined, "I cannot tell."],
    [
      "<think>14?</think>@1 says so. <answer>14</answer> No:\n<answer>**15**</answer>",
      "15",
      "@1 says so. <answer>14</answer> No:",
    ],
  ])("a generator that is asked for the solution too: %j", async (reply, answer, solution) => {
    const model = scriptedModel([reply]);
    const flow = createFlow({
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      generator: modelGenerator(model, { solution: true }),
      tools: { look },
    });
    const events: FlowEvent[] = [];
    const { trajectory } = await flow.solve(question, { onEvent: (event) => events.push(event) });
    expect({ answer: trajectory.answer, solution: trajectory.solution }).toEqual({ answer, solution });
    expect(events.at(-1)).toMatchObject({ type: "finish", ...(solution === undefined ? {} : { solution }) });
    expect(model.requests).toHaveLength(1);
  });

  test.each([
    ["Answering Machine", "Answering Machine"],
    ["The Answer", "The Answer"],
    ["**Answer:** 42", "42"],
    ["**Final answer: 42**", "42"],
    ["The answer is $\\boxed{42}$.", "42"],
    ["```\n42\n```", "42"],
    ["Answer: Answering Machine", "Answering Machine"],
    ["### Answer\n42", "42"],
    ["It was 41 at first.\nAnswer: 42", "42"],
    ["<answer>41</answer> or rather <answer>42</answer>", "42"],
    ["<think>41? <answer>41</answer></think>\n42", "42"],
    ["<answer>U.S.</answer>", "U.S."],
    ["42\nThis follows from @1.", "42"],
    ["<think>It is", undefined],
  ])("a generator's reply %j is read", async (reply, answer) => {
    const flow = createFlow({
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      generator: modelGenerator(scriptedModel([reply])),
      tools: { look },
    });
    expect((await flow.solve(question)).trajectory.answer).toBe(answer);
  });

  test("an analyst keeps only names that the question has", async () => {
    const analyst = modelAnalyst(scriptedModel(["names: Lagos; Atlantis\nunit: person"]));
    const flow = createFlow({
      analyst,
      planner: () => ({ step: { tool: "look", subGoal: "q1", raw: "look q1" } }),
      tools: { look },
      budget: { turns: 1 },
    });
    const { trajectory } = await flow.solve(question);
    expect(trajectory.analysis).toEqual({
      entities: ["Lagos"],
      unit: "person",
      template: "How many people live in q1?",
    });
  });

  test("a policy of a chat model is a chat model, whose cache is let go of", async () => {
    const policy = scriptedPolicy(() => "  hello ", { chat: plainChat });
    const { text, sampledTokens } = await engineModel(policy).complete({
      messages: [
        { role: "system", content: "Be brief.<end>" },
        { role: "user", content: "Hi" },
      ],
    });
    expect([text, sampledTokens]).toEqual(["hello", 9]);
    const [sample] = policy.log.samples;
    // What is said cannot end a message.
    expect(policy.engine.tokenizer.decode(sample?.prompt[0]?.ids ?? [])).toBe("[system] Be brief.< end>");
    expect(policy.log.released).toEqual([sample?.history]);
  });
});

describe("lenient reading", () => {
  test.each([
    ["web_search q1", "web_search", "q1"],
    ["```\nweb_search q1\n```", "web_search", "q1"],
    ["Action: web_search: q1 and more", "web_search", "q1 and more"],
    ["I will look.\n- **web_search** q1", "web_search", "q1"],
    ['web_search("Lagos")', "web_search", "Lagos"],
    ['{"tool": "web_search", "subGoal": "q1"}', "web_search", "q1"],
    ["1. web_search q1\n2. calculate @1", "web_search", "q1"],
    ["**Action:** web_search q1", "web_search", "q1"],
    ["<think>calculate @1?</think>\nweb_search q1", "web_search", "q1"],
    ["Action: web_search\nAction Input: q1", "web_search", "q1"],
    ['{"tool": "web_search", "subGoal": "q1",}', "web_search", "q1"],
    ['{"tool": "web_search", "subGoal": "q1"}\n{"tool": "calculate", "subGoal": "@1"}', "web_search", "q1"],
    ['{"thought": "{look}"} {"tool": "web_search", "subGoal": "q1"} }', "web_search", "q1"],
    ['<tool_call>\n{"name": "web_search", "arguments": {"query": "q1"}}\n</tool_call>', "web_search", "q1"],
    ['```json\n{"name": "web_search", "arguments": "{\\"query\\": \\"q1\\"}"}\n```', "web_search", "q1"],
    [
      '{"type": "function", "function": {"name": "calculate", "parameters": {"x": 1, "y": 2}}}',
      "calculate",
      '{"x":1,"y":2}',
    ],
  ])("reads %j", (text, name, subGoal) => {
    expect(parseChatAction(text, ["web_search", "calculate"])).toMatchObject({ tool: name, subGoal, raw: text });
  });

  test("never throws, and reads any action that is written as asked", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (text) => {
        expect(parseChatAction(text, ["look"])).toBeTypeOf("object");
        parseVerdict(text);
        const goal = text.trim().replace(/\s+/gu, " ");
        if (/^[\p{L}\p{N}@. ]+$/u.test(goal))
          expect(parseChatAction(`look ${goal}`, ["look"])).toMatchObject({ tool: "look", subGoal: goal });
      }),
    );
  });
});
