import { expect, it } from "vitest";
import { createFlow, type Planner, renderEntry, tool } from "../src/index.ts";
import { calculate } from "../src/tools/index.ts";
import { stepOf } from "../src/trajectory.ts";

const stock = new Map([
  ["A-17", 12],
  ["B-20", 7],
]);
const byCode = { type: "object", properties: { code: { type: "string" } }, required: ["code"] };
const tools = {
  stock: tool<{ code: string }>({
    description: "Units in stock.",
    inputSchema: byCode,
    execute: ({ code }) => ({
      text: "",
      fields: { units: { kind: "number", value: stock.get(code) ?? 0, unit: "unit" } },
    }),
  }),
  supplier: tool<{ code: string }>({
    description: "Who supplies it.",
    inputSchema: byCode,
    metadata: { answerField: "supplier" },
    execute: ({ code }) => ({ supplier: `Works of ${code}` }),
  }),
  calculate,
};

const solve = async (question: string, plan: readonly string[]) => {
  const planner: Planner = ({ turn }) => ({ step: stepOf(plan[turn - 1] ?? "") });
  const { trajectory } = await createFlow({ planner, tools }).solve(question);
  return trajectory;
};

it("a comparison is read and decides what comes next: it neither ends a flow nor answers its question", async () => {
  const plan = ["stock q1", "calculate less @1.units q2", "supplier q1"];
  const { memory, answer, stopReason } = await solve("If A-17 has fewer than 20 units, who supplies it?", plan);
  expect(memory.map((entry) => renderEntry(entry).trim())).toEqual([
    "@1 units [9]",
    "@2 value yes [8]",
    "@3 supplier [7]",
  ]);
  expect([answer, stopReason]).toEqual(["Works of A-17", "answered"]);
  // Also where the question does not say what kind of thing it asks for.
  const unsaid = await solve("Unless A-17 has more than 20 units, give its maker.", [
    "stock q1",
    "calculate more @1.units q2",
  ]);
  expect(unsaid.memory[1]?.verdict.decision).toBe("continue");
  expect(unsaid.answer).toBeUndefined();
});

it("a comparison answers a question for a yes or no, and nothing else does", async () => {
  const plan = ["stock q1", "stock q2", "supplier q1", "calculate more @1.units @2.units"];
  const { memory, answer } = await solve("Does A-17 have more units in stock than B-20?", plan);
  expect([memory.length, answer]).toEqual([4, "yes"]);
});
