import { expect, it } from "vitest";
import { openAlmanac } from "../almanac/environment.ts";
import type { EnvironmentSealed } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import { scriptedModel, scriptedPlanner, scriptedPolicy } from "../testing/index.ts";
import type { Group } from "../train/index.ts";
import { openReplay } from "./demonstration-pool.ts";
import { recipes } from "./recipe.ts";

const recipe = recipes.tiny;

const environment = await openAlmanac(1);
const { engine } = scriptedPolicy(() => "");
const options = {
  recipe,
  environment,
  engine,
  seed: 3,
  pool: 20,
  abortSignal: new AbortController().signal,
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
  const replay = await openReplay(options);
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
  const [one, other] = [await openReplay(options), await openReplay(options)];
  expect(other(4, [])).toEqual(one(4, []));
  expect(one(5, [])).not.toEqual(one(4, []));
});
