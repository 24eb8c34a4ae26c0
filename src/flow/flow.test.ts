import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type Analyst,
  ConfigError,
  createFlow,
  EngineError,
  experiencedPlanner,
  type FlowEvent,
  type FlowOptions,
  ModelError,
  modelAnalyst,
  modelExecutor,
  modelGenerator,
  modelPlanner,
  modelVerifier,
  ruleExecutor,
  tool,
  turnCount,
} from "../index.ts";
import { fixedClock, scriptedPlanner } from "../testing/index.ts";

const question = "How many people live in Lagos?";

const search = tool({
  description: "Facts about a place.",
  inputSchema: z.object({ query: z.string() }),
  execute: ({ query }) => ({
    text: `About ${query}`,
    fields: { population: { kind: "number" as const, value: 15_000_000, unit: "person" } },
    source: "atlas",
  }),
});

const calculate = tool<{ expression: string }>({
  description: "Computes.",
  inputSchema: {
    type: "object",
    properties: { expression: { type: "string" } },
    required: ["expression"],
    additionalProperties: false,
  },
  metadata: { computes: true },
  execute: async ({ expression }) => ({
    text: expression,
    fields: { value: { kind: "number" as const, value: 15_000_000, unit: "person" } },
  }),
});

const stock = tool<{ sku: string; amount: number }>({
  description: "Two arguments.",
  inputSchema: {
    type: "object",
    properties: { sku: { type: "string", enum: ["a", "b"] }, amount: { type: "integer" } },
    required: ["sku", "amount"],
    additionalProperties: false,
  },
  execute: (input) => input,
});

const tools = { search, calculate, stock };

const flowOf = (script: Parameters<typeof scriptedPlanner>[0], options: Partial<FlowOptions> = {}) =>
  createFlow({ planner: scriptedPlanner(script), tools, ...options });

const reasonOf = async (action: string): Promise<string> => {
  const { trajectory } = await flowOf([action], { budget: { turns: 1 } }).solve(question);
  const observation = trajectory.memory[0]?.observation;
  return observation?.status === "ok" ? `ok ${observation.text}` : `${observation?.reason}: ${observation?.error}`;
};

describe("a solve", () => {
  test("plans, calls, verifies, remembers and answers", async () => {
    const result = await flowOf(["search q1", "calculate value @1.population"]).solve(
      { id: "t-1", question },
      { id: "run-1" },
    );
    expect(result).toMatchObject({ status: "solved", answer: "15000000", stopReason: "answered" });
    expect(result.usage).toMatchObject({ turns: 2, calls: 2 });
    expect(result.trajectory.id).toBe("run-1");
    expect(result.trajectory.memory.map(({ call }) => call)).toEqual([
      { tool: "search", input: { query: "Lagos" } },
      { tool: "calculate", input: { expression: "value(15000000 person)" } },
    ]);
    expect(JSON.parse(JSON.stringify(result.trajectory))).toEqual(result.trajectory);
    expect(Object.isFrozen(result.trajectory.memory)).toBe(true);
  });

  test("sends events in order, numbered without gaps, one finish at the end", async () => {
    const events: FlowEvent[] = [];
    await flowOf(["search q1", "search q1", "calculate value @1.population"]).solve(question, {
      onEvent: (event) => events.push(event),
    });
    const turn = ["plan-start", "plan-end"];
    expect(events.map(({ type }) => type)).toEqual([
      "analysis-end",
      ...[...turn, "tool-call", "tool-result", "verdict-end"],
      ...[...turn, "tool-error", "verdict-end"],
      ...[...turn, "tool-call", "tool-result", "verdict-end"],
      ...["answer-delta", "finish"],
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => i));
  });

  test("shows modules nothing of the sealed part of a task", async () => {
    let seen = "";
    const planner: FlowOptions["planner"] = (state, context) => {
      seen = JSON.stringify([state.query, context]);
      return { step: { tool: "search", subGoal: "q1", raw: "search q1" } };
    };
    const task = { id: "t", question, turnLimit: 1, sealed: { answer: "SECRET" } };
    await createFlow({ planner, tools }).solve(task);
    expect(seen).toContain("Lagos");
    expect(seen).not.toContain("SECRET");
  });

  test("has a memory of its own, whatever else runs", async () => {
    const flow = flowOf(({ turn }) => (turn === 1 ? "search q1" : "calculate value @1.population"));
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => flow.solve(`How many people live in Place${i}?`)),
    );
    for (const [i, { trajectory }] of results.entries()) {
      expect(trajectory.memory).toHaveLength(2);
      expect(trajectory.memory[0]?.call?.input).toEqual({ query: `Place${i}` });
    }
  });

  test("calls onStepEnd with each entry and waits for it", async () => {
    const indices: number[] = [];
    const onStepEnd = async ({ index }: { readonly index: number }): Promise<void> => {
      await Promise.resolve();
      indices.push(index);
    };
    await flowOf(["search q1", "calculate value @1.population"], { onStepEnd }).solve(question);
    expect(indices).toEqual([1, 2]);
  });
});

