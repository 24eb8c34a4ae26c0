import { dynamicTool, jsonSchema, tool as sdkTool, zodSchema } from "ai";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import * as mini from "zod/mini";
import { z as z3 } from "zod/v3";
import { ConfigError } from "../errors.ts";
import { project } from "../learn/index.ts";
import { scriptedModel } from "../testing/index.ts";
import { type Tools, tool } from "../tool.ts";
import { createFlow } from "./flow.ts";
import { modelExecutor } from "./model/executor.ts";

const execute = ({ query, count }: { query: string; count?: number | undefined }): string => `${query} ${count ?? 1}`;
const description = "Looks.";

/** What each library makes of the same input: words, and optionally a whole number, a choice, a value that JSON has not. */
const tools = {
  ai_tool: sdkTool({
    description,
    inputSchema: z.object({ query: z.string(), count: z.number().optional(), since: z.date().optional() }),
    execute: async (input) => execute(input),
  }),
  ai_json: sdkTool({
    description,
    inputSchema: jsonSchema<{ query: string; count?: number }>({
      type: "object",
      properties: { query: { type: "string" }, count: { type: "integer" } },
      required: ["query"],
    }),
    execute,
  }),
  ai_zod: sdkTool({
    description: () => description,
    inputSchema: zodSchema(z.object({ query: z.string(), count: z.int().optional() })),
    execute,
  }),
  ai_lazy: sdkTool({
    description,
    inputSchema: () => zodSchema(z.object({ query: z.string(), count: z.int().optional() })),
    metadata: { source: "elsewhere" },
    execute,
  }),
  zod: tool({
    description,
    inputSchema: z.object({ query: z.string(), count: z.int().optional(), since: z.date().optional() }),
    execute,
  }),
  zod3: tool({
    description,
    inputSchema: z3.object({ query: z3.string(), count: z3.number().int().optional(), since: z3.date().optional() }),
    execute,
  }),
  zod_mini: tool({
    description,
    inputSchema: mini.object({
      query: mini.string(),
      count: mini.optional(mini.int()),
      since: mini.optional(mini.date()),
    }),
    execute,
  }),
  valibot: tool({
    description,
    inputSchema: v.object({
      query: v.pipe(v.string(), v.description("Words."), v.minLength(1)),
      count: v.optional(v.pipe(v.number(), v.integer())),
      since: v.optional(v.date()),
    }),
    execute,
  }),
  arktype: tool({
    description,
    inputSchema: type({ query: "string", "count?": "number.integer", "since?": "Date" }),
    execute,
  }),
} satisfies Tools;

test("theirs drop in without a cast, into a flow and into a project", () => {
  expectTypeOf(tools).toExtend<Tools>();
  expectTypeOf(tools.ai_tool).toExtend<Tools[string]>();
  expect(() => createFlow({ model: scriptedModel([]), tools })).not.toThrow();
  expect(project({ tools }).name).toBe("project");
});

describe.each(Object.keys(tools))("the schema of %s", (name) => {
  const replies = (input: unknown) => scriptedModel([JSON.stringify(input), JSON.stringify(input)]);

  test("is what a planner by rules writes a call from", async () => {
    const step = { tool: name, subGoal: "the sea", raw: "" };
    const flow = createFlow({ planner: () => ({ step }), tools, budget: { turns: 1 } });
    const { trajectory } = await flow.solve("What is there?");
    expect(trajectory.memory[0]).toMatchObject({ call: { input: { query: "the sea" } } });
    expect(trajectory.memory[0]?.observation).toMatchObject({ status: "ok", text: "the sea 1" });
  });

  test("is shown to a model and checks what it writes", async () => {
    const step = { tool: name, subGoal: "look", raw: "" };
    const run = async (input: unknown) => {
      const model = replies(input);
      const flow = createFlow({
        planner: () => ({ step }),
        executor: modelExecutor(model),
        tools,
        budget: { turns: 1 },
      });
      const { trajectory } = await flow.solve("What is there?");
      return { asked: model.requests[0]?.messages.at(-1)?.content, observation: trajectory.memory[0]?.observation };
    };
    const { asked, observation } = await run({ query: "a", count: "12,0" });
    expect(observation).toMatchObject({ status: "ok", text: "a 12" });
    expect(asked).toMatch(/"query":\{[^}]*"type":"string"/);
    expect(asked).toMatch(/"count":\{[^}]*"type":"(?:integer|number)"/);
    expect(asked).toMatch(/"required":\["query"\]/);
    expect(asked).not.toContain("since");
    expect((await run({ count: 3 })).observation).toMatchObject({ status: "refused", reason: "bad-arguments" });
  });
});

const refusal = (inputSchema: object): string => {
  try {
    createFlow({ model: scriptedModel([]), tools: { look: { description, inputSchema, execute } } });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return String(error);
  }
  return "";
};

