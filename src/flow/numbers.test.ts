import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exactJson, fieldOfText, numberOf } from "../number-text.ts";
import { scriptedModel } from "../testing/index.ts";
import { type AnyTool, tool } from "../tool.ts";
import { calculate } from "../tools/index.ts";
import { createFlow } from "./flow.ts";
import { modelExecutor } from "./model/executor.ts";

const inputOf = (type: string) => ({ type: "object", properties: { id: { type } }, required: ["id"] });
const named = (type: string): AnyTool =>
  tool<{ id: unknown }>({
    description: "Looks.",
    inputSchema: inputOf(type),
    execute: ({ id }) => ({ id }),
  }) as AnyTool;
const tools = { by_number: named("integer"), by_text: named("string"), calculate };

const memoryOf = async (question: string, actions: readonly string[], executor = {}) => {
  const planner = ({ turn }: { turn: number }) => {
    const [name = "", ...rest] = (actions[turn - 1] ?? "").split(" ");
    return { step: { tool: name, subGoal: rest.join(" "), raw: "" } };
  };
  const verifier = { admit: () => undefined, judge: () => ({ decision: "continue" as const, reason: "More to do." }) };
  const flow = createFlow({ planner, verifier, tools, budget: { turns: actions.length }, ...executor });
  return (await flow.solve(question)).trajectory.memory;
};

describe("a number above 2^53 stays exact or is refused", () => {
  const LONG = "9007199254740993";

  test.each([
    [`by_text ${LONG}`, LONG],
    [`by_text {"id": "${LONG}"}`, LONG],
    ["by_number 9007199254740991", 9007199254740991],
    ["by_number 1,234", 1234],
    ["by_number 12,5", "must be a"],
    [`by_number ${LONG}`, "must be of type integer, it is string"],
    [`by_number {"id": ${LONG}}`, "must be of type integer, it is string"],
    [`by_text {"id": ${LONG}}`, LONG],
  ])("by rules: %s", async (action, expected) => {
    const [entry] = await memoryOf("Which one?", [action]);
    if (entry?.observation.status === "ok") expect(entry.observation.fields.id?.value).toBe(expected);
    else expect(entry?.observation).toMatchObject({ reason: "bad-arguments" });
    if (String(expected).includes("must")) expect(entry?.observation).toMatchObject({ status: "refused" });
  });

  test.each([
    ["by_text", `{"id": ${LONG}}`, LONG],
    ["by_text", `{"id": -12345678901234567890}`, "-12345678901234567890"],
    ["by_number", `{"id": 7}`, 7],
    ["by_number", `{"id": "12,0"}`, 12],
    ["by_number", `{"id": "1,234"}`, 1234],
    ["by_number", `{"id": ${LONG}}`, undefined],
    ["by_number", `{"id": "${LONG}"}`, undefined],
  ])("by a model: %s %s", async (name, json, expected) => {
    const executor = modelExecutor(scriptedModel([json, json]));
    const [entry] = await memoryOf("Which one?", [`${name} look`], { executor });
    expect(entry?.observation).toMatchObject(
      expected === undefined ? { status: "refused" } : { fields: { id: { value: expected } } },
    );
  });

  test("from one calculation to the next", async () => {
    const memory = await memoryOf("What is it?", [
      "calculate 123456789 * 987654321",
      "calculate sum @1 @1",
      `calculate difference ${LONG} 1`,
      "calculate @3 / 2",
      "by_text @1",
      "calculate 2 ^ 100",
    ]);
    const values = memory.map(({ observation }) =>
      observation.status === "ok" ? Object.values(observation.fields)[0]?.value : observation.error,
    );
    expect(values).toEqual([
      "121932631112635269",
      "243865262225270538",
      9007199254740992,
      4503599627370496,
      "121932631112635269",
      "1267650600228229401496703205376",
    ]);
  });

  test("whole numbers of any length, as BigInt has them", async () => {
    const whole = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n });
    await fc.assert(
      fc.asyncProperty(whole, whole, fc.constantFrom("+", "-", "*"), async (a, b, op) => {
        const output = (await calculate.execute(
          { expression: `(${a}) ${op} (${b})` },
          { abortSignal: new AbortController().signal },
        )) as { fields: { value: { value: unknown } } };
        const expected = op === "+" ? a + b : op === "-" ? a - b : a * b;
        expect(String(output.fields.value.value)).toBe(String(expected));
      }),
    );
  });
});

describe("a text is read as a number", () => {
  test.each<[string, number | undefined]>([
    ["1,234.5", 1234.5],
    ["12,5", 12.5],
    ["0,500", 0.5],
    ["1.234,5", 1234.5],
    ["1.234.567", 1234567],
    ["1 234 567", 1234567],
    ["1'234.50", 1234.5],
    ["12,3456", 12.3456],
    ["−5", -5],
    ["-3e8", -3e8],
    ["007", undefined],
    ["7, 9", undefined],
    ["1,23,456", undefined],
    ["12345678901234567890.5", undefined],
    ["1e999", undefined],
    ["", undefined],
  ])("%j: %j", (text, expected) => {
    expect(numberOf(text)).toBe(expected);
  });

  test.each([
    ["12,5 kg", { kind: "number", value: 12.5, unit: "kg" }],
    ["12,5%", { kind: "number", value: 12.5, unit: "%" }],
    ["135 ft", { kind: "number", value: 135, unit: "ft" }],
    ["007", { kind: "text", value: "007" }],
    ["9007199254740993", { kind: "text", value: "9007199254740993" }],
    ["2024-02-29", { kind: "date", value: "2024-02-29" }],
    ["Lagos", { kind: "text", value: "Lagos" }],
  ])("with its unit, as a field: %j", (text, field) => {
    expect(fieldOfText(text)).toEqual(field);
  });

  test("an entity of the question with leading zeros is a code, and one with a decimal comma a number", async () => {
    const memory = await memoryOf("What is 12,5 plus the code 007?", ["by_text q2", "calculate q1"]);
    expect(memory[0]?.observation).toMatchObject({ fields: { id: { value: "007" } } });
    expect(memory[1]?.observation).toMatchObject({ fields: { value: { kind: "number", value: 12.5 } } });
  });
});

test("JSON keeps its texts, and its numbers but for those that a double does not keep", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const long = /\d{16}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ""));
      if (!long) expect(exactJson(text)).toBe(text);
      expect(() => JSON.parse(exactJson(text))).not.toThrow();
    }),
  );
  expect(exactJson('{"a":"9007199254740993\\"","b":[9007199254740993,-1e20,1.50]}')).toBe(
    '{"a":"9007199254740993\\"","b":["9007199254740993",-1e20,1.50]}',
  );
});

test("white space of code is kept on its way to a tool", async () => {
  const code = "if True:\n    x = 'a  b'\n\nx";
  const step = { tool: "run", subGoal: code, raw: "" };
  const run = tool<{ code: string }>({
    description: "Runs.",
    inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
    execute: (input) => input.code,
  });
  const { parseAction } = await import("../index.ts");
  expect(parseAction(`run ${code}`)).toMatchObject({ tool: "run", subGoal: code });
  const flow = createFlow({ planner: () => ({ step }), tools: { run }, budget: { turns: 1 } });
  expect((await flow.solve("What?")).trajectory.memory[0]?.observation).toMatchObject({ text: code });
});
