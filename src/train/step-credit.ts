import { listOf, number, objectWith, oneOf, type Rules, required, ruleOf } from "../options.ts";
import { failedForNow, type MemoryEntry, type TrainedTurn } from "../trajectory.ts";
import { type AdvantageKind, advantages, hasSpread } from "./advantage.ts";
import type { Group, Rollout } from "./roll-out.ts";
import { mean } from "./statistics.ts";

/**
 * What a turn's own step adds to the advantage of its rollout:
 * - `none`: nothing, all turns of a rollout share its outcome (Flow-GRPO).
 * - `same-state`: steps of a group that were taken from the same prompt are compared with each other by what came of them,
 *   discounted a turn (GiGPO, arXiv 2505.10978).
 * - `progress`: how much nearer a step came to what a successful rollout of the group knew in the end (after GraphGPO,
 *   arXiv 2605.26684), compared with all steps of the group.
 * - `last-turn`: the opposite of the rollout's advantage in all turns but the last, so that only the last one learns: how agents
 *   are trained on their final answers alone.
 * - `discovery`: whether its call brought anything that was not known, compared with all steps of the group that did not end
 *   it; so a group in which all fail still teaches to make calls that work and lead on.
 */
export type StepCredit = "none" | "same-state" | "progress" | "discovery" | "last-turn";

export interface StepCreditOptions {
  readonly stepCredit: StepCredit;
  /** Of `same-state`: what a turn more between a step and the outcome multiplies its return by. */
  readonly stepDiscount: number;
  readonly advantage: AdvantageKind;
}

const groupRule = ruleOf<Group>(
  { task: required(objectWith("a task")), rollouts_G: required(listOf(objectWith("a rollout"))) },
  { others: "any" },
);

const optionRules: Rules<StepCreditOptions> = {
  stepCredit: required(oneOf("none", "same-state", "progress", "discovery", "last-turn")),
  stepDiscount: required(number({ most: 1 })),
  advantage: required(oneOf("paper", "no-std", "leave-one-out", "max-rl")),
};

/**
 * The credit of each trained turn of some groups; a turn that is not there has none.
 *
 * @example
 * ```ts
 * import { type Group, stepCredits } from "agentflow/train";
 *
 * const creditsOf = (groups: readonly Group[]) =>
 *   stepCredits(groups, { stepCredit: "same-state", stepDiscount: 0.95, advantage: "paper" });
 * ```
 */
export const stepCredits = (groups: readonly Group[], options: StepCreditOptions): ReadonlyMap<TrainedTurn, number> => {
  required(listOf(groupRule))(groups, "stepCredits: groups");
  ruleOf(optionRules, { others: "any" })(options, "stepCredits: the options");
  const of = { none: undefined, "same-state": sameState, progress, discovery, "last-turn": lastTurn }[
    options.stepCredit
  ];
  const credits = new Map<TrainedTurn, number>();
  if (of !== undefined) for (const group of groups) of(samplesOf(group), options, credits);
  return credits;
};

type Sample = Rollout & { readonly reward: number };
type Credits = Map<TrainedTurn, number>;

const samplesOf = ({ rollouts_G }: Group): readonly Sample[] =>
  rollouts_G.flatMap(({ trajectory, reward }) => (reward === undefined ? [] : { trajectory, reward }));

const sameState = (samples: readonly Sample[], { stepDiscount, advantage }: StepCreditOptions, credits: Credits) => {
  const states = new Map<string, { readonly turn: TrainedTurn; readonly worth: number }[]>();
  for (const { trajectory, reward } of samples)
    for (const turn of trajectory.turns) {
      const state = `${turn.module} ${turn.prompt.map(({ ids }) => ids.join()).join()}`;
      const taken = states.get(state) ?? [];
      states.set(state, taken);
      taken.push({ turn, worth: reward * stepDiscount ** (trajectory.memory.length - turn.turn) });
    }
  for (const taken of states.values()) {
    const credit = advantages(
      taken.map(({ worth }) => worth),
      advantage,
    );
    for (const [i, { turn }] of taken.entries()) credits.set(turn, credit[i] ?? 0);
  }
};

