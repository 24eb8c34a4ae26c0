import { expect, test } from "vitest";
import { createFlow, ModelError, randomKey, ruleExecutor, tool } from "../index.ts";
import { byteTokenizer, failingExecutor, fixedClock, scriptedModel, scriptedPlanner, scriptedPolicy } from "./index.ts";

test("a fixed clock runs timers in order, also those that timers set", () => {
  const clock = fixedClock(10);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b${clock.now()}`));
  clock.after(10, () => {
    seen.push(`a${clock.now()}`);
    clock.after(5, () => seen.push(`c${clock.now()}`));
  });
  clock.after(15, () => seen.push("never"))();
  clock.advance(100);
  expect(seen).toEqual(["a20", "c25", "b30"]);
  expect(clock.now()).toBe(110);
});

test("a scripted model gives its replies in order and throws its errors", async () => {
  const model = scriptedModel(["one two", new Error("503")]);
  const request = { messages: [{ role: "user" as const, content: "Hello you" }] };
  expect(await model.complete(request)).toEqual({ text: "one two", promptTokens: 2, sampledTokens: 2 });
  await expect(model.complete(request)).rejects.toThrow(ModelError);
  expect(model.requests).toHaveLength(2);
});

test("a failing executor fails one tool's calls, the same ones under the same key", async () => {
  const look = tool<{ query: string }>({
    description: "Looks.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: ({ query }) => ({ text: query }),
  });
  const script = Array.from({ length: 10 }, (_, i) => [`look ${i}`, `find ${i}`]).flat();
  const statuses = async (rate: number, key: number): Promise<string> => {
    const executor = failingExecutor(ruleExecutor(), "look", rate);
    const flow = createFlow({
      planner: scriptedPlanner(script),
      executor,
      tools: { look, find: look },
      budget: { turns: 20 },
    });
    const { trajectory } = await flow.solve("Where?", { randomKey: randomKey(key) });
    return trajectory.memory.map(({ observation: { status } }) => status[0]).join("");
  };
  expect(await statuses(0, 1)).toBe("oo".repeat(10));
  expect(await statuses(1, 1)).toBe("fo".repeat(10));
  const [first, again, other] = [await statuses(0.5, 1), await statuses(0.5, 1), await statuses(0.5, 2)];
  expect(first).toMatch(/^([fo]o)+$/);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test("bytes and special tokens come back as they went in", () => {
  const tokenizer = byteTokenizer();
  const end = tokenizer.idOf("<end>") ?? -1;
  expect(tokenizer.decode([...tokenizer.encode("é✓ <end>"), end])).toBe("é✓ <end><end>");
  expect(tokenizer.encode("<end>")).not.toContain(end);
});

test("a scripted policy samples within its limit and keeps a log of training", async () => {
  const policy = scriptedPolicy(() => "abcdef");
  const request = { prompt: [], history: "h", randomKey: randomKey(1), stopIds: [256] };
  expect(await policy.sample({ ...request, maxTokens: 3 })).toMatchObject({
    ids: [97, 98, 99],
    stopReason: "length",
    version: "version-0",
  });
  expect(await policy.sample({ ...request, maxTokens: 9 })).toMatchObject({ stopReason: "stop" });
  const sequences = [{ ids: [1, 2, 3], targets: [1, 2] }];
  const { logProbs } = await policy.backward(sequences, [Float32Array.of(1, 1)]);
  expect(logProbs[0]).toHaveLength(2);
  await policy.optimStep({ learningRate: 1e-3 });
  expect(await policy.publish()).toBe("version-1");
  expect(policy.log).toMatchObject({ backward: [{ sequences }], steps: [{ learningRate: 1e-3 }] });
});
