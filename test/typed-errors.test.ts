import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as main from "agentflow";
import * as benchmarks from "agentflow/benchmarks";
import * as onnx from "agentflow/engines/onnx";
import * as models from "agentflow/models";
import * as sandbox from "agentflow/sandbox";
import * as store from "agentflow/store";
import * as tasks from "agentflow/tasks";
import * as tools from "agentflow/tools";
import * as train from "agentflow/train";
import { afterAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "agentflow-typed-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "empty"), "");
writeFileSync(join(folder, "binary"), Buffer.from([0, 255, 1, 254, 0, 0]));
writeFileSync(join(folder, "broken.jsonl"), '{"question": "?", "ans');

/**
 * Functions of numbers and of data that this library makes itself. They are called millions of times and look at nothing:
 * what TypeScript lets in is what they take.
 */
const arithmetic: ReadonlySet<string> = new Set([
  ...[
    "deriveKey",
    "random",
    "randomKey",
    "uniform",
    "renderEntry",
    "renderHead",
    "resolve",
    "trajectorySegments",
    "verifierSegments",
  ],
  ...["accuracyOf", "advantages", "batchOf", "coefficients", "compare", "hasSpread", "mean", "pairedCounts"],
  ...["pairedDifference", "permuteRewards", "standardDeviation", "toolOrders", "toolUse", "validationLoss"],
  ...["mapConcurrently", "metered", "hintOf", "splitOf", "almanacTools", "createEngine", "trainTokenizer"],
  ...["mcNemar", "wilsonInterval", "weekdayOf"],
]);

const path = (name: string): string => join(folder, name);
const values: readonly unknown[] = [
  undefined,
  null,
  5,
  Number.NaN,
  "x",
  "",
  true,
  {},
  { a: 1 },
  [],
  [null],
  () => 1,
  Symbol("s"),
  folder,
  path("none"),
  path("empty"),
  path("binary"),
  path("broken.jsonl"),
];
const calls: readonly (readonly unknown[])[] = [
  [],
  ...values.map((value) => [value]),
  ...values.map((value) => [{}, value]),
  ...values.map((value) => ["x", value]),
  ...values.map((value) => [value, value]),
];

const parts: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  main,
  benchmarks,
  train,
  tools,
  tasks,
  models,
  store,
  sandbox,
  onnx,
};
const functions = Object.entries(parts).flatMap(([part, exported]) =>
  Object.entries(exported).flatMap(([name, value]) =>
    typeof value === "function" && !(value.prototype instanceof Error) && !arithmetic.has(name)
      ? [[`${part}.${name}`, value as (...args: readonly unknown[]) => unknown] as const]
      : [],
  ),
);

/** Waits for what a call gives, a while: some of it waits for an endpoint that nobody named. */
const settled = async (result: unknown): Promise<void> => {
  const first =
    typeof result === "object" && result !== null && "next" in result && typeof result.next === "function"
      ? result.next()
      : result;
  await Promise.race([first, new Promise((done) => setTimeout(done, 2000))]);
};

it("there is something to drive", () => {
  expect(functions.length).toBeGreaterThan(60);
});

it.each(functions)("%s throws errors of this library alone, whatever it is called with", async (name, call) => {
  const untyped: string[] = [];
  for (const args of calls) {
    try {
      await settled(call(...args));
    } catch (error) {
      if (!(error instanceof main.AgentFlowError)) untyped.push(`${args.map(String).join(", ")}: ${String(error)}`);
    }
  }
  expect(untyped.slice(0, 5), name).toEqual([]);
});