describe("what a tool is stands in its metadata", () => {
  const price = tool<{ sku: string }>({
    description: "Price and weight.",
    inputSchema: z.object({ sku: z.string() }),
    metadata: { answerField: "price" },
    execute: () => ({ weight: 3, price: 40 }),
  });
  const sum = tool<{ term: string }>({
    description: "Adds.",
    inputSchema: { type: "object", properties: { term: { type: "string" } }, required: ["term"] },
    metadata: { computes: true },
    execute: ({ term }) => term,
  });

  test("the field that answers", async () => {
    const { status, trajectory } = await flowOf(["price q1"], { tools: { price } }).solve("What does Lagos cost?");
    expect([status, trajectory.answer]).toEqual(["solved", "40"]);
  });

  test("a tool that computes gets terms, whatever its name and its argument's", async () => {
    const script = ["search q1", "sum larger @1.population @1"];
    const { trajectory } = await flowOf(script, { tools: { search, sum }, budget: { turns: 2 } }).solve(question);
    expect(trajectory.memory[1]?.call?.input).toEqual({ term: "larger(15000000 person, 15000000 person)" });
  });

  test("a misspelt word of it is refused", () => {
    const misspelt = { ...sum, metadata: JSON.parse('{"compute": true}') };
    expect(() => flowOf([], { tools: { sum: misspelt } })).toThrow(/metadata has "compute".*Did you mean computes/);
  });
});

describe("optional arguments of a tool", () => {
  const text = { type: "string" };
  const inputSchema = {
    type: "object",
    properties: { customer: text, state: { enum: ["open", "closed"] }, most: { type: "integer" } },
  };
  const orders = tool({ description: "Lists orders.", inputSchema, execute: () => 1 });
  const ordersOf = tool({
    description: "Lists orders.",
    inputSchema: { ...inputSchema, required: ["customer", "state"] },
    execute: () => 1,
  });
  const inputOf = async (action: string): Promise<unknown> => {
    const flow = flowOf([action], { tools: { orders, ordersOf }, budget: { turns: 1 } });
    const { trajectory } = await flow.solve("How many orders has Anna?");
    const [entry] = trajectory.memory;
    return entry?.observation.status === "ok" ? entry.call?.input : "refused";
  };

  test.each([
    ["orders q", {}],
    ["orders q1", { customer: "Anna" }],
    ["orders q1 open", { customer: "Anna", state: "open" }],
    ["orders q1 open 5", { customer: "Anna", state: "open", most: 5 }],
    // Words are no values: they say what the call is for.
    ["orders all of them", {}],
    ["orders everything", {}],
    ["ordersOf q1 open", { customer: "Anna", state: "open" }],
    ["ordersOf q1 open 5", { customer: "Anna", state: "open", most: 5 }],
    ["ordersOf q1 open many", "refused"],
    ["ordersOf q1 open 5 6", "refused"],
  ])("%s", async (action, input) => {
    expect(await inputOf(action)).toEqual(input);
  });
});

