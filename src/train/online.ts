import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Flow, SolveOptions, SolveResult } from "../flow/flow.ts";
import { checked, count, listOf, number, objectWith, type Rules, required, ruleOf } from "../options.ts";
import { random, randomKey } from "../random.ts";
import { type Query, queryOf, type Reward, type Task } from "../task.ts";
import { evaluate } from "./evaluate.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import { flowGrpoRules } from "./flow-grpo-options.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** Options of Flow-GRPO that a learner takes as they are. */
export type OnlineTrainingOption =
  | "groupSize"
  | "tasksPerStep"
  | "learningRate"
  | "optimiser"
  | "beta"
  | "oldLogProbs"
  | "minimumMixedGroups"
  | "fullStepGroups"
  | "replay"
  | "guard"
  | "concurrency"
  | "clock";

export interface OnlineOptions<Sealed = unknown> extends Pick<FlowGrpoOptions<Sealed>, OnlineTrainingOption> {
  /** Serves, and is learnt in. */
  readonly flow: Flow;
  readonly train: readonly Policy[];
  /** Of the tasks that are added with a sealed part. */
  readonly reward: Reward<Sealed>;
  /** A new version serves only if it solves nearly as many of these tasks as the best one that served: at least that accuracy less `tolerance`. */
  readonly gate: {
    readonly tasks: readonly Task<Sealed>[];
    /** @default 0.03 */
    readonly tolerance?: number;
  };
  /** Steps of Flow-GRPO between two gates. @default 4 */
  readonly stepsPerRound?: number;
  /** The newest tasks, of which half of what is replayed comes. @default 256 */
  readonly recent?: number;
  /** All tasks that are kept: a uniform sample of everything that came. @default 4096 */
  readonly capacity?: number;
  /** Answered questions that can still be judged. @default 4096 */
  readonly unjudged?: number;
  /** @default 0 */
  readonly seed?: number;
}

/** What came of one round of learning. */
const optionRules: Rules<OnlineOptions> = {
  groupSize: flowGrpoRules.groupSize,
  tasksPerStep: flowGrpoRules.tasksPerStep,
  learningRate: flowGrpoRules.learningRate,
  optimiser: flowGrpoRules.optimiser,
  beta: flowGrpoRules.beta,
  oldLogProbs: flowGrpoRules.oldLogProbs,
  minimumMixedGroups: flowGrpoRules.minimumMixedGroups,
  fullStepGroups: flowGrpoRules.fullStepGroups,
  replay: flowGrpoRules.replay,
  guard: flowGrpoRules.guard,
  concurrency: flowGrpoRules.concurrency,
  clock: flowGrpoRules.clock,
  flow: flowGrpoRules.flow,
  train: flowGrpoRules.train,
  reward: flowGrpoRules.reward,
  gate: required(
    ruleOf<OnlineOptions["gate"]>({ tasks: required(listOf(objectWith("a task"))), tolerance: number({ most: 1 }) }),
  ),
  stepsPerRound: count,
  recent: count,
  capacity: count,
  unjudged: count,
  seed: flowGrpoRules.seed,
};

