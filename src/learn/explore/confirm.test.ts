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
  const told: number[] = [];
  const endings = endingsIn([height, weight]);
  await confirm(tasks, { endings, most: 1000, onFamily: (i) => told.push(i) });
  expect(told).toEqual([0]);
  expect(first()).toEqual(Array(11).fill("value box.weight"));
  expect(seen.get("B-100")?.accepted.get("value box.weight")).toEqual(weight);
});

it("ways that answer none of what is left are given up after few tasks, and all of them after as many as are allowed", async () => {
  const many = Array.from({ length: 40 }, (_, i) => ({ ...boxes[i % 12], code: `C-${100 + i}`, odd: 900 + i }));
  let calls = 0;
  const counted = tool<{ code: string }>({
    description: "A box by its code.",
    inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
    execute: ({ code }) => {
      calls += 1;
      const { odd, height, depth } = many.find((one) => one.code === code) ?? {};
      return { odd, height, depth };
    },
  });
  const asked = splitTasks(
    many.map(({ code }, i) => ({
      id: code,
      question: `How odd is the box ${code}?`,
      // Half of it nobody can answer.
      sealed: { answer: i % 2 === 0 ? 900 + i : -1, family: "odd" },
    })),
  );
  const odd: Found = { asked: { operation: "value", fields: ["odd"] }, plan: ["box q1", "calculate value @1.odd"] };
  const callsFor = async (most: number): Promise<number> => {
    const seen = new Map([["C-100", seenOf(new Map([["value box.odd", odd]]))]]);
    const confirm = confirming({
      name: "confirm",
      flow: flow.with({ tools: { box: counted, calculate } }),
      seen,
      isRight,
      abortSignal,
    });
    await confirm(asked);
    calls = 0;
    await confirm(asked, { endings: endingsIn([height, depth]), most, onFamily: () => undefined });
    return calls;
  };
  expect(await callsFor(1000)).toBe(16);
  expect(await callsFor(8)).toBe(8);
});

it("what was given up on early is behind what answers more, however few it had left by then", async () => {
  const codes = Array.from({ length: 40 }, (_, i) => `D-${100 + i}`);
  const measured = tool<{ code: string }>({
    description: "A box by its code.",
    inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
    execute: ({ code }) => {
      const i = codes.indexOf(code);
      return { most: i < 35 ? 900 + i : 1, some: i >= 20 ? 900 + i : 2, chance: i === 39 ? 900 + i : 3 };
    },
  });
  const asked = splitTasks(
    codes.map((code, i) => ({
      id: code,
      question: `How big is the box ${code}?`,
      sealed: { answer: 900 + i, family: "f" },
    })),
  );
  const way = (field: string): Found => ({
    asked: { operation: "value", fields: [field] },
    plan: ["box q1", `calculate value @1.${field}`],
  });
  const found = (...fields: string[]) =>
    seenOf(new Map(fields.map((field) => [`value box.${field}`, way(field)] as const)));
  const seen = new Map([
    ["D-138", found("some")],
    ["D-137", found("some")],
    ["D-100", found("most")],
    ["D-139", found("chance")],
  ]);
  const flowOf = flow.with({ tools: { box: measured, calculate } });
  await confirming({ name: "confirm", flow: flowOf, seen, isRight, abortSignal })(asked);
  expect([...(seen.get("D-139")?.accepted.keys() ?? [])][0]).toBe("value box.some");
});