describe("what a planner gets wrong comes back to it in one line", () => {
  test.each([
    ["teleport q1", /^unknown-tool: There is no tool "teleport".*search, calculate, stock/],
    ["constructor q1", /^unknown-tool/],
    ["search q7", /^bad-reference: There is no q7: the question has 1 entities/],
    ["search @1.country", /^bad-reference: There is no @1.country: memory has 0 entries/],
    ["stock q1", /^bad-arguments: stock takes more than one argument.* such as stock \{"sku":"a","amount":1\}\.$/],
    ['stock {"sku":"c","amount":1}', /^bad-arguments: stock: sku must be one of "a", "b"/],
    ['stock {"sku":"a","amount":1.5}', /^bad-arguments: stock: amount must be of type integer/],
    ['stock {"sku":"a"}', /^bad-arguments: stock: input lacks "amount"/],
    ['stock {"sku":"a","amount":1,"more":2}', /^bad-arguments: stock: input must not have "more"/],
    ['search {"query":5}', /^bad-arguments: search: query/],
    ["stock a 2", /^ok \{"sku":"a","amount":2\}/],
    ["stock a many", /^bad-arguments: stock: amount must be of type integer/],
    ["stock a @1.amount", /^bad-reference: There is no @1.amount/],
    ['stock {"sku":"a","amount":2}', /^ok \{"sku":"a","amount":2\}/],
  ])("%s", async (action, expected) => {
    expect(await reasonOf(action)).toMatch(expected);
  });

  test("a script that ends is malformed; four turns without an observation end the solve", async () => {
    const result = await flowOf([]).solve(question);
    expect(result).toMatchObject({ status: "partial", stopReason: "no-progress" });
    expect(
      result.trajectory.memory.map(({ observation }) => observation.status === "refused" && observation.reason),
    ).toEqual(Array(4).fill("malformed"));
    expect("answer" in result).toBe(false);
  });

  test("three repeated calls in a row end it, unless the loop detectors are off", async () => {
    const result = await flowOf(() => "search q1").solve(question);
    expect(result).toMatchObject({ stopReason: "repeated-call", usage: { turns: 4, calls: 1 } });
    const patient = await flowOf(() => "search q1", { loopDetectors: [] }).solve(question);
    expect(patient).toMatchObject({ stopReason: "turn-limit", usage: { turns: 10, calls: 1 } });
  });

  test("a call that was not approved never reaches its tool", async () => {
    const result = await flowOf(["search q1"], {
      budget: { turns: 1 },
      toolApproval: async ({ tool: name }) => name !== "search",
    }).solve(question);
    expect(result.trajectory.memory[0]?.observation).toMatchObject({ status: "refused", reason: "not-approved" });
    expect(result.usage.calls).toBe(0);
  });
});

describe("references", () => {
  const argumentOf = async (script: readonly string[], asked = question): Promise<unknown> =>
    (await flowOf(script, { budget: { turns: script.length } }).solve(asked)).trajectory.memory.at(-1)?.call?.input;

  test.each([
    ["search q", { query: question }],
    ["search the mayor of q1, then q1's river", { query: "the mayor of Lagos, then Lagos's river" }],
    ["search what is q in @ and x@1.y", { query: "what is q in @ and x@1.y" }],
    ["calculate sum q1 3", { expression: 'sum("Lagos", 3)' }],
    ["calculate 2 * 3", { expression: "2 * 3" }],
  ])("%s", async (action, expected) => {
    expect(await argumentOf([action])).toEqual(expected);
  });

  test("to memory", async () => {
    expect(await argumentOf(["search q1", "search @1.population"])).toEqual({ query: "15000000" });
    expect(await argumentOf(["search q1", "search @1"])).toEqual({ query: "15000000" });
    expect(await argumentOf(["search q1", "calculate @1.population / 2"])).toEqual({
      expression: "15000000 person / 2",
    });
  });

  test("keep versions and dates of the question as they were written", async () => {
    const asked = "Was 18.10 out on 29 February 2024?";
    expect(await argumentOf(["search q1"], asked)).toEqual({ query: "18.10" });
    expect(await argumentOf(["search q2"], asked)).toEqual({ query: "29 February 2024" });
    expect(await argumentOf(["calculate weekday q2"], asked)).toEqual({ expression: 'weekday("2024-02-29")' });
  });
});

