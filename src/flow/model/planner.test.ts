import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ConfigError,
  createFlow,
  type ModelPlannerOptions,
  modelPlanner,
  type PromptOptions,
  parseAction,
  renderHead,
  type Trajectory,
  tool,
  trajectorySegments,
  uniform,
} from "../../index.ts";
import { byteTokenizer, type ScriptedPolicyOptions, scriptedModel, scriptedPolicy } from "../../testing/index.ts";

const question = "How many people live in Lagos?";
const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const look = tool<{ query: string }>({
  description: "Looks.",
  inputSchema,
  execute: ({ query }) => ({ text: query, fields: { population: { kind: "number", value: 3, unit: "person" } } }),
});
const answer = tool<{ query: string }>({
  description: "Says it.",
  inputSchema,
  execute: () => ({ text: "3", fields: { value: { kind: "number", value: 3, unit: "person" } } }),
});
const script = ["look q1", "look q1", "answer @1.population"];

const setUp = (
  actions: readonly (string | readonly number[])[] = script,
  options: ScriptedPolicyOptions = {},
  form: PromptOptions = {},
) => {
  let turn = 0;
  const policy = scriptedPolicy(() => actions[turn++] ?? "look nothing", options);
  const planner = modelPlanner(policy, { maxTokens: 40, ...form });
  return { policy, flow: createFlow({ planner, tools: { look, answer } }) };
};

const idsOf = ({ turns }: Trajectory): number[] => {
  const last = turns.at(-1);
  return [...(last?.prompt ?? []).flatMap(({ ids }) => ids), ...(last?.ids ?? [])];
};

describe("a planner on a policy", () => {
  test("sees one growing text and is trained on what it sampled", async () => {
    const { policy, flow } = setUp();
    const result = await flow.solve(question, { id: "h" });
    expect(result).toMatchObject({ status: "solved", answer: "3" });
    expect(byteTokenizer().decode(idsOf(result.trajectory))).toBe(
      "How many people live in q1?\nq1 Lagos\nunit person\n[10]\n" +
        "look q1<end>@1 population [9]\nlook q1<end>@2 refused repeated [8]\nanswer @1.population<end>",
    );
    const [, second] = policy.log.samples;
    expect(second?.prompt.map(({ sampled }) => sampled)).toEqual([false, true, false]);
    expect(policy.log.samples.map(({ history }) => history)).toEqual(["h", "h", "h"]);
    expect(new Set(policy.log.samples.map(({ randomKey }) => JSON.stringify(randomKey))).size).toBe(3);
    expect(result.usage.sampledTokens).toBe(result.trajectory.turns.reduce((sum, { ids }) => sum + ids.length, 0));
    // What was sampled is passed on by its own array: it cannot have been encoded again.
    expect(second?.prompt[1]?.ids).toBe(result.trajectory.turns[0]?.ids);
  });

  test("marks the turns whose log-probabilities are not exactly the trainer's", async () => {
    const marks = async (options: ModelPlannerOptions): Promise<unknown[]> => {
      let turn = 0;
      const planner = modelPlanner(
        scriptedPolicy(() => script[turn++] ?? ""),
        options,
      );
      const { trajectory } = await createFlow({ planner, tools: { look, answer } }).solve(question);
      return trajectory.turns.map(({ inexact }) => inexact);
    };
    expect(await marks({})).toEqual([undefined, undefined, undefined]);
    expect(await marks({ temperature: 0.7 })).toEqual([true, true, true]);
    expect(await marks({ grammar: true })).toEqual([true, true, true]);
  });

  test("with verdicts it is told of each turn why it goes on, in sampling and in supervised training alike", async () => {
    const { policy, flow } = setUp(["look q1", "look q1", "look q9", "answer @1.population"], {}, { verdicts: true });
    const { trajectory } = await flow.solve(question);
    const text = byteTokenizer().decode(idsOf(trajectory));
    expect(text.split("<end>").slice(1)).toEqual([
      "@1 population: no value [9]\nlook q1",
      "@2 refused repeated: call failed [8]\nlook q9",
      "@3 refused bad-reference: still failed [7]\nanswer @1.population",
      "",
    ]);
    expect(trajectorySegments(policy.engine, trajectory, { verdicts: true }).ids).toEqual(idsOf(trajectory));
    const hidden = trajectorySegments(policy.engine, trajectory, { turnsLeft: false });
    expect(byteTokenizer().decode(hidden.ids)).toBe(
      "How many people live in q1?\nq1 Lagos\nunit person\n" +
        "look q1<end>@1 population\nlook q1<end>@2 refused repeated\nlook q9<end>@3 refused bad-reference\nanswer @1.population<end>",
    );
  });

  test("the fields of the asked unit are marked, if it is asked", async () => {
    const { policy, flow } = setUp();
    const { trajectory } = await flow.solve(question);
    const marked = trajectorySegments(policy.engine, trajectory, { turnsLeft: false, marked: true });
    expect(byteTokenizer().decode(marked.ids)).toContain(
      "look q1<end>@1 population*\nlook q1<end>@2 refused repeated\n",
    );
  });

  test("the text of a run gives supervised training the same ids and targets", async () => {
    const { trajectory } = await setUp().flow.solve(question);
    const { ids, targets, turns } = trajectorySegments(scriptedPolicy(() => "").engine, trajectory);
    expect(ids).toEqual(idsOf(trajectory));
    const sampled = trajectory.turns.flatMap((turn) => turn.ids);
    expect(targets.map((target) => ids[target])).toEqual(sampled);
    expect(turns).toEqual(trajectory.turns.flatMap((turn, t) => turn.ids.map(() => t)));
  });

  test("an action that does not end, or says nothing, is malformed and still trained", async () => {
    const { flow } = setUp(["x".repeat(60), "look", [256], ...script.slice(0, 1), "answer q1"]);
    const { trajectory } = await flow.solve(question);
    expect(
      trajectory.memory.map(({ observation }) => (observation.status === "ok" ? "ok" : observation.reason)),
    ).toEqual(["malformed", "malformed", "malformed", "ok", "ok"]);
    expect(trajectory.turns).toHaveLength(5);
    expect(trajectory.turns[0]?.ids).toHaveLength(40);
  });

  test("a full context ends in malformed turns, never in a failure", async () => {
    const { policy, flow } = setUp(script, { contextLength: 30 });
    expect(await flow.solve(question)).toMatchObject({ status: "partial", stopReason: "no-progress" });
    expect(policy.log.samples).toHaveLength(0);
  });

  test("stays on the version that it began with, holds it, and lets go", async () => {
    let turn = 0;
    const policy = scriptedPolicy(() => {
      void policy.publish();
      return script[turn++] ?? "";
    });
    const flow = createFlow({ planner: modelPlanner(policy, { maxTokens: 40 }), tools: { look, answer } });
    const { trajectory } = await flow.solve(question, { id: "h" });
    expect(trajectory.turns.map(({ version }) => version)).toEqual(["version-0", "version-0", "version-0"]);
    expect(policy.version).toBe("version-3");
    expect(policy.log.held.size).toBe(0);
    expect(policy.log.released).toEqual(["h"]);
    turn = 0;
    const pinned = await flow.solve(question, { versions: { planner: "version-1" } });
    expect(pinned.trajectory.turns[0]?.version).toBe("version-1");
  });

  test("the same id gives the same run, whatever else runs", async () => {
    const policy = scriptedPolicy((_prompt, { randomKey }) =>
      uniform(randomKey, 0) < 0.5 ? `look ${uniform(randomKey, 1)}` : "answer q1",
    );
    const flow = createFlow({ planner: modelPlanner(policy, { maxTokens: 40 }), tools: { look, answer } });
    const ids = Array.from({ length: 20 }, (_, i) => `run-${i}`);
    const together = await Promise.all(ids.map((id) => flow.solve(question, { id })));
    const alone = [];
    for (const id of ids.toReversed()) alone.unshift(await flow.solve(question, { id }));
    expect(together.map(({ trajectory }) => trajectory)).toEqual(alone.map(({ trajectory }) => trajectory));
    expect(new Set(together.map(({ usage }) => usage.turns)).size).toBeGreaterThan(1);
  });

  test("needs a vocabulary with <end>", () => {
    const policy = scriptedPolicy(() => "", { tokenizer: { ...byteTokenizer(), idOf: () => undefined } });
    expect(() => modelPlanner(policy)).toThrow(ConfigError);
    expect(() => modelPlanner(JSON.parse("{}"))).toThrow(
      /^modelPlanner: the model is an object: accepted is a chat model or a policy/,
    );
  });
});

