import {
  abortSignal,
  count,
  either,
  listOf,
  name,
  number,
  objectWith,
  oneOf,
  type Rule,
  type Rules,
  recordOf,
  required,
  ruleOf,
  seed,
  truth,
} from "../options.ts";
import { type GrpoSettings, grpoRules } from "../train/grpo-options.ts";
import { algorithmNames } from "./algorithms.ts";
import { moduleNames, trainableNames } from "./modules.ts";
import type { LearnOptions } from "./options.ts";
import type { Recipe } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";

const whole = number({ whole: true });
const share = number({ most: 1 });
const failureShare = number({ below: 1 });
const failureShares: Rule = (value, of) =>
  (typeof value === "object" ? recordOf(failureShare) : failureShare)(value, of);

/** A list of at least one of some names. */
const someOf =
  (names: readonly string[]): Rule =>
  (value, of) => {
    listOf(oneOf(...names))(value, of);
    if (Array.isArray(value) && value.length === 0) oneOf(...names)(undefined, `${of}: the first`);
  };

const settingRules: Rules<LearnSettings> = {
  seed,
  steps: whole,
  coldStart: whole,
  concurrency: number({ least: 1, most: 4096, whole: true }),
  evalTasks: count,
  validation: truth,
  replay: truth,
  modules: someOf(moduleNames),
  train: someOf(trainableNames),
  rank: number({ least: 1, most: 512, whole: true }),
  algorithm: oneOf(...algorithmNames),
  learningRate: number(),
  maxStaleness: number({ most: 16, whole: true }),
  checkpointEvery: count,
  guard: truth,
  patience: count,
  minutes: number({ above: 0 }),
  toolFailures: failureShares,
  prompt: oneOf("compact", "chat"),
  verdicts: truth,
  permuteRewards: truth,
};

const { learningRate: _, ...grpo } = grpoRules;

const descent = { from: required(number()), to: required(number()), over: required(share) };

/** A recipe is whole: every part of it is there. */
const recipeRule = ruleOf<Recipe>({
  steps: required(whole),
  grpo: required(ruleOf<Omit<GrpoSettings, "learningRate">>(grpo)),
  learningRate: required(
    ruleOf<Recipe["learningRate"]>({ peak: required(number()), warmUp: required(whole), finalShare: required(share) }),
  ),
  replay: required(
    ruleOf<Recipe["replay"]>({
      ...descent,
      episodes: required(whole),
      states: required(whole),
      pool: required(whole),
      reading: required(share),
    }),
  ),
  exercises: required(ruleOf<Recipe["exercises"]>({ ...descent, sequences: required(whole), pool: required(whole) })),
  routes: required(ruleOf<Recipe["routes"]>({ ...descent, sequences: required(whole) })),
  successes: required(ruleOf<Recipe["successes"]>({ ...descent, sequences: required(whole) })),
  families: required(
    ruleOf<Recipe["families"]>({
      floor: required(share),
      start: required(share),
      smoothing: required(share),
      begun: required(truth),
    }),
  ),
  coldStart: required(
    ruleOf<Recipe["coldStart"]>({
      steps: required(whole),
      plans: required(whole),
      exercises: required(whole),
      routes: required(whole),
      learningRate: required(number()),
    }),
  ),
  verifier: ruleOf<NonNullable<Recipe["verifier"]>>({
    steps: required(whole),
    trajectories: required(count),
    batch: required(count),
    learningRate: required(number()),
    agreement: required(share),
  }),
  prompt: oneOf("compact", "chat"),
  detail: required(oneOf("values", "names")),
  verdicts: truth,
  turnsLeft: truth,
  marked: truth,
  references: oneOf("entries", "things"),
  beginnings: truth,
  mistakes: share,
  average: share,
  unavailable: share,
  temperature: required(number()),
  concurrency: required(count),
  maxTokens: required(count),
  validation: required(ruleOf<Recipe["validation"]>({ tasks: required(count), every: required(count) })),
  checkpointEvery: required(count),
  fixedOrderTasks: required(count),
});

const environmentRule = required(objectWith("an environment, such as almanac() or project({ tools, tasks })", "open"));

/** What resuming and verifying have in common with a new run. */
export const openingRules = {
  environment: environmentRule,
  planner: either(objectWith("a planner to open", "open"), objectWith("an engine", "policy")),
  clock: objectWith("a clock", "now", "after"),
  abortSignal,
};

export const resumeRules = {
  ...openingRules,
  stopSignal: abortSignal,
  queue: objectWith("a queue, such as localQueue()", "open"),
};

export const learnRules: Rules<LearnOptions> = {
  ...settingRules,
  ...resumeRules,
  recipe: recipeRule,
  folder: name,
};