describe("limits", () => {
  test("the turn limit of the query goes before the flow's; turnCount narrows both, and the planner sees it", async () => {
    const left: number[] = [];
    const script = ({ turn, turnsLeft }: { turn: number; turnsLeft: number }): string => {
      left.push(turnsLeft);
      return `search place${turn}`;
    };
    expect(await flowOf(script, { budget: { turns: 5 } }).solve({ id: "t", question, turnLimit: 2 })).toMatchObject({
      status: "partial",
      stopReason: "turn-limit",
      usage: { turns: 2 },
    });
    expect(await flowOf(script, { stopWhen: [turnCount(1)] }).solve(question)).toMatchObject({
      stopReason: "turn-limit",
      usage: { turns: 1 },
    });
    expect(left).toEqual([2, 1, 1]);
  });

  test("calls and tokens are counted before they are spent", async () => {
    const planner: FlowOptions["planner"] = ({ turn }) => ({
      step: { tool: "search", subGoal: `${turn}`, raw: "" },
      tokens: { prompt: 90, sampled: 10 },
    });
    expect(await createFlow({ planner, tools, budget: { calls: 3 } }).solve(question)).toMatchObject({
      stopReason: "budget",
      usage: { calls: 3, turns: 3 },
    });
    expect(await createFlow({ planner, tools, budget: { tokens: 150 } }).solve(question)).toMatchObject({
      stopReason: "budget",
      usage: { turns: 2, promptTokens: 180, sampledTokens: 20 },
    });
  });

  test("a tool that hangs is left at its deadline, its signal aborts, and the planner goes on", async () => {
    const clock = fixedClock();
    let signal: AbortSignal | undefined;
    const slow = tool<{ query: string }>({
      description: "Never ends.",
      inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
      execute: (_input, context) => {
        signal = context.abortSignal;
        queueMicrotask(() => clock.advance(2000));
        return new Promise(() => undefined);
      },
    });
    const result = await flowOf(["slow q1", "search q1", "calculate value @2.population"], {
      tools: { ...tools, slow },
      clock,
      toolTimeoutSeconds: 2,
    }).solve(question);
    expect(result).toMatchObject({ status: "solved", usage: { turns: 3, seconds: 2 } });
    expect(result.trajectory.memory[0]?.observation).toEqual({
      status: "failed",
      reason: "timeout",
      error: "slow gave no result within 2 seconds.",
    });
    expect(signal?.aborted).toBe(true);
  });

  test("the wall-clock budget ends a planner that hangs", async () => {
    const clock = fixedClock();
    const planner: FlowOptions["planner"] = () => {
      queueMicrotask(() => clock.advance(60_000));
      return new Promise(() => undefined);
    };
    expect(await createFlow({ planner, tools, clock, budget: { seconds: 60 } }).solve(question)).toMatchObject({
      status: "partial",
      stopReason: "budget",
      usage: { seconds: 60, turns: 0 },
    });
  });
});

describe("an abort", () => {
  const hangingTool = (started: () => void) =>
    tool<{ query: string }>({
      description: "Ignores its signal.",
      inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
      execute: () => {
        started();
        return new Promise(() => undefined);
      },
    });

  test("ends a solve at once though the tool ignores it; what was found stays", async () => {
    const controller = new AbortController();
    const events: FlowEvent[] = [];
    const released: string[] = [];
    const planner = Object.assign(scriptedPlanner(["search q1", "hang q1"]), {
      release: (history: string) => released.push(history),
    });
    const flow = createFlow({ planner, tools: { ...tools, hang: hangingTool(() => controller.abort()) } });
    const result = await flow.solve(question, {
      id: "s",
      abortSignal: controller.signal,
      onEvent: (event) => events.push(event),
    });
    expect(result).toMatchObject({ status: "partial", stopReason: "aborted" });
    expect(result.trajectory.memory).toHaveLength(1);
    expect(events.filter(({ type }) => type === "finish")).toHaveLength(1);
    expect(events.at(-1)?.type).toBe("finish");
    expect(released).toEqual(["s"]);
  });

  test("before the start means no turn", async () => {
    expect(await flowOf(["search q1"]).solve(question, { abortSignal: AbortSignal.abort() })).toMatchObject({
      stopReason: "aborted",
      usage: { turns: 0 },
    });
  });

  test("comes from leaving a stream", async () => {
    const stream = flowOf(["hang q1"], { tools: { hang: hangingTool(() => undefined) } }).stream(question);
    for await (const event of stream) if (event.type === "tool-call") break;
    expect(await stream.result).toMatchObject({ stopReason: "aborted" });
  });
});

