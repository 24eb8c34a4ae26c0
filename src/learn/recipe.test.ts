import { describe, expect, it } from "vitest";
import { algorithmNames, algorithms } from "./algorithms.ts";
import { chooseRecipe, type RecipeChoice } from "./choose-recipe.ts";
import { descentOf, learningRateOf, type Recipe, recipes } from "./recipe.ts";
import { isRecipe } from "./recipe-form.ts";
import { aboutPrompts } from "./recipe-prompts.ts";

describe("the recipe of a run", () => {
  it("goes by what learns", () => {
    const grpoOf = (choice: RecipeChoice) => chooseRecipe(choice).grpo;
    expect(grpoOf({ builtInModel: "agentflow-tiny" })).toEqual(recipes.tiny.grpo);
    expect(grpoOf({})).toEqual(recipes.micro.grpo);
    expect(grpoOf({ learns: "weights" })).toEqual(recipes.micro.grpo);
    expect(grpoOf({ learns: "adapters" })).toEqual(recipes.adapter.grpo);
    expect(grpoOf({ builtInModel: "agentflow-tiny", learns: "adapters" })).toEqual(recipes.adapter.grpo);
  });

  it("is the one that was asked for, whatever learns", () => {
    expect(chooseRecipe({ recipe: recipes.tiny, learns: "adapters" })).toEqual(recipes.tiny);
    expect(chooseRecipe({ recipe: recipes.adapter, builtInModel: "agentflow-tiny" })).toEqual(recipes.adapter);
  });

  it("asks of an engine only what it keeps of an optimiser's settings", () => {
    const optimiserOf = (choice: RecipeChoice) => chooseRecipe(choice).grpo.optimiser;
    expect(optimiserOf({ learns: "adapters", optimiser: "unclipped" })).toEqual({
      beta1: 0.9,
      beta2: 0.97,
      gradientClip: 0,
    });
    expect(optimiserOf({ recipe: recipes.tiny, optimiser: "learning-rate" })).toEqual({ gradientClip: 0 });
  });

  it("can be the published one: a constant rate, the KL in the loss, nothing imitated or refilled", () => {
    const paper = chooseRecipe({ recipe: recipes.paper, learns: "adapters" });
    expect([0, 31].map(learningRateOf(paper, 32))).toEqual([1e-6, 1e-6]);
    for (const part of [paper.replay, paper.successes]) expect([0, 31].map(descentOf(part, 32))).toEqual([0, 0]);
    expect(paper.grpo).toMatchObject({ groupSize: 8, tasksPerStep: 32, beta: 0.001, clipLow: 0.2, clipHigh: 0.3 });
    expect(paper.grpo).toMatchObject({ minimumMixedGroups: 0, maxRefills: 0, fullStepGroups: 0, guard: false });
    for (const recipe of Object.values(recipes)) expect(isRecipe(JSON.parse(JSON.stringify(recipe)))).toBe(true);
  });

  it("takes learning rate and cold start from the settings, and changes nothing else", () => {
    const chosen = chooseRecipe({ learningRate: 0.01, coldStart: 5 });
    expect(chosen).toEqual({
      ...recipes.micro,
      learningRate: { ...recipes.micro.learningRate, peak: 0.01 },
      coldStart: { ...recipes.micro.coldStart, steps: 5 },
    });
    expect(chooseRecipe({ coldStart: 0, learns: "adapters" }).coldStart.steps).toBe(0);
    const builtIn = { builtInModel: "agentflow-tiny" };
    expect(chooseRecipe(builtIn)).toEqual(recipes.tiny);
    // From the flow alone nothing is imitated that random calls found.
    expect(chooseRecipe({ ...builtIn, coldStart: 0 })).toEqual(recipes.flowOnly);
    // A short run is shown less.
    expect(chooseRecipe({ ...builtIn, steps: recipes.tiny.steps / 4 }).coldStart.steps).toBe(
      recipes.tiny.coldStart.steps / 4,
    );
    expect(chooseRecipe({ ...builtIn, steps: 1000 }).coldStart.steps).toBe(recipes.tiny.coldStart.steps);
    expect(chooseRecipe({ ...builtIn, steps: 1, coldStart: 9 }).coldStart.steps).toBe(9);
    expect(chooseRecipe({ learningRate: undefined, coldStart: undefined, verdicts: undefined })).toEqual(recipes.micro);
  });

  it("is the same for a planner that was trained before, without a cold start and with references as it knows them", () => {
    const taught = { builtInModel: "agentflow-tiny", isTaught: true, turnsLeft: false };
    const coldStart = { ...recipes.tiny.coldStart, steps: 0 };
    expect(chooseRecipe(taught)).toEqual({ ...recipes.tiny, coldStart });
    expect(chooseRecipe({ ...taught, references: "entries" })).toMatchObject({ references: "entries" });
    expect(chooseRecipe({ ...taught, coldStart: 0 })).toMatchObject({ steps: recipes.flowOnly.steps });
    expect(aboutPrompts(chooseRecipe({ ...taught, turnsLeft: true }))).toEqual({ references: "things" });
  });

  it("shows calls that fail for now only where calls fail in training", () => {
    expect(chooseRecipe({})).not.toHaveProperty("unavailable");
    for (const none of [0, { web_search: 0 }, {}])
      expect(chooseRecipe({ toolFailures: none })).not.toHaveProperty("unavailable");
    expect(chooseRecipe({ toolFailures: { web_search: 0.3 } }).unavailable).toBe(0.05);
    expect(chooseRecipe({ recipe: { ...recipes.tiny, unavailable: 0.2 }, toolFailures: 0.3 }).unavailable).toBe(0.2);
  });

  it("has something for a verifier to imitate where one learns", () => {
    expect(chooseRecipe({ train: ["planner"] })).not.toHaveProperty("verifier");
    const chosen = chooseRecipe({ train: ["planner", "verifier"] });
    expect(chosen.verifier?.agreement).toBeGreaterThanOrEqual(0.97);
    expect(isRecipe(JSON.parse(JSON.stringify(chosen)))).toBe(true);
    expect(isRecipe({ ...chosen, verifier: { steps: 3 } })).toBe(false);
    const recipe = { ...recipes.tiny, verifier: { ...chosen.verifier, steps: 0 } as NonNullable<Recipe["verifier"]> };
    expect(chooseRecipe({ recipe, train: ["verifier"] }).verifier?.steps).toBe(0);
  });

  it("shows verdicts in compact prompts only", () => {
    expect(chooseRecipe({ verdicts: true })).toMatchObject({ verdicts: true });
    const chat = { learns: "adapters", prompt: "chat", verdicts: true, turnsLeft: false, marked: true } as const;
    expect(chooseRecipe(chat)).toEqual(recipes.chat);
    expect(chooseRecipe({ ...chat, prompt: "compact" })).toMatchObject({
      verdicts: true,
      turnsLeft: false,
      marked: true,
    });
    expect(chooseRecipe({ verdicts: false })).not.toHaveProperty("verdicts");
    for (const algorithm of algorithmNames)
      expect(chooseRecipe({ algorithm, builtInModel: "agentflow-tiny" }).grpo).toEqual({
        ...recipes.tiny.grpo,
        ...algorithms[algorithm],
      });
    expect(aboutPrompts(chooseRecipe({ verdicts: true, builtInModel: "agentflow-tiny" }))).toMatchObject({
      verdicts: true,
    });
    expect(aboutPrompts(recipes.flowOnly)).toEqual({ references: "entries" });
    expect(aboutPrompts(recipes.tiny)).toEqual({ turnsLeft: false, references: "things" });
    expect(aboutPrompts(recipes.adapter)).toEqual({ prompt: "compact", references: "things" });
    expect(aboutPrompts(recipes.micro)).toEqual({ turnsLeft: false, marked: true, references: "things" });
  });
});

