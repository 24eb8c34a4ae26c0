import { describe, expect, it } from "vitest";
import { type Familiarity, familiarityOf } from "./familiarity.ts";
import { createFlow } from "./flow/flow.ts";
import { scriptedPlanner } from "./testing/index.ts";
import { tool } from "./tool.ts";

const templates = ["What is the elevation of q1 in feet?", "When was q1 born?", "How many days lie between q1 and q2?"];

describe("familiarity", () => {
  const { of, least } = familiarityOf(templates);

  it("is 1 for what was trained, whatever it names, and high for its like", () => {
    expect(of("When was q1 born?")).toBe(1);
    expect(of("When was q3 born?")).toBe(1);
    expect(of("What is the elevation of q1 in metres?")).toBeGreaterThan(least);
  });

  it("is low for other things, and 0 for what shares no word", () => {
    expect(of("Who wrote Hamlet?")).toBeLessThan(least);
    expect(of("schreibe ein Gedicht")).toBe(0);
    expect(of("")).toBe(0);
    expect(familiarityOf([]).of("When was q1 born?")).toBe(0);
    expect(familiarityOf(["When was q1 born?", "??"]).of("???")).toBe(0);
  });

  it("that a flow is given has to be whole", () => {
    const flow = (familiarity: object) => () =>
      createFlow({ planner: scriptedPlanner([]), tools: {}, familiarity: familiarity as Familiarity });
    expect(flow({ of: () => 1 })).toThrow(/familiarity: least is missing/);
    expect(flow({ of: () => 1, least: "0.3" })).toThrow(/familiarity: least is "0.3"/);
    expect(flow({ least: 0.3 })).toThrow(/familiarity: of is missing/);
  });
});

it("an answer to a question unlike all that was trained is not solved, and says why", async () => {
  const look = tool<{ query: string }>({
    description: "Looks up.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: () => 7,
  });
  const flow = createFlow({
    planner: scriptedPlanner(["look q"]),
    tools: { look },
    familiarity: familiarityOf(templates),
  });
  const known = await flow.solve("What is the elevation of Lagos in feet?");
  const unlike = await flow.solve("Tell me something new.");
  expect(known).toMatchObject({ status: "solved", answer: "7", stopReason: "answered" });
  expect(unlike).toMatchObject({ status: "partial", answer: "7", stopReason: "unfamiliar" });
  expect(unlike.trajectory).toMatchObject({ status: "partial", stopReason: "unfamiliar" });
});
