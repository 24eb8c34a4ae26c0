import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFlow, type FlowOptions, StoreError, type Trajectory, tool } from "agentflow";
import { openExperience, openReplies } from "agentflow/store";
import { scriptedPlanner } from "agentflow/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-replies-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A flow whose tool answers otherwise each time it is asked. */
const flowOf = (options: Partial<FlowOptions>) => {
  let asked = 0;
  const look = tool<{ query: string }>({
    description: "Looks.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: () => {
      asked += 1;
      return asked;
    },
  });
  const flow = createFlow({ planner: scriptedPlanner(["look q1"]), tools: { look }, budget: { turns: 1 }, ...options });
  const solve = async (id: string): Promise<Trajectory> =>
    (await flow.solve("How high is Everest?", { id })).trajectory;
  return { solve, asked: () => asked };
};

test("in memory: a solve that is done again by its id asks no tool", async () => {
  const replies = await openReplies();
  const { solve, asked } = flowOf({ replies });
  const first = await solve("a");
  expect(await solve("a")).toEqual(first);
  expect(asked()).toBe(1);
  await solve("b");
  expect(asked()).toBe(2);
  await replies.close();
});

test("in a file: also when it is opened again, behind half a line too", async () => {
  const file = join(folder, "deep", "replies.jsonl");
  const kept = await openReplies(file);
  const first = await flowOf({ replies: kept }).solve("a");
  await kept.close();
  await appendFile(file, '{"call":"ab');
  const again = await openReplies(file);
  const { solve, asked } = flowOf({ replies: again });
  expect(await solve("a")).toEqual(first);
  expect(asked()).toBe(0);
  await solve("b");
  await again.close();
  expect((await readFile(file, "utf8")).trim().split("\n")).toHaveLength(2);
});

test("a file that was changed is refused", async () => {
  const file = join(folder, "replies.jsonl");
  const kept = await openReplies(file);
  await flowOf({ replies: kept }).solve("a");
  await kept.close();
  await writeFile(file, (await readFile(file, "utf8")).replace('"text":"1"', '"text":"2"'));
  await expect(openReplies(file)).rejects.toThrow(StoreError);
  await expect(openReplies(folder)).rejects.toThrow(StoreError);
});

test("a memory across tasks that a flow fills", async () => {
  const store = await openExperience(folder);
  await flowOf({ experience: { store, source: "here" } }).solve("a");
  const [experience] = await store.retrieve("How high is Annapurna?");
  expect(experience).toMatchObject({ id: "a", source: "here", plan: [{ tool: "look", subGoal: "q1", failed: false }] });
  await store.close();
});
