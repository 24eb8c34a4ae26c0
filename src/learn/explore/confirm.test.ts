import { expect, it } from "vitest";
import { fieldText } from "../../flow/field-text.ts";
import { createFlow } from "../../flow/flow.ts";
import { statedValue } from "../../flow/observation.ts";
import { ruleVerifier } from "../../flow/rules/verifier.ts";
import { tool } from "../../tool.ts";
import { calculate } from "../../tools/index.ts";
import type { Trajectory } from "../../trajectory.ts";
import { splitTasks } from "../project/project-tasks.ts";
import { confirming } from "./confirm.ts";
import { endingsIn } from "./crossed.ts";
import type { Found, Seen } from "./seen.ts";

const boxes = Array.from({ length: 12 }, (_, i) => ({
  code: `B-${100 + i}`,
  weight: 5 + i,
  height: i === 3 ? 8 : 50 + i,
  // Often as deep as it is heavy.
  depth: i > 8 ? 90 : 5 + i,
}));
const box = tool<{ code: string }>({
  description: "A box by its code.",
  inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
  execute: ({ code }) => {
    const found = boxes.find((one) => one.code === code);
    if (found === undefined) throw new Error(`There is no box ${code}.`);
    return { weight: found.weight, height: found.height, depth: found.depth };
  },
});
const tasks = splitTasks(
  boxes.map(({ code, weight }, i) => ({
    id: code,
    // One of them names no box.
    question: i === 11 ? "How heavy is it?" : `How heavy is the box ${code}?`,
    sealed: { answer: weight, family: "weight" },
  })),
);
const flow = createFlow({
  planner: () => ({ step: { tool: "", subGoal: "", raw: "" } }),
  verifier: { ...ruleVerifier(), judge: () => ({ decision: "continue", reason: "" }) },
  tools: { box, calculate },
});
const weight: Found = {
  asked: { operation: "value", fields: ["weight"] },
  plan: ["box q1", "calculate value @1.weight"],
};
const height: Found = {
  asked: { operation: "value", fields: ["height"] },
  plan: ["box q1", "calculate value @1.height"],
};
const depth: Found = {
  asked: { operation: "value", fields: ["depth"] },
  plan: ["box q1", "calculate value @1.depth"],
};
const isRight = async ({ sealed }: { sealed: { answer: string } }, { memory }: Trajectory): Promise<boolean> => {
  const value = statedValue(memory.at(-1)?.observation);
  return value !== undefined && fieldText(value) === sealed.answer;
};
const { signal: abortSignal } = new AbortController();
const seenOf = (accepted: Seen["accepted"]): Seen => ({
  template: "How heavy is the box q1?",
  entities: ["B-100"],
  accepted,
  truths: new Map(),
  brought: [],
  early: [],
  cases: new Map(),
});

it("tries what answered most tasks of a family on the others, and leaves coincidences behind", async () => {
  const seen = new Map([
    ["B-100", seenOf(new Map([["value box.weight", weight]]))],
    ["B-101", seenOf(new Map([["value box.weight", weight]]))],
    // As heavy as it is high.
    ["B-103", seenOf(new Map([["value box.height", height]]))],
    ["B-104", seenOf(new Map())],
  ]);
  await confirming({ name: "confirm", flow, seen, isRight, abortSignal })(tasks);
  expect([...(seen.get("B-103")?.accepted ?? [])]).toEqual([
    ["value box.weight", weight],
    ["value box.height", height],
  ]);
  expect(seen.get("B-104")?.accepted).toEqual(new Map([["value box.weight", weight]]));
  // Nobody walked over it.
  expect(seen.get("B-105")).toEqual({ ...seenOf(new Map([["value box.weight", weight]])), entities: ["B-105"] });
  expect(seen.get("B-111")).toBeUndefined();
});

it("what answers more tasks when it is tried is the way, however seldom it was found", async () => {
  const found = (way: readonly [string, Found]) => seenOf(new Map([way]));
  const seen = new Map([
    ["B-100", found(["value box.depth", depth])],
    ["B-101", found(["value box.depth", depth])],
    ["B-102", found(["value box.depth", depth])],
    ["B-109", found(["value box.weight", weight])],
  ]);
  await confirming({ name: "confirm", flow, seen, isRight, abortSignal })(tasks);
  const first = [...seen.values()].map(({ accepted }) => [...accepted.keys()][0]);
  expect(first).toEqual(Array(11).fill("value box.weight"));
});

it("another plan's way to a field is the way of a family where it answers more of it, though no walk over it came there", async () => {
  const seen = new Map([
    ["B-100", seenOf(new Map([["value box.depth", depth]]))],
    ["B-101", seenOf(new Map([["value box.depth", depth]]))],
  ]);
  const confirm = confirming({ name: "confirm", flow, seen, isRight, abortSignal });
  await confirm(tasks);
  const first = () => [...seen.values()].map(({ accepted }) => [...accepted.keys()][0]);
  expect(first()).toEqual(Array(9).fill("value box.depth"));
  await confirm(tasks, endingsIn([height, weight]));
  expect(first()).toEqual(Array(11).fill("value box.weight"));
  expect(seen.get("B-100")?.accepted.get("value box.weight")).toEqual(weight);
});
