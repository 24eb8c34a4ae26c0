import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Engine, OptimStepOptions, Policy } from "../src/engine.ts";
import { createFlow } from "../src/flow/flow.ts";
import type { LearnEvent } from "../src/learn/event.ts";
import { type Recipe, recipes } from "../src/learn/recipe.ts";
import type { LearnRun } from "../src/learn/run-stream.ts";
import { randomKey } from "../src/random.ts";
import { leverPolicy, leverTools, scriptedPlanner, tabularPolicy, wordTokenizer } from "../src/testing/index.ts";
import type { Trajectory } from "../src/trajectory.ts";

/** A recipe whose steps take milliseconds with `leverPolicy`, and which validates and saves after each of them. */
export const quick: Recipe = {
  ...recipes.micro,
  steps: 3,
  grpo: { ...recipes.micro.grpo, groupSize: 4, tasksPerStep: 2, minimumMixedGroups: 0, fullStepGroups: 0 },
  learningRate: { peak: 0.3, warmUp: 1, finalShare: 1 },
  replay: { ...recipes.micro.replay, episodes: 2, states: 2, pool: 4 },
  validation: { tasks: 4, every: 1 },
  checkpointEvery: 1,
  fixedOrderTasks: 4,
  concurrency: 4,
};

/** A fresh engine of levers: one that was trained before starts elsewhere. */
export const leverEngine = (changes: Partial<Engine> = {}): Engine => ({ ...leverPolicy().engine, ...changes });

/** A verifier for levers that says stop or continue at random, until it is taught. */
export const leverVerifier = (): Policy => {
  const tokenizer = wordTokenizer([
    "press",
    "look",
    "left",
    "right",
    "up",
    "red",
    "green",
    "@1",
    "@2",
    "value",
    "seen",
    "unit",
    "s",
    "c",
  ]);
  const letters = ["s", "c"].map((letter) => tokenizer.idOf(letter));
  const initial = Array.from({ length: tokenizer.vocabularySize }, (_, id) => (letters.includes(id) ? 0 : -12));
  return tabularPolicy({ name: "verifier", tokenizer, initial: () => initial });
};

/** An engine of levers with a verifier beside the planner. */
export const engineOfTwo = (planner = leverPolicy(), verifier = leverVerifier()): Engine => ({
  ...planner.engine,
  policy: (name) => (name === "verifier" ? verifier : planner),
});

/** A folder that goes after the tests of a file. */
export const tempFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "agentflow-learn-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** All events of a run, and its report. */
export const readRun = async <Report>(
  run: LearnRun<Report>,
  onEvent: (event: LearnEvent<Report>) => void = () => undefined,
): Promise<{ readonly events: readonly LearnEvent<Report>[]; readonly report: Report }> => {
  const events: LearnEvent<Report>[] = [];
  for await (const event of run) {
    events.push(event);
    onEvent(event);
  }
  return { events, report: await run.report };
};

/** The types of events, without those that only tell how far something has come. */
export const typesOf = (events: readonly { readonly type: string }[]): string[] =>
  events.map(({ type }) => type).filter((type) => !["evaluation-progress", "stage"].includes(type));

/** What the flow of levers comes to by a script of actions, with two turns. */
export const trajectoryOf = async (script: readonly string[], id = "scripted"): Promise<Trajectory> => {
  const flow = createFlow({ planner: scriptedPlanner(script), tools: leverTools });
  const question = { id: "red", question: "which lever opens red", turnLimit: 2 };
  return (await flow.solve(question, { id, randomKey: randomKey(1, id) })).trajectory;
};

/** A fresh engine of levers that tells of each optimiser step, counted from 1, and of each time its weights are saved. */
export const watchedEngine = (
  { onStep = () => undefined, onSave = () => undefined }: { onStep?: (step: number) => void; onSave?: () => void },
  changes: Partial<Engine> = {},
): Engine => {
  const policy = leverPolicy();
  let steps = 0;
  const watched: Policy = Object.create(policy, {
    optimStep: {
      value: (options: OptimStepOptions) => {
        steps += 1;
        onStep(steps);
        return policy.optimStep(options);
      },
    },
    save: { value: async () => onSave() },
  });
  return { ...policy.engine, ...changes, policy: () => watched };
};
