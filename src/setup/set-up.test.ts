import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createEngine, openEngine, trainTokenizer } from "../engines/onnx/index.ts";
import type { ModelConfig } from "../engines/onnx/model-config.ts";
import { createFlow, ruleVerifier, type Verifier } from "../index.ts";
import { openSetUp } from "./set-up.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-set-up-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const goesOn: Verifier = {
  ...ruleVerifier(),
  judge: () => ({ decision: "continue", reason: "Not yet.", cause: "no value" }),
};

const config: ModelConfig = {
  hidden_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  intermediate_size: 96,
  vocab_size: 260,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
};

/** What a saved planner's second turn is prompted with, given what its manifest says. */
const secondPrompt = async (about: Readonly<Record<string, unknown>>): Promise<string> => {
  const engine = await openEngine("agentflow-tiny");
  const folder = join(scratch, JSON.stringify(about).replace(/\W/g, "-"));
  await engine.policy("planner").save(folder, about);
  await engine.dispose();
  const { flow, engine: opened, dispose } = await openSetUp({ seed: 7, policy: folder, maxTurns: 2 }, {});
  const { trajectory } = await createFlow({ ...flow, verifier: goesOn }).solve("How many people live in Lagos?");
  const prompt = (trajectory.turns[1]?.prompt ?? []).flatMap(({ ids }) => ids);
  const text = opened?.tokenizer.decode(prompt) ?? "";
  await dispose();
  return text;
};

test("a planner that was trained on verdicts is shown them wherever it is opened, and no other one is", async () => {
  expect(await secondPrompt({ verdicts: true })).toMatch(/@1 [^\n]*: no value \[1\]\n$/);
  expect(await secondPrompt({})).toMatch(/@1 [^\n:]* \[1\]\n$/);
});

test("a planner sees how many turns are left unless it was trained without", async () => {
  expect(await secondPrompt({ turnsLeft: false })).not.toMatch(/\[\d+\]/);
  // As it is shipped, it answers.
  const { flow, dispose } = await openSetUp({ seed: 7, policy: "agentflow-tiny-trained" }, {});
  const { trajectory } = await createFlow(flow).solve("What is the latitude of the airport with code LOS in degrees?");
  await dispose();
  expect(trajectory.answer).toMatch(/^6\.57/);
});

test("an adapter is prompted as it was trained, and a model that was not in its chat", async () => {
  const base = join(scratch, "published");
  const tokenizer = trainTokenizer([], { vocabularySize: 258, special: ["<pad>", "<over>"] });
  const chatTemplate =
    "{% for message in messages %}[{{ message.role }}] {{ message.content }}<over>{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";
  const published = await createEngine({ name: "published", config, tokenizer, seed: 5, chatTemplate, endIds: [1] });
  await published.policy("base").save(base);
  await published.dispose();
  const engine = await openEngine(base, { learns: "adapters", quantisation: "none" });
  const policy = engine.policy("planner", { lora: { rank: 2, seed: 7 } });
  for (const prompt of ["compact", "chat"]) await policy.save(join(scratch, prompt), { prompt });
  await engine.dispose();
  for (const [name, first] of [
    ["compact", /^How many people live in q1\?\nq1 Lagos\nunit person\n\[1\]\n$/],
    ["chat", /^\[system\] You plan/],
    ["published", /^\[system\] You plan/],
  ] as const) {
    const opened = await openSetUp({ seed: 7, policy: join(scratch, name), modules: ["planner"], maxTurns: 1 }, {});
    const { trajectory } = await createFlow(opened.flow).solve("How many people live in Lagos?");
    const ids = (trajectory.turns[0]?.prompt ?? []).flatMap((segment) => segment.ids);
    expect(opened.engine?.tokenizer.decode(ids)).toMatch(first);
    await opened.dispose();
  }
});

test("a verifier that learnt beside its planner judges wherever they are opened", async () => {
  const engine = await openEngine("agentflow-tiny");
  for (const name of ["planner", "verifier"]) await engine.policy(name).save(join(scratch, "two", "weights", name));
  await engine.dispose();
  const { flow, players, dispose } = await openSetUp({ seed: 7, policy: join(scratch, "two"), maxTurns: 1 }, {});
  const { trajectory } = await createFlow(flow).solve("How many people live in Lagos?");
  await dispose();
  expect(trajectory.turns.map(({ module, ids }) => [module, module === "verifier" ? ids.length : 0])).toEqual([
    ["planner", 0],
    ["verifier", 1],
  ]);
  expect(players.find(({ role }) => role === "verifier")?.where).toMatch(/^this machine/);
});
