import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { BudgetError, ModelError, StoreError } from "../errors.ts";
import { metered } from "../metered.ts";
import { scriptedModel } from "../testing/index.ts";
import { recordingModel, replayModel } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-recording-"));
afterAll(() => rm(folder, { recursive: true }));
const ask = (content: string) => ({ messages: [{ role: "user" as const, content }] });

it("gives the same replies again, the n-th time the n-th", async () => {
  const file = join(folder, "calls.jsonl");
  const model = recordingModel(scriptedModel(["one", "two", "three"]), file);
  await model.complete(ask("a"));
  await model.complete(ask("b"));
  await model.complete(ask("a"));
  // A line whose writing was cut off does not count.
  await appendFile(file, '{"schemaVersion":1,"key":"ab');
  const again = await replayModel(file);
  expect(again.id).toBe("scripted");
  const streamed: string[] = [];
  expect((await again.complete({ ...ask("a"), onText: (text) => streamed.push(text) })).text).toBe("one");
  expect(streamed).toEqual(["one"]);
  expect((await again.complete(ask("b"))).text).toBe("two");
  expect((await again.complete(ask("a"))).text).toBe("three");
  await expect(again.complete(ask("a"))).rejects.toThrow(/holds this request 2 times/);
  await expect(again.complete(ask("c"))).rejects.toThrow(/message 1 is another one there. It begins "c"/);
  await expect(again.complete({ ...ask("a"), maxTokens: 3 })).rejects.toThrow(ModelError);
  expect(await readFile(file, "utf8")).toContain('"promptTokens":1');
});

it("says which line of a file is not a recorded call", async () => {
  const file = join(folder, "damaged.jsonl");
  await writeFile(file, "{}\n");
  await expect(replayModel(file)).rejects.toThrow(/Line 1 .*damaged.jsonl/);
  await expect(replayModel(join(folder, "missing.jsonl"))).rejects.toThrow(StoreError);
});

it("asks the meter before each call and tells it after", async () => {
  const charged: unknown[] = [];
  let allowed = 1;
  const meter = {
    check: () => {
      allowed -= 1;
      if (allowed < 0) throw new BudgetError("The budget is used up.");
    },
    charge: (spent: unknown) => charged.push(spent),
  };
  const inner = scriptedModel(["fine"]);
  const model = metered(inner, meter);
  await model.complete(ask("a b"));
  await expect(model.complete(ask("a"))).rejects.toThrow(BudgetError);
  expect([inner.requests.length, charged]).toEqual([
    1,
    [{ promptTokens: 2, sampledTokens: 1, cachedTokens: 0, dollars: 0 }],
  ]);
});