export interface OnlineRound {
  readonly index: number;
  /** Whether the new version serves now. */
  readonly published: boolean;
  /** Accuracy on the gate's tasks: of the new version, and the least that was asked of it. */
  readonly gate: { readonly n: number; readonly accuracy: number; readonly floor: number };
  readonly steps: readonly StepMetrics[];
  /** Policy → version that serves. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A flow that learns while it serves. */
export interface OnlineLearner<Sealed> {
  /** Solves with the version that serves, which `trajectory.turns` and `versions` name. */
  solve(query: string | Query, options?: SolveOptions): Promise<SolveResult>;
  /** A task that can be scored. It is never answered by this call, only learnt from. */
  add(task: Task<Sealed>): void;
  /**
   * What an answer was worth, in [0, 1], by the id of its trajectory: a person's word, or a metric that came late. An
   * answer that was judged is worth that in each replay; another one is worth nothing once one was judged 1, and is no
   * sample before. Returns false for an id that is not known (any more).
   */
  feedback(trajectoryId: string, reward: number): boolean;
  /** How many tasks have come since the last round. */
  readonly waiting: number;
  /** One round: replays tasks in groups, trains, and publishes what passes the gate. Rounds come one after another. */
  learn(options?: { readonly abortSignal?: AbortSignal }): Promise<OnlineRound>;
  /** Policy → version that serves. */
  readonly versions: Readonly<Record<string, string>>;
  /** Goes back to the version that served before. Returns false when there is none. */
  rollback(): Promise<boolean>;
  /** Lets all versions go that are held for it. */
  close(): void;
}

/** A task of the stream: scored by its sealed part, or by the judgements on its answers. */
type Streamed<Sealed> =
  | { readonly kind: "scored"; readonly task: Task<Sealed> }
  | { readonly kind: "judged"; readonly judgements: Map<string, number> };

interface Serving {
  readonly versions: Readonly<Record<string, string>>;
  readonly letGo: () => void;
}

/** Learns while it serves. Throws `ConfigError` for options that cannot work. */
export const onlineLearner = <Sealed>(options: OnlineOptions<Sealed>): OnlineLearner<Sealed> => {
  checked("onlineLearner", options, optionRules);
  const { flow, train, gate, reward, replay, seed = 0, stepsPerRound = 4, recent = 256, ...others } = options;
  const { capacity = 4096, unjudged = 4096, tasksPerStep = 8, ...training } = others;
  if (gate.tasks.length === 0)
    throw new ConfigError("The gate has no tasks: give it some that a new version must still solve.");
  if (train.length === 0) throw new ConfigError("Nothing to train: `train` needs at least one policy.");

  /** Question → what its answers were worth, of those that are kept. */
  const judged = new Map<string, Map<string, number>>();
  let newest: Task<Streamed<Sealed>>[] = [];
  const sample: Task<Streamed<Sealed>>[] = [];
  const answered = new Map<string, { readonly query: Query; readonly answer: string }>();
  let came = 0;
  let waiting = 0;
  let rounds = 0;
  let best: number | undefined;
  let learning: Promise<unknown> = Promise.resolve();

  const serve = (): Serving => {
    const release = train.map((policy) => policy.hold(policy.version));
    return {
      versions: Object.fromEntries(train.map((policy) => [policy.name, policy.version])),
      letGo: () => {
        for (const letGo of release) letGo();
      },
    };
  };
  let serving = serve();
  let previous: Serving | undefined;

  const enter = (query: Query, sealed: Streamed<Sealed>): void => {
    const task = { ...queryOf(query), sealed };
    newest = [...newest, task].slice(-recent);
    // A uniform sample of all that came: the n-th replaces a random one with probability capacity/n.
    const place = came < capacity ? came : random(randomKey(seed, "reservoir", came)).below(came + 1);
    if (place < capacity) {
      const gone = sample[place];
      sample[place] = task;
      if (gone !== undefined) judged.delete(gone.question);
    }
    came += 1;
    waiting += 1;
  };

  const worth: Reward<Streamed<Sealed>> = (task, answer) => {
    const { sealed } = task;
    if (sealed.kind === "scored") return reward(sealed.task, answer);
    if (answer === undefined) return 0;
    const known = sealed.judgements.get(answer.trim());
    return known ?? ([...sealed.judgements.values()].includes(1) ? 0 : undefined);
  };

  const gateAccuracy = async (abortSignal: AbortSignal | undefined): Promise<number> => {
    const { accuracy } = await evaluate({
      flow,
      tasks: gate.tasks,
      reward: options.reward,
      seed,
      policies: train,
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
      ...(abortSignal === undefined ? {} : { abortSignal }),
    });
    return accuracy;
  };

  const restore = async ({ versions }: Serving): Promise<void> => {
    for (const policy of train) await policy.restore(versions[policy.name] ?? "");
  };

  const round = async (abortSignal: AbortSignal | undefined): Promise<OnlineRound> => {
    if (sample.length === 0) throw new ConfigError("There is nothing to learn from yet: no task has come.");
    const index = rounds;
    rounds += 1;
    waiting = 0;
    best ??= await gateAccuracy(abortSignal);
    const floor = Math.max(0, best - (gate.tolerance ?? 0.03));
    // Half of what is replayed is new; the other half keeps what was learnt before.
    const taskAt = (i: number): Task<Streamed<Sealed>> => {
      const drawn = random(randomKey(seed, "online", index, i));
      return drawn.pick(i % 2 === 0 ? newest : sample);
    };
    const steps: StepMetrics[] = [];
    try {
      const learnt = flowGrpo<Streamed<Sealed>>({
        ...training,
        flow,
        train,
        tasks: taskAt,
        reward: worth,
        tasksPerStep,
        steps: stepsPerRound,
        seed: randomKey(seed, "round", index).low,
        minimumMixedGroups: options.minimumMixedGroups ?? 0,
        ...(replay === undefined ? {} : { replay: { ...replay, sequences: (step) => replay.sequences(step, []) } }),
        ...(abortSignal === undefined ? {} : { abortSignal }),
      });
      for await (const step of learnt) steps.push(step);
      const accuracy = await gateAccuracy(abortSignal);
      const published = accuracy >= floor;
      if (published) {
        previous?.letGo();
        previous = serving;
        serving = serve();
        best = Math.max(best, accuracy);
      } else await restore(serving);
      return {
        index,
        published,
        gate: { n: gate.tasks.length, accuracy, floor },
        steps,
        versions: serving.versions,
      };
    } catch (error) {
      // Whatever ended the round: what serves is what is trained next.
      await restore(serving);
      throw error;
    }
  };

  return {
    solve: async (query, solveOptions = {}) => {
      const { versions } = serving;
      const release = train.map((policy) => policy.hold(versions[policy.name] ?? ""));
      try {
        const result = await flow.solve(query, { ...solveOptions, versions });
        const { trajectory } = result;
        if (trajectory.answer !== undefined) {
          answered.set(trajectory.id, {
            query: typeof query === "string" ? trajectory.query : queryOf(query),
            answer: trajectory.answer,
          });
          const [oldest] = answered.keys();
          if (answered.size > unjudged && oldest !== undefined) answered.delete(oldest);
        }
        return result;
      } finally {
        for (const letGo of release) letGo();
      }
    },
    add: (task) => enter(task, { kind: "scored", task }),
    feedback: (trajectoryId, reward) => {
      if (!(reward >= 0 && reward <= 1)) throw new ConfigError(`The reward is ${reward}: it must lie in [0, 1].`);
      const given = answered.get(trajectoryId);
      if (given === undefined) return false;
      const { query, answer } = given;
      const judgements = judged.get(query.question) ?? new Map<string, number>();
      judgements.set(answer.trim(), reward);
      if (judged.has(query.question)) waiting += 1;
      else {
        judged.set(query.question, judgements);
        enter(query, { kind: "judged", judgements });
      }
      return true;
    },
    get waiting() {
      return waiting;
    },
    learn: ({ abortSignal } = {}) => {
      const next = learning.then(() => round(abortSignal));
      learning = next.catch(() => undefined);
      return next;
    },
    get versions() {
      return serving.versions;
    },
    rollback: async () => {
      await learning;
      if (previous === undefined) return false;
      await restore(previous);
      serving.letGo();
      serving = previous;
      previous = undefined;
      best = undefined;
      return true;
    },
    close: () => {
      serving.letGo();
      previous?.letGo();
      previous = undefined;
    },
  };
};
