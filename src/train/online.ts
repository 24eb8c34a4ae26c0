import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Flow, SolveOptions, SolveResult } from "../flow/flow.ts";
import {
  callback,
  checked,
  count,
  defined,
  listOf,
  number,
  objectWith,
  type Rules,
  required,
  ruleOf,
} from "../options.ts";
import { randomKey } from "../random.ts";
import { type Query, queryOf, type Reward, type Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { diagnosing, warn } from "./diagnosis.ts";
import { evaluate } from "./evaluate.ts";
import { flowGrpo } from "./flow-grpo.ts";
import { type FlowGrpoOptions, flowGrpoRules } from "./flow-grpo-options.ts";
import { type GrpoOptions, grpoRules } from "./grpo-options.ts";
import { holdAll, versionsOf } from "./rollouts.ts";
import { servingOf } from "./serving.ts";
import type { StepMetrics } from "./step-metrics.ts";
import { type Streamed, taskStream } from "./task-stream.ts";

/** A round trains by the options of the algorithm, of which `minimumMixedGroups` is 0 by default here. */
export interface OnlineOptions<Sealed = unknown>
  extends GrpoOptions,
    Pick<FlowGrpoOptions<Sealed>, "replay" | "concurrency" | "clock" | "onDiagnosis"> {
  /** Serves, and is learnt in. */
  readonly flow: Flow;
  readonly train: readonly Policy[];
  /** Of the tasks that are added with a sealed part. */
  readonly reward: Reward<Sealed>;
  /** A new version serves only if it solves nearly as many of these tasks as the best one that served: at least that accuracy less `tolerance`. */
  readonly gate: {
    readonly tasks: readonly Task<Sealed>[];
    /** @default 0.03 */
    readonly tolerance?: number | undefined;
  };
  /** Steps of Flow-GRPO between two gates. @default 4 */
  readonly stepsPerRound?: number | undefined;
  /** The newest tasks, of which half of what is replayed comes. @default 256 */
  readonly recent?: number | undefined;
  /** All tasks that are kept: a uniform sample of everything that came. @default 4096 */
  readonly capacity?: number | undefined;
  /** Answered questions that can still be judged. @default 4096 */
  readonly unjudged?: number | undefined;
  /**
   * Asked about a version that passed the gate, before it serves: false sends it back. Until it is decided, training rests
   * and the version can be sampled by its hash. @default every version that passes serves
   */
  readonly trial?:
    | ((
        candidate: Readonly<Record<string, string>>,
        options: { readonly abortSignal?: AbortSignal | undefined },
      ) => boolean | Promise<boolean>)
    | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

const optionRules: Rules<OnlineOptions> = {
  ...grpoRules,
  replay: flowGrpoRules.replay,
  concurrency: flowGrpoRules.concurrency,
  clock: flowGrpoRules.clock,
  onDiagnosis: flowGrpoRules.onDiagnosis,
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
  trial: callback,
  seed: flowGrpoRules.seed,
};

/** What came of one round of learning. */
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
  /** Solves with the version that serves, which `trajectory.turns` and `versions` name, or with the versions of its options. */
  solve(query: string | Query, options?: SolveOptions): Promise<SolveResult>;
  /** A task that can be scored. It is never answered by this call, only learnt from. */
  add(task: Task<Sealed>): void;
  /**
   * What an answer was worth, in [0, 1], by the id of its trajectory: a person's word, or a metric that came late. An
   * answer that was judged is worth that in each replay; another one is worth nothing once one was judged 1, and is not a
   * sample before. Returns false for an id that is not known (any more).
   */
  feedback(trajectoryId: string, reward: number): boolean;
  /** An answer that was given elsewhere or before, so that it can be judged. */
  answered(trajectory: Pick<Trajectory, "id" | "answer">, query: Query): void;
  /** How many tasks have come since the last round. */
  readonly waiting: number;
  /** One round: replays tasks in groups, trains, and publishes what passes the gate. Rounds come one after another. */
  learn(options?: { readonly abortSignal?: AbortSignal }): Promise<OnlineRound>;
  /** Policy → version that serves. */
  readonly versions: Readonly<Record<string, string>>;
  /** Policy → version that served before; undefined where there is none. */
  readonly previous: Readonly<Record<string, string>> | undefined;
  /** Goes back to the version that served before. Returns false when there is none. */
  rollback(): Promise<boolean>;
  /** Lets all versions go that are held for it. */
  close(): void;
}

/**
 * Learns while it serves. Throws `ConfigError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createFlow, modelPlanner } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { openaiCompatible } from "agentflow/models";
 * import { onlineLearner } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const policy = (await openEngine("agentflow-tiny")).policy("planner");
 * const flow = createFlow({ model, planner: modelPlanner(policy), tools: {} });
 * const gate = { tasks: [{ id: "g1", question: "How many days has June?", sealed: "30" }] };
 * const learner = onlineLearner({ flow, train: [policy], reward: ({ sealed }, said) => Number(said === sealed), gate });
 * await learner.solve("How many days has May?");
 * ```
 */
export const onlineLearner = <Sealed>(options: OnlineOptions<Sealed>): OnlineLearner<Sealed> => {
  requireUsable(options);
  const {
    flow,
    train,
    gate,
    reward,
    replay,
    seed = 0,
    stepsPerRound = 4,
    onDiagnosis = warn,
    trial,
    ...others
  } = options;
  const { recent = 256, capacity = 4096, unjudged = 4096, ...grpo } = others;
  const stream = taskStream<Sealed>({ reward, recent, capacity, unjudged, seed });
  const serving = servingOf(train);
  /** Accuracy of the best version that served. */
  let best: number | undefined;
  let rounds = 0;
  let learning: Promise<unknown> = Promise.resolve();
  let stepsDone = 0;
  const diagnosed = diagnosing((found) => {
    // Here an answer without a reward is one that nobody has judged yet.
    if (found.cause !== "rewards-missing") onDiagnosis(found);
  });

  const round = async (abortSignal: AbortSignal | undefined): Promise<OnlineRound> => {
    const tasks = stream.draw(rounds);
    const index = rounds;
    rounds += 1;
    best ??= await gateAccuracy(options, abortSignal);
    const floor = Math.max(0, best - (gate.tolerance ?? 0.03));
    try {
      const learnt = flowGrpo<Streamed<Sealed>>({
        ...grpo,
        minimumMixedGroups: grpo.minimumMixedGroups ?? 0,
        flow,
        train,
        tasks,
        reward: stream.worth,
        replay: [replay ?? []].flat().map((source) => ({ ...source, sequences: (step) => source.sequences(step, []) })),
        steps: stepsPerRound,
        seed: randomKey(seed, "round", index).low,
        // Steps are counted through all rounds.
        onDiagnosis: () => undefined,
        abortSignal,
      });
      const steps: StepMetrics[] = [];
      for await (const step of learnt) {
        steps.push(step);
        diagnosed({ ...step, index: stepsDone });
        stepsDone += 1;
      }
      const accuracy = await gateAccuracy(options, abortSignal);
      const published =
        accuracy >= floor && (trial === undefined || (await trial(versionsOf(train), defined({ abortSignal }))));
      if (published) {
        serving.advance();
        best = Math.max(best, accuracy);
      } else await serving.restore();
      return { index, published, gate: { n: gate.tasks.length, accuracy, floor }, steps, versions: serving.versions };
    } catch (error) {
      // Whatever ended the round: what serves is what is trained next.
      await serving.restore();
      throw error;
    }
  };

  return {
    solve: async (query, solveOptions = {}) => {
      const { versions = serving.versions } = solveOptions;
      const letGo = holdAll(train, versions);
      try {
        const result = await flow.solve(query, { ...solveOptions, versions });
        stream.answered(result.trajectory, typeof query === "string" ? result.trajectory.query : queryOf(query));
        return result;
      } finally {
        letGo();
      }
    },
    add: stream.add,
    feedback: stream.feedback,
    answered: (trajectory, query) => stream.answered(trajectory, queryOf(query)),
    get waiting() {
      return stream.waiting;
    },
    learn: ({ abortSignal } = {}) => {
      const next = learning.then(() => round(abortSignal));
      learning = next.catch(() => undefined);
      return next;
    },
    get versions() {
      return serving.versions;
    },
    get previous() {
      return serving.previous;
    },
    rollback: async () => {
      await learning;
      const went = await serving.goBack();
      if (went) best = undefined;
      return went;
    },
    close: serving.close,
  };
};

const requireUsable = <Sealed>(options: OnlineOptions<Sealed>): void => {
  const { gate, train } = checked("onlineLearner", options, optionRules);
  if (gate.tasks.length === 0)
    throw new ConfigError("The gate has no tasks: give it some that a new version must still solve.");
  if (train.length === 0) throw new ConfigError("Nothing to train: `train` needs at least one policy.");
};

const gateAccuracy = async <Sealed>(
  { flow, gate, reward, seed = 0, train, concurrency }: OnlineOptions<Sealed>,
  abortSignal: AbortSignal | undefined,
): Promise<number> => {
  const { accuracy } = await evaluate({
    flow,
    tasks: gate.tasks,
    reward,
    seed,
    policies: train,
    ...defined({ concurrency, abortSignal }),
  });
  return accuracy;
};
