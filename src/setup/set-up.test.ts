import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openEngine } from "../engines/onnx/index.ts";
import { createFlow, ruleVerifier, type Verifier } from "../index.ts";
import { openSetUp } from "./set-up.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-set-up-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const goesOn: Verifier = {
  ...ruleVerifier(),
  judge: () => ({ decision: "continue", reason: "Not yet.", cause: "no value" }),
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