test("a stream gives all events and the result", async () => {
  const stream = flowOf(["search q1", "calculate value @1.population"]).stream(question);
  const types: string[] = [];
  for await (const event of stream) types.push(event.type);
  expect(types.at(0)).toBe("analysis-end");
  expect(types.at(-1)).toBe("finish");
  expect(await stream.result).toMatchObject({ status: "solved" });
});

describe("failures", () => {
  test("of an engine, a model or a module make no sample", async () => {
    const down: FlowOptions["planner"] = () => {
      throw new EngineError("no runtime");
    };
    expect(await createFlow({ planner: down, tools }).solve(question)).toMatchObject({
      status: "failed",
      error: { name: "EngineError" },
      trajectory: { failure: "no runtime", status: "failed" },
    });
    const broken: FlowOptions["planner"] = () => Promise.reject(new TypeError("oops"));
    expect(await createFlow({ planner: broken, tools }).solve(question)).toMatchObject({
      status: "failed",
      error: { message: "The planner failed: oops" },
    });
    const guess = tool<{ query: string }>({
      ...calculate,
      inputSchema: search.inputSchema,
      execute: () => Promise.reject(new ModelError("503")),
    });
    expect(await flowOf(["guess q1"], { tools: { guess } }).solve(question)).toMatchObject({
      status: "failed",
      trajectory: { failure: "503" },
    });
  });

  test("of an analyst say what it returned and what is accepted", async () => {
    for (const [analyst, error] of [
      [() => ["A-17"], /^What the analyst returned is .*an object with entities, unit, template/],
      [() => ({ entities: [{ id: "q1" }], template: "" }), /^What the analyst returned: entities.* is an object/],
    ] as const) {
      const { status, trajectory } = await flowOf([], { analyst: analyst as unknown as Analyst }).solve(question);
      expect([status, trajectory.failure]).toEqual(["failed", expect.stringMatching(error)]);
    }
  });

  test("of a store of secrets are thrown, and the next solve asks it again", async () => {
    let asked = 0;
    const secrets = (): string[] => {
      asked += 1;
      if (asked === 1) throw new Error("no vault");
      return ["canary-1234567890"];
    };
    const told = { ...calculate, secrets, execute: () => "canary-1234567890" };
    const flow = flowOf(["told value 1"], { tools: { told }, budget: { turns: 1 } });
    await expect(flow.solve(question)).rejects.toThrow("The secrets of a model or a tool cannot be had: no vault");
    const both = await Promise.all([flow.solve(question), flow.solve(question)]);
    expect(asked).toBe(2);
    expect(JSON.stringify(both)).toContain("[redacted]");
    expect(JSON.stringify(both)).not.toContain("canary-1234567890");
  });

  test("of a tool never show the key of a model that plays a module only", async () => {
    const key = "canary-0987654321";
    const model = {
      id: "m",
      secrets: () => [key],
      complete: async () => ({ text: "no", promptTokens: 1, sampledTokens: 1 }),
    };
    const told = {
      ...calculate,
      execute: () => ({ text: key, fields: { value: { kind: "text" as const, value: key } } }),
    };
    for (const module of [
      { generator: modelGenerator(model) },
      { verifier: modelVerifier(model) },
      { executor: { ...modelExecutor(model), write: ruleExecutor().write } },
      { analyst: modelAnalyst(model) },
      {
        planner: experiencedPlanner(
          modelPlanner({
            ...model,
            complete: async () => ({ text: "told value 1", promptTokens: 1, sampledTokens: 1 }),
          }),
        ),
      },
    ]) {
      const result = await flowOf(["told value 1"], { tools: { told }, budget: { turns: 1 }, ...module }).solve(
        question,
      );
      expect([Object.keys(module), JSON.stringify(result)]).not.toContainEqual(expect.stringContaining(key));
    }
  });

  test("of a tool are observations", async () => {
    const thrown = [
      new Error("not found"),
      "text",
      undefined,
      Object.create(null),
      { key: "k" },
      new Error("x".repeat(5000)),
    ];
    for (const value of thrown) {
      const bad = tool<{ query: string }>({
        ...calculate,
        inputSchema: search.inputSchema,
        execute: () => {
          throw value;
        },
      });
      const { trajectory } = await flowOf(["bad q1"], { tools: { bad }, budget: { turns: 1 } }).solve(question);
      expect(trajectory.memory[0]?.observation).toMatchObject({ status: "failed", reason: "tool-error" });
      expect(JSON.stringify(trajectory).length).toBeLessThan(2000);
    }
  });

  test("of the caller are thrown", async () => {
    expect(() => createFlow({ planner: undefined as never, tools })).toThrow(ConfigError);
    expect(() => flowOf([], { tools: { "two words": search } })).toThrow(/"two words"/);
    expect(() => flowOf([], { budget: { seconds: 0 } })).toThrow(/seconds is 0/);
    expect(() => flowOf([], { toolTimeoutSeconds: Number.NaN })).toThrow(ConfigError);
    await expect(flowOf([]).solve(" ")).rejects.toThrow(ConfigError);
    await expect(flowOf([]).solve({ id: "t", question, turnLimit: 0 })).rejects.toThrow(/turnLimit is 0/);
    const onStepEnd = (): void => {
      throw new RangeError("mine");
    };
    await expect(flowOf(["search q1"], { onStepEnd }).solve(question)).rejects.toThrow("mine");
  });
});