describe("prompts of what learns", () => {
  const builtIn = { builtInModel: "agentflow-tiny", turnsLeft: true, marked: false } as const;

  it("are the recipe's where it teaches them, and those it knows of a planner that was taught", () => {
    expect(chooseRecipe(builtIn)).toMatchObject({ turnsLeft: false, references: "things" });
    expect(chooseRecipe({ ...builtIn, isTaught: true, references: "entries" })).toMatchObject({
      turnsLeft: true,
      references: "entries",
      coldStart: { steps: 0 },
    });
    expect(chooseRecipe({ ...builtIn, recipe: recipes.micro })).toMatchObject({ turnsLeft: false, marked: true });
  });

  it("are those it knows where nothing is imitated first, and say nothing where nobody knows", () => {
    const { tiny, micro } = recipes;
    for (const choice of [{ coldStart: 0 }, { recipe: tiny, coldStart: 0 }, { train: ["verifier"] as const }])
      expect(chooseRecipe({ ...builtIn, ...choice })).toMatchObject({ turnsLeft: true, marked: false });
    for (const recipe of [tiny, micro])
      expect(chooseRecipe({ ...builtIn, recipe, isTaught: true })).toMatchObject({ turnsLeft: true, marked: false });
    const unknown = chooseRecipe({ builtInModel: "agentflow-tiny", isTaught: true });
    for (const name of ["turnsLeft", "marked"]) expect(unknown).not.toHaveProperty(name);
    // One that is made knows nothing else.
    // The control finds nothing to imitate: its planner keeps the prompts that it knows.
    expect(chooseRecipe({ ...builtIn, permuteRewards: true })).toMatchObject({ turnsLeft: true, marked: false });
    expect(chooseRecipe({ permuteRewards: true })).toMatchObject({ turnsLeft: false, marked: true });
    expect(chooseRecipe({ coldStart: 0 })).toMatchObject({ turnsLeft: false, marked: true });
  });
});

