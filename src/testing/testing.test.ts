import { expect, test } from "vitest";
import { ModelError, randomKey } from "../index.ts";
import { byteTokenizer, fixedClock, scriptedModel, scriptedPolicy } from "./index.ts";

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