describe("any value that a tool returns survives", () => {
  const circular: Record<string, unknown> = { name: "loop" };
  circular.self = circular;
  const hostile = {
    get text(): string {
      throw new Error("no");
    },
  };
  test.each<[string, unknown, RegExp]>([
    ["undefined", undefined, /undefined/],
    ["null", null, /null/],
    ["circular", circular, /\[circular\]/],
    ["bigint", { big: 10n ** 30n }, /1000000000000000000000000000000/],
    ["function", () => 1, /function/],
    ["symbol", Symbol("s"), /Symbol/],
    ["a getter that throws", hostile, /cannot be read/],
    ["5 MB", "x".repeat(5_000_000), /more characters\]$/],
    ["5 MB in an output", { text: "x".repeat(5_000_000) }, /more characters\]$/],
    ["NaN", Number.NaN, /null|NaN/],
    ["deep", JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`), /.*/s],
  ])("%s", async (_name, value, expected) => {
    const odd = tool<{ query: string }>({ ...calculate, inputSchema: search.inputSchema, execute: () => value });
    const { trajectory } = await flowOf(["odd q1"], {
      tools: { odd },
      executor: ruleExecutor(),
      budget: { turns: 1 },
    }).solve(question);
    const observation = trajectory.memory[0]?.observation;
    const text = observation?.status === "ok" ? observation.text : (observation?.error ?? "");
    expect(text).toMatch(expected);
    expect(text.length).toBeLessThan(17_000);
    expect(() => JSON.stringify(trajectory)).not.toThrow();
  });

  test("an object's plain properties become fields", async () => {
    const place = tool<{ query: string }>({
      ...calculate,
      inputSchema: search.inputSchema,
      execute: () => ({ value: 7, name: "Lagos", nested: {} }),
    });
    const result = await flowOf(["place q1"], { tools: { place } }).solve(question);
    expect(result).toMatchObject({ status: "solved", answer: "7" });
  });
});

test("with() replaces parts and leaves the first flow alone", async () => {
  const flow = flowOf([]);
  const other = flow.with({ planner: scriptedPlanner(["search q1", "calculate value @1.population"]) });
  expect(await other.solve(question)).toMatchObject({ status: "solved" });
  expect(await flow.solve(question)).toMatchObject({ status: "partial" });
});
