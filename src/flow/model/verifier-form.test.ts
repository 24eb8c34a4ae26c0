import { describe, expect, it } from "vitest";
import { ConfigError } from "../../errors.ts";
import { leverTools, scriptedPlanner, scriptedPolicy, wordTokenizer } from "../../testing/index.ts";
import { tool } from "../../tool.ts";
import { batchOf } from "../../train/batch.ts";
import type { Trajectory } from "../../trajectory.ts";
import { createFlow } from "../flow.ts";
import { modelVerifier } from "./verifier.ts";
import { verifierPrompts } from "./verifier-form.ts";
import { verifierSegments } from "./verifier-segments.ts";

const height = tool<{ of: string }>({
  description: "A height.",
  inputSchema: { type: "object", properties: { of: { type: "string" } }, required: ["of"] },
  execute: ({ of }) => ({ text: of, fields: { value: { kind: "number", value: 3, unit: "ft" } } }),
});
const tools = { ...leverTools, height };

/** A run of which a policy that says one letter after the other is the verifier. */
const judged = async (letters: readonly string[], script: readonly string[]) => {
  let next = 0;
  const policy = scriptedPolicy(() => letters[next++] ?? "c", { name: "verifier" });
  const flow = createFlow({ planner: scriptedPlanner(script), verifier: modelVerifier(policy), tools });
  const query = { id: "q", question: "How high is A-17 in ft?", turnLimit: script.length };
  const { trajectory } = await flow.solve(query, { id: "h" });
  return { policy, trajectory };
};
const textsOf = ({ turns }: Trajectory, { engine }: { engine: { tokenizer: { decode(ids: number[]): string } } }) =>
  turns.map(({ prompt, ids }) => engine.tokenizer.decode([...prompt.flatMap((segment) => segment.ids), ...ids]));

describe("a verifier on a policy that does not chat", () => {
  const script = ["look left", "height A-17", "look right"];

  it("reads what was done, what came of it and of which unit it is, and says one letter", async () => {
    const { policy, trajectory } = await judged(["c", "s"], script);
    expect(trajectory.memory.map(({ verdict }) => verdict.decision)).toEqual(["continue", "stop"]);
    expect(trajectory.stopReason).toBe("answered");
    const [first = "", second = ""] = textsOf(trajectory, policy);
    expect(first).toMatch(/unit ft\nlook left\n@1 seen left\nc$/);
    expect(second).toBe(`${first}height A-17\n@2 value\nunit ft ft\ns`);
    expect(policy.log.samples.map(({ maxTokens, grammar }) => [maxTokens, grammar])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
  });

  it("continues after what is no verdict", async () => {
    const { trajectory } = await judged(["x", "st", "c"], script);
    expect(trajectory.memory.map(({ verdict }) => verdict)).toEqual([
      { decision: "continue", reason: "The verifier gave no verdict: x" },
      // Longer than a verdict is, so cut to its first letter.
      expect.objectContaining({ decision: "stop" }),
    ]);
  });

  it("is one sequence in training, the one that is imitated", async () => {
    const { policy, trajectory } = await judged(["c", "c", "s"], script);
    const versions = new Set(trajectory.turns.map(({ version }) => version));
    const batch = batchOf([trajectory], { policy: "verifier", versions, trained: "", aggregation: "turn-mean" });
    const { ids, targets, turns } = verifierSegments(policy.engine, trajectory);
    expect(batch.map((sequence) => [sequence.ids, sequence.targets])).toEqual([[ids, targets]]);
    expect(turns).toEqual([0, 1, 2]);
    expect(policy.engine.tokenizer.decode(targets.map((at) => ids[at] ?? -1))).toBe("ccs");
  });

  it("has nothing to imitate where there is no turn, and where a run is too long", async () => {
    const { policy, trajectory } = await judged(["c"], ["look left"]);
    expect(verifierSegments(policy.engine, { ...trajectory, memory: [] }).targets).toEqual([]);
    expect(verifierSegments({ ...policy.engine, contextLength: 8 }, trajectory).targets).toEqual([]);
  });
});

it("a vocabulary without the letters is refused", () => {
  const engine = { model: "words", endIds: [], tokenizer: wordTokenizer(["c", "stop"]) };
  expect(() => verifierPrompts(engine)).toThrow(ConfigError);
  expect(() => verifierPrompts(engine)).toThrow(/vocabulary of words has no token for "s" or "c"/);
});
