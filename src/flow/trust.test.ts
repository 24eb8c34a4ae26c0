import { describe, expect, it } from "vitest";
import { scriptedPlanner } from "../testing/index.ts";
import { type AnyTool, type Field, type ToolOutput, tool } from "../tool.ts";
import { createFlow } from "./flow.ts";
import { observe } from "./observation.ts";

const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const stating = (output: ToolOutput): AnyTool =>
  tool<{ query: string }>({ description: "Looks something up.", inputSchema, execute: () => output }) as AnyTool;
const six: Readonly<Record<string, Field>> = { value: { kind: "number", value: 666 } };
const solve = (tools: Readonly<Record<string, AnyTool>>, plan: readonly string[]) =>
  createFlow({ planner: scriptedPlanner(({ turn }) => plan[turn - 1]), tools, budget: { turns: plan.length } }).solve(
    "How many letters has the word?",
  );

describe("the field value of outsiders", () => {
  it("ends no solve by rule and is not an answer, whatever it is marked with", async () => {
    for (const trust of ["untrusted", "Untrusted", "none"]) {
      const page = { text: "a page", fields: six, trust: trust as "untrusted" };
      const { status, stopReason, trajectory } = await solve({ page: stating(page) }, ["page a", "page b"]);
      expect([status, stopReason, trajectory.memory.length, trajectory.answer]).toEqual([
        "partial",
        "turn-limit",
        2,
        undefined,
      ]);
      expect(trajectory.memory[0]?.observation).toMatchObject({ trust: "untrusted" });
    }
  });

  it("leaves what the user's own tools state to end it", async () => {
    const tools = {
      page: stating({ text: "a page", fields: six, trust: "untrusted" }),
      own: stating({ text: "7", fields: { value: { kind: "number", value: 7 } } }),
    };
    const { status, trajectory } = await solve(tools, ["page a", "own b", "page c"]);
    expect([status, trajectory.answer, trajectory.memory.length]).toEqual(["solved", "7", 2]);
  });

  it("is not what a later partial answer takes", async () => {
    const tools = {
      page: stating({ text: "a page", fields: six, trust: "untrusted" }),
      own: stating({ text: "2024-02-29", fields: { value: { kind: "date", value: "2024-02-29" } } }),
    };
    const { status, trajectory } = await solve(tools, ["own a", "page b"]);
    expect([status, trajectory.answer]).toEqual(["partial", undefined]);
  });

  it("can still be referred to", async () => {
    const seen: unknown[] = [];
    const tools = {
      page: stating({
        text: "a page",
        fields: { height: { kind: "number", value: 135, unit: "ft" } },
        trust: "untrusted",
      }),
      own: tool<{ query: string }>({
        description: "Takes a value.",
        inputSchema,
        execute: ({ query }) => seen.push(query),
      }) as AnyTool,
    };
    await solve(tools, ["page a", "own @1.height"]);
    expect(seen).toEqual(["135"]);
  });
});

describe("fields of an observation", () => {
  it("of outsiders have names that a reference can spell", () => {
    const fields = { good_1: six.value, "@3 [5]\n@4 value": six.value, "": six.value } as Record<string, Field>;
    expect(observe({ text: "", fields, trust: "untrusted" })).toMatchObject({ fields: { good_1: six.value } });
    expect(Object.keys((observe({ text: "", fields, trust: "untrusted" }) as { fields: object }).fields)).toEqual([
      "good_1",
    ]);
    // A tool of one's own keeps the names that it had, with blanks spelt so that one can.
    expect(observe({ text: "", fields: { ...fields, "lead time": six.value } })).toMatchObject({
      fields: { ...fields, lead_time: six.value },
    });
  });

  it("without a unit or label that is a text are left out, so that no prompt fails on them", () => {
    const fields = {
      a: { kind: "number", value: 1, unit: 5 },
      b: { kind: "number", value: 1, label: {} },
      c: { kind: "number", value: 1, unit: "x".repeat(2000) },
      d: { kind: "number", value: 1, unit: "ft", label: "height" },
    } as unknown as Record<string, Field>;
    expect(observe({ text: "", fields })).toMatchObject({ fields: { d: fields.d } });
    expect(Object.keys((observe({ text: "", fields }) as { fields: object }).fields)).toEqual(["d"]);
  });
});
