import { describe, expect, it } from "vitest";
import { leverEngine, quick } from "../../test/learn-double.ts";
import type { Engine } from "../engine.ts";
import type { Environment } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { leverEnvironment, wordTokenizer } from "../testing/index.ts";
import type { LearnHappening } from "./event.ts";
import type { PlannerOpening, PlannerSource } from "./planner-source.ts";
import { recipes } from "./recipe.ts";
import { type AskedSettings, settingsOf } from "./settings.ts";
import { closeAll, type Learning, type LearningParts, openLearning } from "./start.ts";

const environment = await leverEnvironment().open({ seed: 1 });

/** A source that counts how often its engine was given back. */
const sourceOf = (changes: Partial<Engine> = {}, source: Partial<PlannerSource> = {}) => {
  const seen = { disposed: 0, openings: [] as PlannerOpening[] };
  const engine = leverEngine({
    dispose: async () => {
      seen.disposed += 1;
    },
    ...changes,
  });
  const planner: PlannerSource = {
    name: "levers",
    open: async (opening) => {
      seen.openings.push(opening);
      return { engine };
    },
    ...source,
  };
  return { seen, engine, planner };
};

const opened = (planner: PlannerSource, asked: AskedSettings = {}, parts: Partial<LearningParts> = {}) =>
  openLearning({
    settings: settingsOf(asked),
    environment,
    planner,
    recipe: undefined,
    emit: () => undefined,
    now: () => 0,
    abortSignal: new AbortController().signal,
    ...parts,
  });