describe("schedules over a run", () => {
  it("warm up to the peak and descend to a share of it", () => {
    const rate = learningRateOf({ ...recipes.tiny, learningRate: { peak: 1, warmUp: 2, finalShare: 0.5 } }, 10);
    expect(rate(2)).toBeCloseTo(1, 10);
    expect(rate(0)).toBeLessThan(rate(1));
    expect(rate(10)).toBeCloseTo(0.5, 1);
    expect(rate(9)).toBeLessThan(rate(5));
  });

  it("let the weight of imitation fall linearly, and then stand still", () => {
    const descent = { from: 0.4, to: 0.2, over: 0.5 };
    const weight = descentOf(descent, 20);
    expect([0, 5, 10, 15].map(weight)).toEqual([0.4, 0.30000000000000004, 0.2, 0.2]);
    // A run of no steps has a weight all the same.
    expect(descentOf(descent, 0)(0)).toBe(0.4);
  });
});

describe("the form of a recipe", () => {
  it.each(Object.entries(recipes))("is that of the preset %s, also when it comes out of a file", (_, recipe) => {
    expect(isRecipe(JSON.parse(JSON.stringify(recipe)))).toBe(true);
    expect(isRecipe({ ...recipe, verdicts: true })).toBe(true);
    expect(isRecipe({ ...recipe, grpo: { ...recipe.grpo, guard: false } })).toBe(true);
  });

  const { steps: _, ...withoutSteps } = recipes.tiny;
  const { peak: __, ...withoutPeak } = recipes.tiny.learningRate;
  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a text", "tiny"],
    ["a list", [recipes.tiny]],
    ["a recipe that lacks a part", withoutSteps],
    ["a recipe with a part of no recipe", { ...recipes.tiny, epochs: 3 }],
    ["a part that every object has", { ...recipes.tiny, toString: 3 }],
    ["a text for a number", { ...recipes.tiny, steps: "400" }],
    ["a number for an object", { ...recipes.tiny, replay: 0.1 }],
    ["null for an object", { ...recipes.tiny, learningRate: null }],
    ["a list for an object", { ...recipes.tiny, families: [] }],
    ["an object that lacks a number", { ...recipes.tiny, learningRate: withoutPeak }],
    ["an object with a text for a number", { ...recipes.tiny, validation: { tasks: 60, every: "25" } }],
    ["an object with a part of its own", { ...recipes.tiny, coldStart: { ...recipes.tiny.coldStart, more: 1 } }],
    ["null for the options of Flow-GRPO", { ...recipes.tiny, grpo: null }],
    ["a text for a count of Flow-GRPO", { ...recipes.tiny, grpo: { ...recipes.tiny.grpo, groupSize: "8" } }],
    ["an option that Flow-GRPO does not have", { ...recipes.tiny, grpo: { ...recipes.tiny.grpo, gamma: 1 } }],
    ["null for its optimiser", { ...recipes.tiny, grpo: { ...recipes.tiny.grpo, optimiser: null } }],
  ])("is not that of %s", (_what, value) => {
    expect(isRecipe(value)).toBe(false);
  });
});
