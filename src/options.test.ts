import { describe, expect, it } from "vitest";
import type { Budget } from "./budget.ts";
import { defineConfig } from "./config.ts";
import { ConfigError } from "./errors.ts";
import { createFlow, type FlowOptions } from "./flow/flow.ts";
import { checked, count, number, required, withDefaults } from "./options.ts";
import { scriptedPlanner } from "./testing/index.ts";
import { type AnyTool, tool } from "./tool.ts";

const calculate = tool<{ query: string }>({
  description: "Computes.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: () => 7,
}) as AnyTool;
const flowOf = (options: object) =>
  createFlow({ planner: scriptedPlanner(["calculate x"]), tools: { calculate }, ...options } as FlowOptions);

describe("a rule set", () => {
  const rules = { least: number({ least: 2, most: 5 }), whole: count, must: required(count) };
  it("says what was received and what is accepted", () => {
    expect(checked("it", { must: 1, least: undefined }, rules)).toEqual({ must: 1, least: undefined });
    const refusal = (options: object): string => {
      try {
        checked("it", options as { must: number }, rules as never);
        return "";
      } catch (error) {
        return String(error);
      }
    };
    expect(refusal({ must: 1, least: 6 })).toBe("ConfigError: it: least is 6: accepted is a number from 2 to 5.");
    expect(refusal({ must: 1, whole: "3" })).toBe(
      'ConfigError: it: whole is "3": accepted is a whole number from 1 up.',
    );
    expect(refusal({})).toBe("ConfigError: it: must is missing: accepted is a whole number from 1 up.");
    expect(refusal({ must: 1, leats: 3 })).toBe(
      'ConfigError: it has "leats", which nothing reads: accepted are least, whole, must. Did you mean least?',
    );
  });

  it("fills in defaults, also for what is undefined", () => {
    expect(withDefaults({ a: 1, b: 2 }, { a: undefined, b: 3 })).toEqual({ a: 1, b: 3 });
  });
});

describe("a budget", () => {
  const wrong = [Number.NaN, -1, 0, Number.POSITIVE_INFINITY, "5", null, true, [5], {}];
  it.each(["turns", "tokens", "seconds", "calls", "dollars", "toolDollars"])("of wrong %s is refused", (limit) => {
    for (const value of wrong) {
      const budget = { [limit]: value } as Budget;
      expect(() => flowOf({ budget }), String(value)).toThrow(ConfigError);
      expect(() => defineConfig({ budget }), String(value)).toThrow(ConfigError);
    }
  });

  it("of a misspelt limit is refused with the nearest one, and an undefined one is the default", async () => {
    for (const [slip, meant] of [
      ["token", "tokens"],
      ["Turns", "turns"],
      ["second", "seconds"],
      ["toolDolars", "toolDollars"],
    ] as const)
      expect(() => flowOf({ budget: { [slip]: 5 } })).toThrow(`Did you mean ${meant}?`);
    const flow = flowOf({
      budget: { turns: undefined },
      planner: scriptedPlanner(() => "nothing x"),
      loopDetectors: [],
    });
    expect((await flow.solve("?")).usage.turns).toBe(10);
  });
});

describe("options of a flow", () => {
  it.each([
    ["a misspelt option", { grant: { tools: [] } }],
    ["grants of the wrong kind", { grants: { tools: "calculate" } }],
    ["a misspelt grant", { grants: { host: ["example.org"] } }],
    ["secrets as a text", { secrets: "key" }],
    ["approval that is not a function", { toolApproval: true }],
    ["a time-out as a text", { toolTimeoutSeconds: "30" }],
    ["stop conditions that are none", { stopWhen: [5] }],
    ["a verifier without a judge", { verifier: { admit: () => undefined } }],
    ["tools as a list", { tools: [calculate] }],
    ["a tool whose approval is misspelt", { tools: { calculate: { ...calculate, needsAproval: true } } }],
    ["a tool whose approval is a text", { tools: { calculate: { ...calculate, needsApproval: "yes" } } }],
    ["a tool without a description", { tools: { calculate: { ...calculate, description: undefined } } }],
    ["an experience without a store", { experience: {} }],
    ["null", { budget: null }],
  ])("%s is a ConfigError", (_, options) => {
    expect(() => flowOf(options)).toThrow(ConfigError);
  });

  it("let fields of other libraries stand in a tool", () => {
    expect(() =>
      flowOf({ tools: { calculate: { ...calculate, outputSchema: {}, toModelOutput: () => 1, type: "x" } } }),
    ).not.toThrow();
  });

  it.each([
    ["a misspelt grant", { grants: { tool: [] } }],
    ["an id that is a number", { id: 5 }],
    ["a signal that is none", { abortSignal: {} }],
    ["null", null],
  ])("of a solve: %s is a ConfigError", async (_, options) => {
    await expect(flowOf({}).solve("?", options as never)).rejects.toThrow(ConfigError);
  });

  it.each([[null], [undefined], [5], [{}], [{ id: "a" }], [{ id: "a", question: 5 }]])(
    "a query %j is a ConfigError",
    async (query) => {
      await expect(flowOf({}).solve(query as never)).rejects.toThrow(ConfigError);
    },
  );

  it("ask for approval where a tool decides it by a function", async () => {
    const asking = { ...calculate, needsApproval: () => false } as unknown as AnyTool;
    const { trajectory } = await flowOf({ tools: { calculate: asking } }).solve("?");
    expect(trajectory.memory[0]?.observation).toMatchObject({ reason: "not-approved" });
    const answers = ["yes", 1, {}];
    for (const answer of answers) {
      const flow = flowOf({ toolApproval: () => answer });
      expect((await flow.solve("?")).trajectory.memory[0]?.observation).toMatchObject({ reason: "not-approved" });
    }
  });
});

it.each([
  ["a misspelt name", { toolz: {} }],
  ["a misspelt role", { roles: { planer: "rules" } }],
  ["a model without an address", { model: { model: "x" } }],
  ["a misspelt field of a model", { model: { baseURL: "http://x", model: "x", keyfrom: "KEY" } }],
  ["tasks as an object", { tasks: { a: 1 } }],
  ["a reward that is a number", { reward: 1 }],
  ["instructions that are a list", { instructions: ["a"] }],
])("a configuration with %s is a ConfigError", (_, config) => {
  expect(() => defineConfig(config as never)).toThrow(ConfigError);
});
