import { describe, expect, it } from "vitest";
import { leverEngine } from "../../test/learn-double.ts";
import { leverEnvironment } from "../testing/index.ts";
import { microPlanner, type PlannerSource, plannerSource, roomFor } from "./planner-source.ts";
import { recipes } from "./recipe.ts";

describe("the planner of a run", () => {
  it("is made for the tools where the environment has none", () => {
    expect(plannerSource(undefined, {})).toMatchObject({ name: "micro-planner", isMade: true });
    expect(plannerSource(undefined, { builtInModel: "agentflow-tiny" })).toMatchObject({ name: "agentflow-tiny" });
    expect(plannerSource(undefined, { builtInModel: "agentflow-tiny" }).isMade).toBeUndefined();
  });

  it("is what was asked for: a source as it is, an engine as it is, which stays the caller's", async () => {
    const source: PlannerSource = { name: "mine", open: async () => ({ engine: leverEngine() }) };
    expect(plannerSource(source, { builtInModel: "agentflow-tiny" })).toBe(source);
    const engine = leverEngine({ model: "my-model" });
    const shared = plannerSource(engine, {});
    expect(shared).toMatchObject({ name: "my-model", isShared: true });
    const opening = {
      environment: await leverEnvironment().open({ seed: 1 }),
      recipe: recipes.micro,
      settings: { seed: 1 },
      onStep: () => undefined,
      abortSignal: new AbortController().signal,
    };
    expect((await shared.open(opening)).engine).toBe(engine);
  });
});

it("a cache has room for a history a question and module, and as much again for the others", () => {
  expect(roomFor().slots).toBe(192);
  expect(roomFor({ concurrency: 200 }).slots).toBe(400);
  expect(roomFor({ concurrency: 200, train: ["planner", "verifier"] }).slots).toBe(600);
  expect(roomFor({ concurrency: undefined, train: undefined })).toMatchObject({ slots: 192 });
  expect(roomFor().cacheBytes).toBeLessThanOrEqual(4 * 2 ** 30);
});

describe("a planner that is made for the tools", () => {
  const opening = async (onStep: (step: number) => void, abortSignal = new AbortController().signal) => ({
    environment: await leverEnvironment().open({ seed: 1 }),
    recipe: { ...recipes.micro, coldStart: { steps: 2, plans: 4, exercises: 2, routes: 0, learningRate: 4e-3 } },
    settings: { seed: 1 },
    onStep,
    abortSignal,
  });

  it("knows their words, and has imitated plans with them", async () => {
    const losses: number[] = [];
    const { engine } = await microPlanner().open({
      ...(await opening(() => undefined)),
      onStep: (step, steps, loss) => {
        expect(steps).toBe(2);
        expect(step).toBe(losses.length + 1);
        losses.push(loss);
      },
    });
    try {
      expect(engine.model).toBe("micro-planner");
      const { tokenizer } = engine;
      expect(tokenizer.decode(tokenizer.encode("press left"))).toBe("press left");
      expect(tokenizer.encode("press left").length).toBeLessThan(5);
      expect(losses).toHaveLength(2);
      expect(losses[1]).toBeLessThan(losses[0] ?? 0);
    } finally {
      await engine.dispose();
    }
  });

  it("is not made once the signal is aborted", async () => {
    const abort = new AbortController();
    const steps: number[] = [];
    const making = microPlanner().open(
      await opening((step) => {
        steps.push(step);
        abort.abort(new Error("Enough."));
      }, abort.signal),
    );
    await expect(making).rejects.toThrow("Enough.");
    expect(steps).toEqual([1]);
  });
});
