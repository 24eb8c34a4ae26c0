import { expect, it } from "vitest";
import type { ToolOutput } from "../tool.ts";
import { baseGenerator } from "./base-generator.ts";

const ask = async (reply: string) => {
  const complete = async () => ({ text: reply, promptTokens: 1, sampledTokens: 1 });
  const tool = baseGenerator({ id: "scripted", complete });
  const output = await tool.execute({ query: "How high is it?" }, { abortSignal: new AbortController().signal });
  return (output as ToolOutput).fields?.value;
};

it.each([
  ["About 1,350 ft, I think.", { kind: "number", value: 1350, unit: "ft" }],
  ["<answer>12.5</answer>", { kind: "number", value: 12.5 }],
  ["It took 3 days", { kind: "number", value: 3, unit: "day" }],
  ["It was on 1969-07-20.", { kind: "date", value: "1969-07-20" }],
  ["it was a Sunday", { kind: "text", value: "Sunday" }],
  ["no idea", undefined],
])("reads the value of %j", async (reply, expected) => {
  expect(await ask(reply)).toEqual(expected);
});
