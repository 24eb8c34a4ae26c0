import { describe, expect, it } from "vitest";
import type { FlowEvent } from "../../event.ts";
import type { ChatModel } from "../../model.ts";
import { scriptedPlanner } from "../../testing/index.ts";
import { type AnyTool, tool } from "../../tool.ts";
import { createFlow } from "../flow.ts";
import { ruleExecutor } from "../rules/executor.ts";
import { ruleVerifier } from "../rules/verifier.ts";
import { modelGenerator } from "./generator.ts";

const look = tool<{ query: string }>({
  description: "Looks something up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: ({ query }) => ({ text: query, fields: { value: { kind: "text", value: query } } }),
}) as AnyTool;

/** Streams its reply in parts of four characters. */
const streaming = (text: string): ChatModel => ({
  id: "streaming",
  complete: async ({ onText }) => {
    for (const part of text.match(/[\s\S]{1,4}/g) ?? []) onText?.(part);
    return { text, promptTokens: 1, sampledTokens: 1 };
  },
});

const told = async (text: string, solution = false, secrets: readonly string[] = []) => {
  const flow = createFlow({
    planner: scriptedPlanner(["look Accra"]),
    executor: ruleExecutor(),
    verifier: ruleVerifier(),
    generator: modelGenerator(streaming(text), { solution }),
    tools: { look },
    secrets,
  });
  const events: FlowEvent[] = [];
  const result = await flow.solve("Which city?", { onEvent: (event) => events.push(event) });
  const parts = { answer: [] as string[], solution: [] as string[] };
  for (const event of events) {
    if (event.type === "solution-delta") parts.solution.push(event.text);
    if (event.type === "answer-delta" && event.restart === true) parts.answer = [];
    if (event.type === "answer-delta") parts.answer.push(event.text);
  }
  return { result, ...parts };
};

describe("an answer", () => {
  const long = "the capital of Ghana, which lies on the coast of the Gulf of Guinea";

  it("is told while it is written", async () => {
    const { result, answer } = await told(long);
    expect(result).toMatchObject({ status: "solved", answer: long });
    expect(answer.length).toBeGreaterThan(5);
    expect(answer.join("")).toBe(long);
  });

  it.each([
    "Accra",
    `Answer: ${long}`,
    `**Answer:** ${long}`,
    `<answer>${long}</answer>`,
    `  ${long}  \n\nBecause it says so.`,
    `I look at the results once more.\n<answer>${long}</answer>`,
  ])("is what its parts are together, however it is written: %j", async (text) => {
    const { result, answer } = await told(text);
    expect(answer.join("")).toBe("answer" in result ? result.answer : undefined);
  });

  it("comes behind its solution, which is told while it is written", async () => {
    const text = `Solution: The result says ${long}. That is < 3 words, and final.\n<answer>Accra</answer>`;
    const { result, answer, solution } = await told(text, true);
    expect(solution.length).toBeGreaterThan(5);
    expect(result).toMatchObject({ answer: "Accra", solution: solution.join("") });
    expect(answer.join("")).toBe("Accra");
  });

  it("holds no secret, in whatever parts it comes", async () => {
    const key = "sk-canary-1234567890";
    const { answer } = await told(`the key of Ghana is ${key}, as it were, and nothing else`, false, [key]);
    expect(answer.length).toBeGreaterThan(1);
    expect(answer.join("")).not.toContain("canary");
  });
});
