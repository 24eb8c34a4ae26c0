import { afterAll, expect, test } from "vitest";
import type { ModelSettings } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { openaiServer } from "../testing/index.ts";
import { remoteModel } from "./remote-model.ts";
import { openSetUp } from "./set-up.ts";

const [home, elsewhere] = await Promise.all([openaiServer({ reply: () => "hi" }), openaiServer({ reply: () => "hi" })]);
afterAll(() => Promise.all([home.close(), elsewhere.close()]));

/** The key that comes with a request to an address, as a model of these names and variables sends it. */
const keySent = async (settings: ModelSettings, variables: Readonly<Record<string, string>>): Promise<unknown> => {
  const remote = await remoteModel(settings, variables);
  await remote?.model.complete({ messages: [{ role: "user", content: "Hi" }] });
  return elsewhere.requests.at(-1)?.headers.authorization;
};
const OPENAI_API_KEY = "sk-canary-1234567890";
const AGENTFLOW_API_KEY = "af-canary-1234567890";

test("a key belongs to its address, and goes to no other one", async () => {
  const { baseURL } = elsewhere;
  expect(await keySent(`${baseURL}#small`, { OPENAI_API_KEY })).toBeUndefined();
  expect(await keySent(`${baseURL}#small`, { OPENAI_API_KEY, OPENAI_BASE_URL: home.baseURL })).toBeUndefined();
  expect(await keySent({ baseURL, model: "small" }, { OPENAI_API_KEY })).toBeUndefined();
  expect(await keySent("openai:small", { OPENAI_API_KEY, AGENTFLOW_BASE_URL: baseURL })).toBeUndefined();
  expect(await keySent(`${baseURL}#small`, { OPENAI_API_KEY, OPENAI_BASE_URL: `${baseURL}/` })).toBe(
    `Bearer ${OPENAI_API_KEY}`,
  );
  expect(await keySent("openai:small", { OPENAI_API_KEY, OPENAI_BASE_URL: baseURL })).toBe(`Bearer ${OPENAI_API_KEY}`);
  const both = { OPENAI_API_KEY, AGENTFLOW_API_KEY, AGENTFLOW_BASE_URL: baseURL };
  expect(await keySent("openai:small", both)).toBe(`Bearer ${AGENTFLOW_API_KEY}`);
  expect(await keySent({ baseURL, model: "small", keyFrom: "OPENAI_API_KEY" }, { OPENAI_API_KEY })).toBe(
    `Bearer ${OPENAI_API_KEY}`,
  );
});

test("a key that is missing is named, and so is a price", async () => {
  await expect(remoteModel("openai:small", {})).rejects.toThrow(/api\.openai\.com needs a key: set OPENAI_API_KEY/);
  await expect(remoteModel({ baseURL: home.baseURL, model: "small", keyFrom: "OWN_KEY" }, {})).rejects.toThrow(
    /set OWN_KEY/,
  );
  const options = { seed: 7, model: `${home.baseURL}#small`, budget: { dollars: 1 } };
  await expect(openSetUp(options, {})).rejects.toThrow(ConfigError);
  await expect(openSetUp(options, {})).rejects.toThrow(/budget\.dollars is 1, and small has no price/);
});