describe("everything that training needs", () => {
  it("comes from the recipe", async () => {
    const { planner, engine } = sourceOf();
    const learning = await opened(planner, {}, { recipe: quick });
    expect(learning).toMatchObject({ steps: 3, concurrency: 4, recipe: quick, modules: ["planner"], engine });
    expect(learning.policies).toEqual([engine.policy("planner")]);
    expect(Object.keys(learning.tools)).toEqual(["press", "look"]);
    expect(learning).not.toHaveProperty("seconds");
  });

  it("comes from the settings before the recipe", async () => {
    const { planner } = sourceOf({}, { isMade: true });
    const learning = await opened(planner, { steps: 9, concurrency: 2, learningRate: 0.5, coldStart: 1 });
    expect(learning).toMatchObject({ steps: 9, concurrency: 2 });
    expect(learning.recipe.learningRate.peak).toBe(0.5);
    expect(learning.recipe.coldStart.steps).toBe(1);
  });

  it("has no cold start of a model that was trained before, and refuses to show one", async () => {
    const { planner, seen } = sourceOf();
    expect((await opened(planner, {})).recipe).toEqual({
      ...recipes.micro,
      coldStart: { ...recipes.micro.coldStart, steps: 0 },
    });
    await expect(opened(planner, { coldStart: 5 })).rejects.toThrow(/levers is trained as it is.*Leave coldStart out/);
    expect(seen.disposed).toBe(1);
  });

  it("cannot do without the cold start of a planner that is made", async () => {
    const { planner, seen } = sourceOf({}, { isMade: true });
    await expect(opened(planner, { coldStart: 0 })).rejects.toThrow(/knows nothing before its cold start/);
    expect(seen.openings).toEqual([]);
  });

  it("is chosen anew once it is known what learns", async () => {
    const { planner, seen } = sourceOf({ learns: "adapters" });
    const learning = await opened(planner, {});
    expect(seen.openings[0]?.recipe).toEqual(recipes.micro);
    expect(learning.recipe).toEqual(recipes.adapter);
  });

  it("looks for as many routes as the recipe of what learns shows, also without a cold start", async () => {
    const { planner } = sourceOf({ learns: "adapters" });
    let walked = 0;
    const train: Environment["train"] = (family, index) => {
      walked += 1;
      return environment.train(family, index);
    };
    const built = { ...environment, train, builtInModel: "agentflow-tiny" };
    const learning = await opened(planner, { coldStart: 0, steps: 1 }, { environment: built });
    await learning.walked();
    // Of two families three tasks each, for the routes of one step.
    expect(learning.recipe.routes.sequences).toBe(6);
    expect(walked).toBe(6);
  });

  it("prompts as the settings say, then as the recipe does, then as it was trained", async () => {
    const engine = leverEngine({ learns: "adapters" });
    const { planner } = sourceOf({}, { open: async () => ({ engine, prompt: "compact" }) });
    expect((await opened(planner)).recipe.prompt).toBe("compact");
    const { planner: talker } = sourceOf({}, { open: async () => ({ engine, prompt: "chat" }) });
    const { adapter } = recipes;
    expect((await opened(talker, {}, { recipe: adapter })).recipe).toEqual(adapter);
    expect((await opened(talker, { prompt: "compact" })).recipe).toEqual(adapter);
  });

  it("shows verdicts to a planner that was trained on them, unless told otherwise", async () => {
    const source = (verdicts: boolean) => sourceOf({}, { open: async () => ({ engine: leverEngine(), verdicts }) });
    expect((await opened(source(true).planner)).recipe.verdicts).toBe(true);
    expect((await opened(source(true).planner, { verdicts: false })).recipe).not.toHaveProperty("verdicts");
    expect((await opened(source(false).planner, { verdicts: true })).recipe.verdicts).toBe(true);
  });

  it("tells the steps and the seconds of a planner that is made, for an environment whose routes are found once", async () => {
    const happenings: LearnHappening[] = [];
    let seconds = 0;
    let shown: Environment["routes"];
    const engine = leverEngine();
    const { planner } = sourceOf(
      {},
      {
        isMade: true,
        open: async ({ environment: { routes }, onStep }) => {
          shown = routes;
          onStep(1, 2, 0.5);
          seconds = 30;
          return { engine };
        },
      },
    );
    const learning = await opened(planner, {}, { emit: (one) => happenings.push(one), now: () => seconds });
    expect(happenings.filter(({ type }) => type !== "stage")).toEqual([
      { type: "imitation-step", step: 1, steps: 2, loss: 0.5 },
    ]);
    expect(learning.seconds).toBe(30);
    expect(environment.routes).toBeUndefined();
    expect(shown).toBeDefined();
    expect((await learning.walked()).routes).toBe(shown);
  });

  it("solves with the policy that learns", async () => {
    const learning = await opened(sourceOf().planner, {}, { recipe: quick });
    const { trajectory } = await learning.flow.solve(environment.train("red", 0));
    expect(trajectory.turns[0]).toMatchObject({ module: "planner", version: learning.policies[0]?.version });
  });
});

describe("an engine", () => {
  it("that the run has opened is given back by it, and a caller's is not", async () => {
    const own = sourceOf();
    await (await opened(own.planner)).dispose();
    expect(own.seen.disposed).toBe(1);
    const shared = sourceOf({}, { isShared: true });
    await (await opened(shared.planner)).dispose();
    expect(shared.seen.disposed).toBe(0);
  });

  it("that cannot plan is given back at once", async () => {
    // Its vocabulary has no token that ends a reply.
    const { seen, planner, engine } = sourceOf();
    const mute: Engine = { ...engine, tokenizer: wordTokenizer(["press"]) };
    const policy = Object.create(engine.policy("planner"), { engine: { value: mute } });
    const source: PlannerSource = { ...planner, open: async () => ({ engine: { ...mute, policy: () => policy } }) };
    await expect(opened(source)).rejects.toThrow(ConfigError);
    expect(seen.disposed).toBe(1);
    await expect(opened({ ...source, isShared: true })).rejects.toThrow(ConfigError);
    expect(seen.disposed).toBe(1);
  });

  it("is given back also when the run's folder cannot be closed", async () => {
    const { seen, planner } = sourceOf();
    const learning: Learning = await opened(planner);
    const close = () => Promise.reject(new Error("The disk is full."));
    await expect(closeAll({ close }, learning)).rejects.toThrow("The disk is full.");
    expect(seen.disposed).toBe(1);
    await closeAll(undefined, undefined);
  });
});
