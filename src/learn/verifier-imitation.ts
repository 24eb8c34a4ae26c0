import type { Policy, TrainingSequence } from "../engine.ts";
import type { Environment, EnvironmentTask } from "../environment.ts";
import type { Flow } from "../flow/flow.ts";
import { verifierSegments } from "../flow/model/verifier-segments.ts";
import { ruleVerifier } from "../flow/rules/verifier.ts";
import type { Verifier } from "../module.ts";
import { deriveKey, random, randomKey, uniform } from "../random.ts";
import { evaluate, linearSchedule, supervised } from "../train/index.ts";
import type { Trajectory, Verdict } from "../trajectory.ts";
import { scriptedFlow } from "./demonstrations.ts";
import { READING } from "./planners/random-valid.ts";
import type { Recipe } from "./recipe.ts";

/** How a verifier that imitates the rules agrees with them on unseen tasks. */
export interface Agreement {
  /** Steps of imitation. */
  readonly steps: number;
  /** Verdicts that were compared, and the share of them in which the likelier one is the rules'. */
  readonly verdicts: number;
  readonly share: number;
}

export interface VerifierColdStartOptions {
  readonly environment: Environment;
  /** With the planner as it is now. */
  readonly flow: Flow;
  readonly policies: readonly Policy[];
  /** The verifier's. */
  readonly policy: Policy;
  readonly recipe: Required<Pick<Recipe, "verifier">>;
  readonly seed: number;
  readonly concurrency: number;
  /** Told of each step, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/** Training tasks of this index and on are for imitation by a verifier alone. */
const FIRST_INDEX = 20_000_000;
/** Steps between comparisons with the rules. */
const COMPARED_EVERY = 25;
/** Unseen tasks that it is compared on, each with a plan of the planner and a random one. */
const COMPARED_TASKS = 120;

/**
 * Teaches a verifier the rules' verdicts, on memories of random valid plans and of the planner, until it agrees with the
 * rules on unseen tasks, or the recipe's steps are over. Publishes what was learnt.
 */
export const coldStartVerifier = async (options: VerifierColdStartOptions): Promise<Agreement> => {
  const { environment, policy, recipe, seed, onStep, abortSignal } = options;
  const { steps, trajectories, batch, learningRate, agreement } = recipe.verifier;
  const shown = await judgedRuns(options, trainingTasks(environment, Math.ceil(trajectories / 2)));
  const pool = shown.map((trajectory) => lessonOf(policy, trajectory)).filter(({ targets }) => targets.length > 0);
  const unseen = environment.evaluation("validation", { heldOutPages: COMPARED_TASKS }).heldOutPages;
  const judged = await judgedRuns(options, unseen);
  const training = supervised({
    policy,
    sequences: async (step) =>
      random(randomKey(seed, "verifier batch", step))
        .shuffle(pool)
        .slice(0, batch),
    steps,
    learningRate: linearSchedule({ peak: learningRate, steps, warmUp: 4, finalShare: 0.1 }),
    abortSignal,
  });
  let found: Agreement = { steps: 0, ...(await agreementOn(policy, judged)) };
  for await (const { step, loss } of training) {
    onStep(step + 1, steps, loss);
    if ((step + 1) % COMPARED_EVERY !== 0 && step + 1 < steps) continue;
    found = { steps: step + 1, ...(await agreementOn(policy, judged)) };
    if (found.share >= agreement) break;
  }
  return found;
};

const trainingTasks = ({ families, train }: Environment, count: number): readonly EnvironmentTask[] =>
  Array.from({ length: count }, (_, i) => families[i % families.length]).flatMap((family, i) =>
    family === undefined ? [] : train(family, FIRST_INDEX + Math.floor(i / families.length)),
  );

/** Each task as a random valid plan and as the planner solve it, with verdicts by rules, some of which are ignored. */
const judgedRuns = async (
  { environment, flow, policies, seed, concurrency, abortSignal }: VerifierColdStartOptions,
  drawn: readonly EnvironmentTask[],
): Promise<readonly Trajectory[]> => {
  // An environment with few tasks goes round.
  const known = new Map(drawn.map((task) => [task.id, task]));
  const tasks = [...known.values()];
  const runs: Trajectory[] = [];
  for (const planned of [scriptedFlow(environment, known, READING), flow])
    await evaluate({
      flow: planned.with({ verifier: ignoringSome }),
      tasks,
      reward: environment.reward,
      seed,
      concurrency,
      policies,
      onTrajectory: ({ trajectory }) => runs.push(trajectory),
      abortSignal,
    });
  return runs;
};

/** How often a plan continues where the rules stop: a verifier that errs sees such memories, too. */
const IGNORED_SHARE = 0.3;
const IGNORED: Verdict = Object.freeze({ decision: "continue", reason: "The rules stop here." });

const rules = ruleVerifier();
const ignoringSome: Verifier = {
  ...rules,
  judge: async (step, observation, state, context) => {
    const judged = await rules.judge(step, observation, state, context);
    const { decision } = "verdict" in judged ? judged.verdict : judged;
    const draw = uniform(deriveKey(context.randomKey, "ignored verdict"), state.turn);
    return decision === "stop" && draw < IGNORED_SHARE ? IGNORED : judged;
  },
};

const isRules = ({ reason }: Verdict): boolean => reason !== IGNORED.reason;

/** The rules' verdicts of a run, as a sequence to imitate. */
const lessonOf = ({ engine }: Policy, trajectory: Trajectory): TrainingSequence => {
  const { ids, targets, turns } = verifierSegments(engine, trajectory);
  return { ids, targets: targets.filter((_, i) => isRules(verdictOf(trajectory, turns[i]))) };
};

const verdictOf = ({ memory }: Trajectory, turn = 0): Verdict => memory[turn]?.verdict ?? IGNORED;

/** On each turn, whether the verdict that was written is likelier than not exactly where it is the rules'. */
const agreementOn = async (policy: Policy, judged: readonly Trajectory[]): Promise<Omit<Agreement, "steps">> => {
  const sequences = judged.map((trajectory) => verifierSegments(policy.engine, trajectory));
  const { logProbs } = await policy.forward(sequences);
  let [verdicts, agreed] = [0, 0];
  for (const [i, { turns }] of sequences.entries()) {
    const written = new Map<number, number>();
    for (const [t, turn] of turns.entries()) written.set(turn, (written.get(turn) ?? 0) + (logProbs[i]?.[t] ?? 0));
    for (const [turn, logProb] of written) {
      verdicts += 1;
      const trajectory = judged[i];
      if (trajectory !== undefined && Math.exp(logProb) > 0.5 === isRules(verdictOf(trajectory, turn))) agreed += 1;
    }
  }
  return { verdicts, share: agreed / Math.max(1, verdicts) };
};
