import { setMaxListeners } from "node:events";
import { type Clock, systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { callback, checked, count, defined, number, objectWith, type Rules, required, ruleOf } from "../options.ts";
import { random, randomKey } from "../random.ts";
import { mapConcurrently, type OnlineLearner, type OnlineOptions, onlineLearner, rollOut } from "../train/index.ts";
import { type ErrorRates, type Evidence, strengthOf, type TrialEvidence } from "./evidence.ts";
import { policyHash, type Versions } from "./policy-hash.ts";
import { type GatePair, startTrial, type Trial, type TrialEnd, type TrialOptions } from "./trial.ts";

export interface ServedLearningOptions<Sealed = unknown> {
  /** What is learnt and how; the trial comes from here. */
  readonly online: Omit<OnlineOptions<Sealed>, "trial">;
  /** Judgements and tasks that start a round. @default 32 */
  readonly every?: number | undefined;
  readonly trial?: Partial<TrialOptions> | undefined;
  /** Keeps the weights that serve, after each change. @default nothing is kept */
  readonly save?: ((versions: Versions) => Promise<void>) | undefined;
  readonly clock?: Clock | undefined;
}

/** How a version came and went. */
export interface LearnedVersion {
  readonly round: number;
  readonly policy: string;
  /** `gate`: it solved too few tasks of the gate to be tried at all. */
  readonly end: TrialEnd | "gate" | "rolled back";
  readonly gate?: { readonly accuracy: number; readonly floor: number };
  readonly evidence?: ShownEvidence;
}

/** One claim and the evidence against it. */
export interface ShownClaim {
  readonly n: number;
  readonly meanDifference: number;
  /** The e-value: at 1/α the claim is refuted at the rate α. */
  readonly strength: number;
}

export interface ShownEvidence {
  readonly gate: Readonly<Record<"better" | "within" | "worse", ShownClaim>>;
  readonly feedback: Readonly<Record<"better" | "worse", ShownClaim>>;
}

/** What is known of the learning of a flow, as data. */
export interface LearningStatus {
  readonly state: "idle" | "training" | "trying";
  readonly serving: string;
  readonly candidate: string | null;
  readonly previous: string | null;
  /** Share of the requests that a candidate answers. */
  readonly share: number;
  readonly rates: { readonly promotion: number; readonly rejection: number };
  readonly waiting: number;
  readonly every: number;
  readonly evidence: ShownEvidence | null;
  readonly history: readonly LearnedVersion[];
  /** Why the last round failed, if it did. */
  readonly failure: string | null;
}

/** A flow that learns while it serves. */
export interface ServedLearning {
  readonly learner: OnlineLearner<unknown>;
  /** The version that is tried at the moment. */
  readonly trial: Trial | undefined;
  readonly status: LearningStatus;
  /** What an answer was worth. Returns false where it is not known. `arm` is absent where it was judged before. */
  judge(trajectory: string, reward: number, arm: "serving" | "candidate" | undefined): boolean;
  /** Ends a trial; without one goes back to the version before. Returns false where there is neither. */
  rollback(): Promise<boolean>;
  /** Settles when no round is under way. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const above0 = number({ above: 0, below: 1 });
const optionRules: Rules<ServedLearningOptions> = {
  online: required(objectWith("the options of onlineLearner")),
  every: count,
  trial: ruleOf<TrialOptions>({
    share: number({ above: 0, most: 1 }),
    tolerance: number({ most: 1 }),
    rates: ruleOf<ErrorRates>({ promotion: required(above0), rejection: required(above0) }),
    batch: count,
    mostPairs: count,
    seconds: number(),
  }),
  save: callback,
  clock: objectWith("a clock", "now", "after"),
};

/** A trial that has ended. */
interface Tried {
  readonly end: TrialEnd;
  readonly evidence: TrialEvidence;
  readonly policy: string;
}

const MOST_HISTORY = 100;
const trialDefaults: TrialOptions = {
  share: 0.1,
  tolerance: 0.05,
  rates: { promotion: 0.01, rejection: 0.05 },
  batch: 16,
  mostPairs: 512,
  seconds: 3600,
};

/**
 * Learning while serving: rounds begin when enough judgements came, and a version that passes the gate answers a share of
 * the requests until a sequential test decides (`decisionOn`). Throws `ConfigError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createFlow, modelPlanner } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { serveLearning } from "agentflow/server";
 *
 * const policy = (await openEngine("agentflow-tiny")).policy("planner");
 * const flow = createFlow({ planner: modelPlanner(policy), tools: {} });
 * const gate = { tasks: [{ id: "g1", question: "How many days has June?", sealed: "30" }] };
 * const reward = ({ sealed }: { readonly sealed: string }, said?: string) => Number(said === sealed);
 * const learning = serveLearning({ online: { flow, train: [policy], reward, gate }, every: 16 });
 * console.log(learning.status.serving);
 * ```
 */
export const serveLearning = <Sealed>(options: ServedLearningOptions<Sealed>): ServedLearning => {
  checked("serveLearning", options, optionRules);
  const { online, every = 32, save = async () => undefined, clock = systemClock } = options;
  const settings: TrialOptions = { ...trialDefaults, ...defined(options.trial ?? {}) };
  const closing = new AbortController();
  // Every solve of a round listens to it.
  setMaxListeners(0, closing.signal);
  const history: LearnedVersion[] = [];
  let trial: Trial | undefined;
  /** The trial of the round under way, once it has ended. */
  const tried: Tried[] = [];
  let round: Promise<void> | undefined;
  let failure: string | null = null;

  const learner = onlineLearner<Sealed>({
    ...online,
    trial: async (candidate, { abortSignal }) => {
      const policy = policyHash(candidate) ?? "";
      const draw = gateDraws(online, learner.versions, candidate, abortSignal);
      const started = startTrial(candidate, draw, waitOn(clock), settings);
      trial = started;
      try {
        const end = await started.ended;
        tried.push({ end, evidence: started.evidence, policy });
        return end === "promote";
      } finally {
        trial = undefined;
      }
    },
  });

  const learn = async (): Promise<void> => {
    try {
      const { index, published, gate, versions } = await learner.learn({ abortSignal: closing.signal });
      failure = null;
      const last = tried.pop();
      note({
        round: index + 1,
        policy: last?.policy ?? policyHash(versions) ?? "",
        end: last?.end ?? "gate",
        gate: { accuracy: gate.accuracy, floor: gate.floor },
        ...(last !== undefined && { evidence: shown(last.evidence) }),
      });
      if (published) await save(learner.versions);
    } catch (error) {
      failure = messageOf(error);
    } finally {
      round = undefined;
    }
  };
  const note = (version: LearnedVersion): void => {
    history.push(version);
    if (history.length > MOST_HISTORY) history.shift();
  };
  const consider = (): void => {
    if (learner.waiting >= every && !closing.signal.aborted) round ??= learn();
  };

  return {
    learner: learner as OnlineLearner<unknown>,
    get trial() {
      return trial;
    },
    get status(): LearningStatus {
      const busy = round === undefined ? "idle" : "training";
      return {
        state: trial === undefined ? busy : "trying",
        serving: policyHash(learner.versions) ?? "",
        candidate: trial === undefined ? null : (policyHash(trial.candidate) ?? null),
        previous: learner.previous === undefined ? null : (policyHash(learner.previous) ?? null),
        share: settings.share,
        rates: settings.rates,
        waiting: learner.waiting,
        every,
        evidence: trial === undefined ? null : shown(trial.evidence),
        history: [...history],
        failure,
      };
    },
    judge: (trajectory, reward, arm) => {
      if (!learner.feedback(trajectory, reward)) return false;
      if (arm !== undefined) trial?.judge(arm, reward);
      consider();
      return true;
    },
    rollback: async () => {
      if (trial !== undefined) {
        trial.stop();
        await round;
        return true;
      }
      const { versions } = learner;
      const went = await learner.rollback();
      if (went) {
        note({ round: history.at(-1)?.round ?? 0, policy: policyHash(versions) ?? "", end: "rolled back" });
        await save(learner.versions);
      }
      return went;
    },
    settled: async () => {
      while (round !== undefined) await round;
    },
    close: async () => {
      closing.abort();
      trial?.stop();
      while (round !== undefined) await round;
      learner.close();
    },
  };
};

/** Solves random tasks of the gate with both versions, with the same draws. A pair without both rewards is left out. */
const gateDraws =
  <Sealed>(
    { flow, gate, reward, seed = 0, concurrency = 16 }: Omit<OnlineOptions<Sealed>, "trial">,
    serving: Versions,
    candidate: Versions,
    abortSignal: AbortSignal | undefined,
  ) =>
  async (first: number, n: number): Promise<readonly GatePair[]> => {
    const name = policyHash(candidate) ?? "";
    const places = Array.from({ length: n }, (_, i) => first + i);
    const pairs = await mapConcurrently(places, Math.min(concurrency, n), async (place) => {
      const key = randomKey(seed, "trial", name, place);
      const task = random(key).pick(gate.tasks);
      const worth = async (arm: string, versions: Versions): Promise<number | undefined> =>
        (
          await rollOut(flow, task, (asked, answer) => reward(asked, answer), {
            id: `trial/${name}/${place}/${arm}`,
            randomKey: key,
            versions,
            ...defined({ abortSignal }),
          })
        ).reward;
      return { serving: await worth("serving", serving), candidate: await worth("candidate", candidate) };
    });
    return pairs.flatMap((pair) =>
      pair.serving === undefined || pair.candidate === undefined
        ? []
        : [{ serving: pair.serving, candidate: pair.candidate }],
    );
  };

const waitOn =
  (clock: Clock) =>
  (seconds: number, abortSignal: AbortSignal): Promise<void> =>
    new Promise((done) => {
      const cancel = clock.after(seconds * 1000, done);
      abortSignal.addEventListener(
        "abort",
        () => {
          cancel();
          done();
        },
        { once: true },
      );
    });

const claim = (evidence: Evidence): ShownClaim => ({
  n: evidence.n,
  meanDifference: evidence.n === 0 ? 0 : evidence.sum / evidence.n,
  strength: strengthOf(evidence),
});

const shown = ({ gate, feedback }: TrialEvidence): ShownEvidence => ({
  gate: { better: claim(gate.better), within: claim(gate.within), worse: claim(gate.worse) },
  feedback: { better: claim(feedback.better), worse: claim(feedback.worse) },
});
