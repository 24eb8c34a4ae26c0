import { expect, it } from "vitest";
import type { EnvironmentTask } from "../environment.ts";
import { leverEnvironment, leverTools } from "../testing/index.ts";
import { openBeginnings } from "./beginnings.ts";

const { train, ...environment } = await leverEnvironment().open({ seed: 1 });
const [right, wrong, short] = [train("red", 0), train("red", 1), train("green", 2)];
const routes = [
  { task: right, plan: ["look up", "press left"] },
  { task: wrong, plan: ["look up", "press right"] },
  { task: short, plan: ["press right", "look up"] },
];
const abortSignal = new AbortController().signal;
const open = () => openBeginnings({ environment: { ...environment, routes }, tools: leverTools, seed: 7, abortSignal });
const after = (task: EnvironmentTask, begun: number): EnvironmentTask => ({
  ...task,
  sealed: { ...task.sealed, begun },
});

it("knows the routes that still come to an answer, and their turns", async () => {
  const { turnsOf } = await open();
  // One is answered wrongly, one with its first call.
  expect([right, wrong, short, train("red", 3)].map(turnsOf)).toEqual([2, 0, 0, 0]);
});

it("begins a task after as many of its calls as it says, as if they had been made in its turns", async () => {
  const { begun } = await open();
  expect(begun(right)).toBeUndefined();
  const start = begun(after(right, 1));
  expect(start?.turns).toEqual([]);
  expect(start?.memory).toMatchObject([
    {
      index: 1,
      step: { raw: "look up" },
      observation: { status: "ok" },
      verdict: { decision: "continue" },
      turnsLeft: 1,
    },
  ]);
});

it("ends when its signal is aborted", async () => {
  const aborted = AbortSignal.abort(new Error("Enough."));
  await expect(
    openBeginnings({ environment: { ...environment, routes }, tools: leverTools, seed: 7, abortSignal: aborted }),
  ).rejects.toThrow("Enough.");
});
