import { openAlmanac } from "../../src/almanac/environment.ts";
import { openEngine } from "../../src/engines/onnx/index.ts";
import type { Environment, EnvironmentSealed, SetName } from "../../src/environment.ts";
import { createFlow } from "../../src/flow/flow.ts";
import { type AlgorithmName, algorithms } from "../../src/learn/algorithms.ts";
import { castOf } from "../../src/learn/cast.ts";
import { openReplay } from "../../src/learn/demonstration-pool.ts";
import { type Recipe, recipes } from "../../src/learn/recipe.ts";
import { taskSampler } from "../../src/learn/task-sampler.ts";
import { type Accuracy, evaluate, flowGrpo, linearSchedule, mean, type Outcomes } from "../../src/train/index.ts";

/** One run of an algorithm: what it is, and how much it may sample. */
export interface Trial {
  readonly algorithm: AlgorithmName;
  readonly seed: number;
  /** Tokens that rollouts of training may sample. */
  readonly tokens: number;
  /** The control: rewards are dealt out at random. */
  readonly permuted: boolean;
  /** Changes to the recipe beside the algorithm's, as JSON. */
  readonly changes: {
    readonly grpo?: Partial<Recipe["grpo"]>;
    readonly peak?: number;
    readonly families?: Partial<Recipe["families"]>;
    readonly replay?: Partial<Recipe["replay"]>;
    readonly successes?: Partial<Recipe["successes"]>;
  };
}

export type MeasuredSet = Accuracy & {
  readonly outcomes: Outcomes;
  readonly families: Readonly<Record<string, number>>;
};

export interface TrialResult extends Trial {
  readonly steps: number;
  readonly sampled: number;
  /** Of training alone. */
  readonly processorSeconds: number;
  /** Mean reward over tenths of the tokens. */
  readonly course: readonly number[];
  readonly sets: Partial<Readonly<Record<SetName, MeasuredSet>>>;
}

export interface TrialParts {
  /** Model folder or name. @default the environment's */
  readonly model?: string | undefined;
  readonly threads?: number | undefined;
  readonly split: "validation" | "test";
  readonly sizes: Partial<Readonly<Record<SetName, number>>>;
  readonly onStep?: (line: string) => void;
}

const WARM_UP = 8;
/** Steps that weights are planned for; where a trial is goes by its tokens. */
const PLANNED = 1000;

/** Trains until the tokens are used up, and evaluates. Learning rate and replay go by the share of tokens that is used. */
export const runTrial = async (
  trial: Trial,
  { model, threads, split, sizes, onStep }: TrialParts,
): Promise<TrialResult> => {
  const { algorithm, seed, tokens, permuted, changes } = trial;
  const { grpo, learningRate, families } = recipes.flowOnly;
  const recipe: Recipe = {
    ...recipes.flowOnly,
    grpo: { ...grpo, klEvery: 0, ...algorithms[algorithm], ...changes.grpo },
    families: { ...families, ...changes.families },
    replay: { ...recipes.flowOnly.replay, ...changes.replay },
    successes: { ...recipes.flowOnly.successes, ...changes.successes },
  };
  const environment: Environment = await openAlmanac(seed);
  const engine = await openEngine(model ?? environment.builtInModel ?? "", { slots: 352, ...(threads && { threads }) });
  try {
    const cast = castOf(engine, { seed, recipe });
    const tools = environment.tools(cast.model);
    const flow = createFlow({ ...cast.flow, tools });
    const sampler = taskSampler(environment, seed, recipe);
    const abortSignal = new AbortController().signal;
    let sampled = 0;
    const share = (): number => Math.min(1, sampled / tokens);
    const { sources } = await openReplay({ environment, engine, seed, steps: PLANNED, recipe, abortSignal });
    const replay = sources.map(({ sequences, weight }) => ({
      sequences,
      weight: (_: number, count: number) => weight(share() * PLANNED, count),
    }));
    const peak = changes.peak ?? learningRate.peak;
    const warmUp = linearSchedule({ peak: 1, steps: WARM_UP, warmUp: WARM_UP, finalShare: 1 });
    const rewards: { readonly at: number; readonly reward: number }[] = [];
    const begun = process.cpuUsage();
    let steps = 0;
    const training = flowGrpo<EnvironmentSealed>({
      ...recipe.grpo,
      flow,
      train: cast.policies,
      tasks: (_, step) => sampler.next(step),
      reward: environment.reward,
      onTrajectory: ({ task, reward }) => sampler.record(task, reward),
      replay,
      learningRate: (step) =>
        peak * (step < WARM_UP ? warmUp(step) : 1) * (1 - (1 - learningRate.finalShare) * share()),
      steps: 100_000,
      seed,
      concurrency: recipe.concurrency,
      permuteRewards: permuted,
    });
    for await (const { index, reward, groups, responseTokens, trajectories, turns, toolErrorRate } of training) {
      steps = index + 1;
      sampled += responseTokens * trajectories;
      rewards.push({ at: share(), reward: reward.mean });
      if (steps % 10 === 0)
        onStep?.(
          `${algorithm} ${seed} step ${steps} ${(100 * share()).toFixed(0)} % reward ${mean(rewards.slice(-10).map((one) => one.reward)).toFixed(3)} mixed ${groups.mixed}/${groups.total} turns ${turns.toFixed(1)} errors ${toolErrorRate.toFixed(2)}`,
        );
      if (sampled >= tokens) break;
    }
    const { user, system } = process.cpuUsage(begun);
    const sets: Partial<Record<SetName, MeasuredSet>> = {};
    const all = environment.evaluation(split, sizes);
    for (const [name, size] of Object.entries(sizes) as [SetName, number][]) {
      if (size === 0) continue;
      const {
        n,
        accuracy,
        interval,
        outcomes,
        families: rows,
      } = await evaluate({
        flow,
        tasks: all[name],
        reward: environment.reward,
        seed,
        policies: cast.policies,
        concurrency: recipe.concurrency,
        families: ({ sealed }) => sealed.family,
      });
      sets[name] = {
        n,
        accuracy,
        interval,
        outcomes,
        families: Object.fromEntries(Object.entries(rows).map(([family, row]) => [family, row.accuracy])),
      };
    }
    const course = Array.from({ length: 10 }, (_, i) =>
      mean(rewards.filter(({ at }) => at > i / 10 && at <= (i + 1) / 10).map((one) => one.reward)),
    );
    return { ...trial, steps, sampled, processorSeconds: (user + system) / 1e6, course, sets };
  } finally {
    await engine.dispose();
  }
};