/** What is known after each turn, from nothing on: the calls that succeeded, in whatever order. Memory only grows. */
const statesOf = (memory: readonly MemoryEntry[]): readonly ReadonlySet<string>[] => {
  const known = new Set<string>();
  return [
    new Set<string>(),
    ...memory.map(({ call, observation }) => {
      if (observation.status === "ok") known.add(JSON.stringify(call));
      return new Set(known);
    }),
  ];
};

const progress = (samples: readonly Sample[], { advantage }: StepCreditOptions, credits: Credits) => {
  if (!hasSpread(samples.map(({ reward }) => reward))) return;
  const best = Math.max(...samples.map(({ reward }) => reward));
  const walks = samples.map(({ trajectory, reward }) => ({ trajectory, reward, states: statesOf(trajectory.memory) }));
  // Steps from a state of a successful rollout to its end.
  const known = walks
    .filter(({ reward }) => reward === best)
    .flatMap(({ states }) => states.map((state, i) => ({ state, left: states.length - 1 - i })));
  const far = 1 + Math.max(...known.map(({ left }) => left));
  /** What a smaller memory leads to, a larger one leads to as well. */
  const leftFrom = (state: ReadonlySet<string>): number =>
    known.reduce((least, one) => (one.left < least && isWithin(one.state, state) ? one.left : least), far);
  const steps = walks.flatMap(({ trajectory, states }) => {
    const left = states.map(leftFrom);
    return trajectory.turns.map((turn) => ({
      turn,
      gain: (left[turn.turn - 1] ?? 0) - (left[turn.turn] ?? left.at(-1) ?? 0),
    }));
  });
  const credit = advantages(
    steps.map(({ gain }) => gain),
    advantage,
  );
  for (const [i, { turn }] of steps.entries()) credits.set(turn, credit[i] ?? 0);
};

const lastTurn = (samples: readonly Sample[], { advantage }: StepCreditOptions, credits: Credits) => {
  const advantage_G = advantages(
    samples.map(({ reward }) => reward),
    advantage,
  );
  for (const [i, { trajectory }] of samples.entries()) {
    const last = Math.max(...trajectory.turns.map(({ turn }) => turn));
    for (const turn of trajectory.turns) if (turn.turn < last) credits.set(turn, -(advantage_G[i] ?? 0));
  }
};

/** What a discovery is worth beside a reward of 1. */
const DISCOVERY = 0.5;

const discovery = (samples: readonly Sample[], _: StepCreditOptions, credits: Credits) => {
  const steps = samples.flatMap(({ trajectory: { turns, memory } }) => {
    const found = discoveriesIn(memory);
    return turns.flatMap((turn) => {
      const entry = memory[turn.turn - 1];
      // What ends a rollout is for the reward to judge; what failed for now is nobody's mistake.
      if (entry === undefined || entry.verdict.decision === "stop" || failedForNow(entry.observation)) return [];
      return [{ turn, worth: found.has(entry) ? DISCOVERY : 0 }];
    });
  });
  const average = mean(steps.map(({ worth }) => worth));
  for (const { turn, worth } of steps) credits.set(turn, worth - average);
};

/** The entries that brought a value that no earlier one holds. */
const discoveriesIn = (memory: readonly MemoryEntry[]): ReadonlySet<MemoryEntry> => {
  const known = new Set<string>();
  return new Set(
    memory.filter(({ observation }) => {
      if (observation.status !== "ok") return false;
      const before = known.size;
      const values = Object.values(observation.fields).map(({ kind, value, unit }) => `${kind} ${value} ${unit}`);
      for (const value of values.length > 0 ? values : [observation.text]) known.add(value);
      return known.size > before;
    }),
  );
};

const isWithin = (smaller: ReadonlySet<string>, larger: ReadonlySet<string>): boolean =>
  smaller.size <= larger.size && [...smaller].every((one) => larger.has(one));
