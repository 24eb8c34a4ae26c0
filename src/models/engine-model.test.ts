import { expect, test } from "vitest";
import { ConfigError, ModelError } from "../errors.ts";
import { byteTokenizer, scriptedPolicy } from "../testing/index.ts";
import { engineModel } from "./index.ts";

test("completes the last user message, ended by <answer>, and drops its cache", async () => {
  const policy = scriptedPolicy((prompt) => `${prompt.length} letters`);
  const model = engineModel(policy, { id: "tiny" });
  const reply = await model.complete({
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Capital of Ghana?" },
    ],
  });
  expect(reply).toEqual({ text: "25 letters", promptTokens: 18, sampledTokens: 11 });
  expect(policy.log.samples[0]).toMatchObject({ temperature: 0, maxTokens: 32 });
  expect(policy.log.released).toHaveLength(1);
});

test("keeps the end of a question that is too long", async () => {
  const policy = scriptedPolicy(() => "yes", { contextLength: 64 });
  await engineModel(policy).complete({ messages: [{ role: "user", content: `${"x".repeat(500)}END?` }] });
  const ids = policy.log.samples[0]?.prompt[0]?.ids ?? [];
  expect(ids.length + 32).toBeLessThanOrEqual(64);
  expect(policy.engine.tokenizer.decode(ids)).toMatch(/END\?<answer>$/);
});

test("says what is missing", async () => {
  expect(() =>
    engineModel(scriptedPolicy(() => "", { tokenizer: { ...byteTokenizer(), idOf: () => undefined } })),
  ).toThrow(ConfigError);
  await expect(engineModel(scriptedPolicy(() => "")).complete({ messages: [] })).rejects.toThrow(ModelError);
});
