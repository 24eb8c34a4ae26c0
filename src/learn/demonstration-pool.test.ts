import { expect, it } from "vitest";
import { openAlmanac } from "../almanac/environment.ts";
import type { Environment, EnvironmentSealed } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import { leverEnvironment, scriptedModel, scriptedPlanner, scriptedPolicy } from "../testing/index.ts";
import type { Group } from "../train/index.ts";
import { type OpenReplayOptions, openReplay } from "./demonstration-pool.ts";
import { recipes } from "./recipe.ts";

const recipe = recipes.flowOnly;

const environment = await openAlmanac(1);
const { engine } = scriptedPolicy(() => "");
const options = {
  recipe,
  environment,
  engine,
  seed: 3,
  steps: 2,
  abortSignal: new AbortController().signal,
};

/** What a step imitates of random plans. */
const openPlans = async (changes: Partial<OpenReplayOptions> = {}) => {
  const [plans] = (await openReplay({ ...options, ...changes })).sources;
  if (plans === undefined) throw new Error("no plans");
  return plans.sequences;
};

/** A group of one task in which nothing was solved. */
const failedGroup = async (): Promise<Group<EnvironmentSealed>> => {
  const [family] = environment.families;
  if (family === undefined) throw new Error("no families");
  const task = environment.train(family, 0);
  const flow = createFlow({
    planner: scriptedPlanner(["web_search q1"]),
    tools: environment.tools(scriptedModel(["?"])),
  });
  const { trajectory } = await flow.solve(task.question, { id: "failed" });
  return { task, rollouts_G: [{ trajectory, reward: 0 }] };
};

it("gives whole plans, and single actions where a group failed", async () => {
  const replay = await openPlans();
  const plans = replay(0, []);
  expect(plans).toHaveLength(recipe.replay.episodes);
  const all = replay(0, [await failedGroup()]);
  expect(all).toHaveLength(recipe.replay.episodes + recipe.replay.states);
  for (const { ids, targets } of all.slice(recipe.replay.episodes)) {
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.at(-1)).toBe(ids.length - 1);
    const action = engine.tokenizer.decode(targets.slice(0, -1).map((target) => ids[target] ?? 0));
    expect(action).toMatch(/^(web_search|wikipedia_search|web_page|calculate|base_generator) \S/);
  }
});

it("is a function of seed and step", async () => {
  const [one, other] = [await openPlans(), await openPlans()];
  expect(other(4, [])).toEqual(one(4, []));
  expect(one(5, [])).not.toEqual(one(4, []));
});

/** A group of the levers in which nothing was solved, of a task whose limit of turns is the flow's. */
const failedLevers = async (script: readonly string[]) => {
  const opened = await leverEnvironment({ flow: { budget: { turns: 4 } } }).open({ seed: 1 });
  const asked: (readonly [turn: number, turnsLeft: number])[] = [];
  const levers: Environment = {
    ...opened,
    randomValid: (reading, taskOf) => {
      const planner = opened.randomValid(reading, taskOf);
      return (state, context) => {
        asked.push([state.turn, state.turnsLeft]);
        return planner(state, context);
      };
    },
  };
  const { turnLimit: _, ...task } = levers.train("red", 0);
  const planner = scriptedPlanner(script);
  const { trajectory } = await createFlow({ ...levers.flow, planner, tools: levers.tools(scriptedModel(["?"])) }).solve(
    task,
  );
  const group: Group<EnvironmentSealed> = { task, rollouts_G: [{ trajectory, reward: 0 }] };
  const few = { ...recipe, replay: { ...recipe.replay, pool: 4 } };
  const replay = await openPlans({ environment: levers, recipe: few });
  asked.length = 0;
  return { sequences: replay(0, [group]).slice(4), asked };
};

it("draws an action with as many turns left as its planner had", async () => {
  // It ended by a wrong answer in its first turn of four.
  const ended = await failedLevers(["press up"]);
  expect(ended.sequences).toHaveLength(recipe.replay.states);
  expect(new Set(ended.asked.map(String))).toEqual(new Set(["1,4"]));
  const second = await failedLevers(["look up", "press up"]);
  expect(new Set(second.asked.map(String))).toEqual(new Set(["1,4", "2,3"]));
});

it("takes no action where a rollout of the group was solved", async () => {
  const group = await failedGroup();
  const solved = {
    ...group,
    rollouts_G: [...group.rollouts_G, ...group.rollouts_G.map((one) => ({ ...one, reward: 1 }))],
  };
  const replay = await openPlans();
  expect(replay(0, [solved])).toHaveLength(recipe.replay.episodes);
});

it("is not made once the signal is aborted", async () => {
  const abort = new AbortController();
  abort.abort(new Error("Enough."));
  await expect(openReplay({ ...options, abortSignal: abort.signal })).rejects.toThrow("Enough.");
});