describe("a schema that no call can fit is refused, by tool and argument", () => {
  test.each<[string, object]>([
    ["zod", z.object({ query: z.string(), since: z.date() })],
    ["zod within an object", z.object({ since: z.object({ from: z.date() }) })],
    ["zod, of numbers", z.object({ since: z.bigint() })],
    ["zod 3", z3.object({ query: z3.string(), since: z3.date() })],
    ["zod/mini", mini.object({ since: mini.map(mini.string(), mini.string()) })],
    ["valibot", v.object({ query: v.string(), since: v.date() })],
    ["arktype", type({ query: "string", since: "Date" })],
  ])("%s", (_, schema) => {
    expect(refusal(schema)).toMatch(/The tool "look" .*JSON has no value for its argument "since", and it is required/);
  });

  test.each<[string, object, RegExp]>([
    [
      "of an unknown library",
      { "~standard": { version: 1, vendor: "other", validate: () => ({ value: {} }) } },
      /other/,
    ],
    ["that comes later", jsonSchema(Promise.resolve({ type: "object" as const })), /not as a promise/],
    ["that is no object", z.string(), /of type "string"/],
    ["that its library cannot convert", zodSchema(z.object({ since: z.date().optional() })), /Date cannot be/],
  ])("one %s", (_, schema, why) => {
    expect(refusal(schema)).toMatch(/The tool "look" has an inputSchema that cannot be used/);
    expect(refusal(schema)).toMatch(why);
  });

  test("what converts, or may be null, is not", () => {
    expect(refusal(z.object({ since: z.coerce.date(), until: z.date().nullable(), tags: z.array(z.string()) }))).toBe(
      "",
    );
    expect(refusal(z3.object({ since: z3.coerce.date(), of: z3.lazy(() => z3.string()), kind: z3.literal("a") }))).toBe(
      "",
    );
    expect(refusal(type({ since: "string.date.parse", "of?": "string | undefined", rest: "unknown" }))).toBe("");
    const tree: z.ZodType = z.object({
      name: z.string(),
      get below() {
        return z.array(tree);
      },
    });
    expect(refusal(tree)).toBe("");
  });

  test("tools that somebody else runs, that want a context or say nothing of themselves, are", () => {
    const inputSchema = z.object({ query: z.string() });
    const silent = sdkTool({ inputSchema, execute });
    expect(() => createFlow({ model: scriptedModel([]), tools: { silent } })).toThrow(/"silent".*description/);
    const without = sdkTool({ description, inputSchema, outputSchema: z.string() });
    expect(() => createFlow({ model: scriptedModel([]), tools: { without } })).toThrow(/"without" needs .* execute/);
    const contextual = sdkTool({ description, inputSchema, contextSchema: z.object({ key: z.string() }), execute });
    expect(() => createFlow({ model: scriptedModel([]), tools: { contextual } })).toThrow(
      /"contextual" wants a context/,
    );
  });
});

describe("a call of a tool of the AI SDK", () => {
  const solve = async (given: Tools[string], subGoal = "a") => {
    const step = { tool: "look", subGoal, raw: "" };
    const flow = createFlow({ planner: () => ({ step }), tools: { look: given }, budget: { turns: 1 } });
    return (await flow.solve("What?", { id: "s1" })).trajectory.memory[0]?.observation;
  };
  const inputSchema = z.object({ query: z.string() });

  test("has an id, a signal and no messages", async () => {
    const look = sdkTool({
      description,
      inputSchema,
      execute: (_, { toolCallId, messages, abortSignal }) => `${toolCallId} ${messages.length} ${abortSignal?.aborted}`,
    });
    expect(await solve(look)).toMatchObject({ text: "s1-1 0 false" });
  });

  test("that gives preliminary results counts by its last one", async () => {
    const look = sdkTool({
      description,
      inputSchema,
      async *execute({ query }) {
        yield { status: "loading", found: "" };
        yield { status: "done", found: query };
      },
    });
    expect(await solve(look)).toMatchObject({ fields: { status: { value: "done" }, found: { value: "a" } } });
    const returning = tool({
      description,
      inputSchema,
      async *execute({ query }) {
        if (query === "") yield 0;
        return await Promise.resolve(7);
      },
    });
    expect(await solve(returning)).toMatchObject({ fields: { value: { value: 7 } } });
    const failing = dynamicTool({
      description,
      inputSchema,
      async *execute() {
        yield 1;
        throw new Error("broke off");
      },
    });
    expect(await solve(failing)).toMatchObject({ status: "failed", error: "broke off" });
  });

  test("that never stops giving results ends at its deadline", async () => {
    let closed = false;
    const endless = {
      ...tool({
        description,
        inputSchema,
        async *execute() {
          try {
            for (;;) yield 1;
          } finally {
            closed = true;
          }
        },
      }),
      timeoutSeconds: 0.2,
    };
    expect(await solve(endless)).toMatchObject({ status: "failed", reason: "timeout" });
    await expect.poll(() => closed).toBe(true);
  });

  test("whose check throws is refused, and the solve goes on", async () => {
    const broken = z.object({
      query: z.string().refine(() => {
        throw new Error("no connection");
      }),
    });
    expect(await solve(tool({ description, inputSchema: broken, execute }))).toMatchObject({
      status: "refused",
      reason: "bad-arguments",
      error: expect.stringContaining("no connection"),
    });
    const model = scriptedModel(['{"query":"a"}', '{"query":"a"}']);
    const step = { tool: "look", subGoal: "a", raw: "" };
    const look = sdkTool({ description, inputSchema: broken, execute });
    const flow = createFlow({
      planner: () => ({ step }),
      executor: modelExecutor(model),
      tools: { look },
      budget: { turns: 1 },
    });
    expect((await flow.solve("What?")).status).not.toBe("failed");
  });
});
