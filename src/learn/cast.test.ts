import { describe, expect, it } from "vitest";
import type { Engine, PolicyOptions } from "../engine.ts";
import { createFlow } from "../flow/flow.ts";
import { leverTools, plainChat, type ScriptedPolicy, scriptedPolicy } from "../testing/index.ts";
import { type CastOptions, castOf } from "./cast.ts";
import { recipes } from "./recipe.ts";

/** An engine whose policies are apart, with what each was asked for. */
const engineOf = (changes: Partial<Engine> = {}, chat = false) => {
  const asked: [string, PolicyOptions | undefined][] = [];
  const known = new Map<string, ScriptedPolicy>();
  const policyOf = (name: string) => {
    const policy = known.get(name) ?? scriptedPolicy(() => "press left", { name, ...(chat && { chat: plainChat }) });
    known.set(name, policy);
    return policy;
  };
  const engine: Engine = {
    ...policyOf("base").engine,
    ...changes,
    policy: (name, options) => {
      asked.push([name, options]);
      return policyOf(name);
    },
  };
  return { engine, asked, policyOf };
};
const cast = (engine: Engine, options: Partial<CastOptions> = {}) =>
  castOf(engine, { seed: 5, recipe: recipes.tiny, ...options });

describe("who plays which module", () => {
  it("is the planner alone on a model that does not chat; the rest goes by rules", () => {
    const { engine, policyOf } = engineOf();
    const { modules, flow, policies } = cast(engine);
    expect(modules).toEqual(["planner"]);
    expect(Object.keys(flow)).toEqual(["planner"]);
    expect(policies).toEqual([policyOf("planner")]);
  });

  it("is the model for all of them where it chats", () => {
    const { engine } = engineOf({}, true);
    const { modules, flow } = cast(engine);
    expect(modules).toEqual(["planner", "executor", "verifier", "generator"]);
    expect(Object.keys(flow)).toEqual(["planner", "executor", "verifier", "generator"]);
  });

  it("is what was asked for, with the planner and with what learns, in their order", () => {
    const { engine } = engineOf({}, true);
    expect(cast(engine, { modules: ["generator"] }).modules).toEqual(["planner", "generator"]);
    expect(cast(engine, { modules: [], train: ["verifier"] }).modules).toEqual(["planner", "verifier"]);
    expect(cast(engine, { modules: [] }).modules).toEqual(["planner"]);
  });
});

describe("what learns", () => {
  it("has an adapter of its own on a model of adapters, of the rank and seed of the run", () => {
    const { engine, asked, policyOf } = engineOf({ learns: "adapters" }, true);
    const { policies } = cast(engine, { train: ["verifier", "planner"], rank: 4 });
    expect(policies).toEqual([policyOf("planner"), policyOf("verifier")]);
    const adapters = asked.filter(([, options]) => options !== undefined);
    expect(new Map(adapters)).toEqual(
      new Map([
        ["planner", { lora: { rank: 4, seed: 5 } }],
        ["verifier", { lora: { rank: 4, seed: 5 } }],
      ]),
    );
    expect(asked).toContainEqual(["base", undefined]);
  });

  it("has rank 16 where none was asked for", () => {
    const { engine, asked } = engineOf({ learns: "adapters" });
    cast(engine, { rank: undefined, train: undefined });
    expect(asked).toContainEqual(["planner", { lora: { rank: 16, seed: 5 } }]);
  });

  it("has no adapter where all weights learn", () => {
    const { engine, asked } = engineOf();
    cast(engine, { train: ["planner"] });
    expect(asked.every(([, options]) => options === undefined)).toBe(true);
  });

  it("leaves the planner on the frozen base when only the verifier is trained", async () => {
    const { engine, policyOf } = engineOf({ learns: "adapters" }, true);
    const { flow, policies } = cast(engine, { train: ["verifier"], modules: [] });
    expect(policies).toEqual([policyOf("verifier")]);
    await createFlow({ ...flow, tools: leverTools, budget: { turns: 1 } }).solve("which lever opens red");
    expect(policyOf("base").log.samples).toHaveLength(1);
    expect(policyOf("planner").log.samples).toHaveLength(0);
    expect(policyOf("verifier").log.samples.length).toBeGreaterThan(0);
  });
});

it("the planner samples as the recipe says", async () => {
  const { engine, policyOf } = engineOf();
  const { flow } = cast(engine, { recipe: { ...recipes.tiny, temperature: 0.5, maxTokens: 11 } });
  await createFlow({ ...flow, tools: leverTools }).solve("which lever opens red");
  expect(policyOf("planner").log.samples[0]).toMatchObject({ temperature: 0.5, maxTokens: 11 });
});
