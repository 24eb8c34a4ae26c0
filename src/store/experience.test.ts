import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { createFlow } from "../flow/flow.ts";
import { scriptedModel, scriptedPlanner } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { openExperience } from "./experience.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-experience-"));
afterAll(() => rm(folder, { recursive: true }));

const tools = {
  look: tool<{ query: string }>({
    description: "Looks.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: ({ query }) => ({ text: query, fields: { value: { kind: "text", value: query } } }),
  }),
};

it("keeps what was done, finds it for a question like it, and forgets a source", async () => {
  const store = await openExperience(folder);
  const flow = createFlow({
    planner: scriptedPlanner(["ghost x", "look Lagos"]),
    tools,
    experience: { store, source: "tests" },
  });
  const { trajectory } = await flow.solve("Which city does the airport LOS serve?", { id: "first" });
  await store.record(trajectory, { source: "people", reward: 0 });
  await store.close();
  // A line that a crash cut does not count.
  await appendFile(join(folder, "experience.jsonl"), '{"schemaVersion":1,"id":"cut');

  const again = await openExperience(folder);
  expect(again.list().map(({ source, reward }) => [source, reward])).toEqual([
    ["tests", undefined],
    ["people", 0],
  ]);
  const [found] = await again.retrieve("Which city does the airport JFK serve?");
  expect(found?.plan).toEqual([
    { tool: "ghost", subGoal: "x", failed: true },
    { tool: "look", subGoal: "Lagos", failed: false },
  ]);
  expect(await again.retrieve("How heavy is an atom of gold?")).toEqual([]);
  expect(await again.prune("people")).toBe(1);
  expect(await again.prune("nobody")).toBe(0);
  expect((await openExperience(folder)).list().map(({ source }) => source)).toEqual(["tests"]);
});

it("has a slot of its own in the planner's prompt, and only where it is asked for", async () => {
  const store = await openExperience(folder);
  const model = scriptedModel(["look JFK"]);
  const rules = {
    executor: {
      write: () => ({ tool: "look", input: { query: "New York" } }),
      run: async () => ({ status: "ok" as const, text: "x", fields: {} }),
    },
  };
  const flow = createFlow({
    model,
    tools,
    ...rules,
    generator: () => "x",
    verifier: { admit: () => undefined, judge: () => ({ decision: "stop", reason: "" }) },
  });
  const question = "Which city does the airport JFK serve?";
  await flow.solve(question);
  await flow.with({ experience: { store } }).solve(question);
  const [without, withIt] = model.requests.map(({ messages }) => messages.map(({ content }) => content).join("\n"));
  expect(without).not.toMatch(/Earlier/);
  expect(withIt).toMatch(/Earlier questions like this one.*\n.*ghost x \(failed\); look Lagos/);
  // It was read, not added to.
  expect(store.list()).toHaveLength(1);
});