describe("parse and prompt", () => {
  test("the first word is the tool, the rest is kept as it is", () => {
    expect(parseAction("  web_search \n q1\tand  @2.x ")).toMatchObject({
      tool: "web_search",
      subGoal: "q1\tand  @2.x",
    });
  });

  test("any text gives a step or an error", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
        const parsed = parseAction(text);
        if ("error" in parsed) expect(parsed.error).not.toBe("");
        else expect(parsed.subGoal.length).toBeGreaterThan(0);
      }),
    );
  });

  test("a head is bounded", () => {
    const long = {
      template: "x".repeat(9000),
      entities: Array.from({ length: 12 }, () => "é".repeat(500)),
      unit: "day",
    };
    expect(renderHead(long, 8).length).toBeLessThan(700);
  });
});

describe("a planner on a model that writes JSON", () => {
  const tools = {
    look: tool({
      description: "Looks.",
      inputSchema: { type: "object" },
      execute: () => "",
      metadata: { bestUse: "Names." },
    }),
  };
  const ask = async (replies: readonly string[]) => {
    const model = { ...scriptedModel(replies), promptStyle: "json" as const };
    const flow = createFlow({ planner: modelPlanner(model), tools, budget: { turns: 1 } });
    return { ...(await flow.solve("Where?")), requests: model.requests };
  };

  test("is asked for an object with a schema, and its text is kept as it came", async () => {
    const reply = '{"thought": "nothing is known",\n "tool": "look",\n "subGoal": "q1 here"}';
    const { trajectory, requests } = await ask([reply]);
    expect(trajectory.memory[0]?.step).toEqual({ tool: "look", subGoal: "q1 here", raw: reply });
    expect(requests[0]?.grammar).toMatchObject({ type: "json", schema: { properties: { tool: { enum: ["look"] } } } });
    expect(requests[0]?.messages[0]?.content).toMatch(/Looks\. Best for: Names\.[\s\S]*"thought": what is known/);
  });

  test("is read leniently, and repaired once", async () => {
    expect((await ask(["look somewhere"])).trajectory.memory[0]?.step.tool).toBe("look");
    const { trajectory, requests } = await ask([
      '{"tool": "ghost", "subGoal": "x"}',
      '{"thought": "", "tool": "look", "subGoal": "there"}',
    ]);
    expect([trajectory.memory[0]?.step.subGoal, requests.length]).toEqual(["there", 2]);
  });
});
