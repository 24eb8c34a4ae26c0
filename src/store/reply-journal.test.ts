import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { ModelError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { scriptedPlanner } from "../testing/index.ts";
import type { ToolContext } from "../tool.ts";
import { replyJournal } from "./reply-journal.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-reply-journal-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let folder = scratch;
beforeEach(() => {
  folder = mkdtempSync(join(scratch, "run-"));
});

let asked = 0;
const tools = {
  dice: {
    description: "Throws a dice.",
    inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    execute: ({ name }: { name: string }, { meter }: ToolContext) => {
      asked += 1;
      if (name === "down") throw new ModelError(`The model behind the dice is down, ${Math.random()}.`);
      meter?.charge({ toolDollars: 0.25 });
      return { text: `You threw ${Math.random()}` };
    },
  },
};

const play = async (journal: ReturnType<typeof replyJournal>, plans: readonly string[], id = "a") => {
  const flow = createFlow({
    planner: scriptedPlanner(plans),
    tools,
    replies: journal,
    budget: { turns: plans.length },
  });
  const { trajectory, usage } = await flow.solve("Who wins?", { id });
  return { trajectory, toolDollars: usage.toolDollars };
};

it("gives a solve that is done again what it got, its costs and its failures too, and asks for nothing", async () => {
  const first = replyJournal();
  await first.attach(folder);
  await first.enter("part");
  const played = [
    await play(first, ["dice one", "dice two"]),
    await play(first, ["dice down"], "b"),
    // The same solve once more in the same part is another one.
    await play(first, ["dice one", "dice two"]),
  ];
  await first.close();
  expect(played[0]).not.toEqual(played[2]);
  expect(played.map(({ toolDollars }) => toolDollars)).toEqual([0.5, 0, 0.5]);

  const before = asked;
  const again = replyJournal(folder);
  await again.enter("part");
  const replayed = [
    await play(again, ["dice one", "dice two"]),
    await play(again, ["dice down"], "b"),
    await play(again, ["dice one", "dice two"]),
  ];
  expect(replayed).toEqual(played);
  expect(asked).toBe(before);
  // Another call, and another part of the run, are asked.
  await play(again, ["dice three"]);
  await again.enter("next part");
  await play(again, ["dice one"]);
  expect(asked).toBe(before + 2);
});

it("holds what comes before there is a folder, and goes on behind a line that a crash cut", async () => {
  const journal = replyJournal();
  await journal.enter("part");
  const { trajectory } = await play(journal, ["dice one"]);
  await journal.attach(folder);
  await journal.close();
  const file = join(folder, "replies", "part.jsonl");
  const whole = readFileSync(file, "utf8");
  appendFileSync(file, '{"schemaVersion":1,"call":"12');

  const resumed = replyJournal(folder);
  await resumed.enter("part");
  await resumed.attach(folder);
  const more = await play(resumed, ["dice one", "dice two"]);
  await resumed.close();
  expect(more.trajectory.memory[0]?.observation).toEqual(trajectory.memory[0]?.observation);
  const lines = readFileSync(file, "utf8");
  expect(lines.startsWith(whole)).toBe(true);
  expect(lines.split("\n").filter((line) => line !== "")).toHaveLength(2);

  const read = replyJournal(folder);
  await read.enter("part");
  expect(await play(read, ["dice one", "dice two"])).toEqual(more);
});

it("refuses a journal with a line that is not a reply", async () => {
  const journal = replyJournal();
  await journal.attach(folder);
  await journal.enter("part");
  await play(journal, ["dice one"]);
  await journal.close();
  writeFileSync(join(folder, "replies", "part.jsonl"), '{"schemaVersion":1,"call":"1","n":0,"reply":null}\n');
  await expect(replyJournal(folder).enter("part")).rejects.toThrow(/part\.jsonl is damaged: line 1 is not a reply/);
});
