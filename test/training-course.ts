import { type RandomKey, random, randomKey } from "../src/random.ts";
import type { DiagnosedStep } from "../src/train/diagnosed-step.ts";
import { mean, standardDeviation } from "../src/train/statistics.ts";

/** How a made-up run goes. Shares and rates are functions of how far it has come, from 0 to 1. */
export interface CourseOptions {
  readonly seed: number;
  readonly steps: number;
  readonly tasksPerStep: number;
  readonly groupSize: number;
  /** Rounds of further tasks while no group is mixed. @default 0 */
  readonly maxRefills?: number;
  /** Chance that a rollout of a middling task is solved. */
  readonly solved: (share: number) => number;
  /** Families by what they add to the log-odds of that, and by the turns that their plans take. */
  readonly families?: readonly { readonly name: string; readonly odds: number; readonly turns: number }[];
  /** Standard deviation of tasks within a family, in log-odds. @default 1 */
  readonly spread?: number;
  readonly toolShares?: (share: number) => Readonly<Record<string, number>>;
  readonly entropy?: (share: number) => number;
  readonly tell?: "families";
}

const logistic = (odds: number): number => 1 / (1 + Math.exp(-odds));
const logOdds = (chance: number): number => Math.log(chance / (1 - chance));

const usual = [
  { name: "one call", odds: 1, turns: 2 },
  { name: "two calls", odds: 0, turns: 3 },
  { name: "three calls", odds: -1, turns: 4 },
  { name: "five calls", odds: -3, turns: 6 },
];

/** As a planner that begins with random valid plans changes: it stops to guess, and looks things up. */
const learning = (share: number): Readonly<Record<string, number>> => ({
  "(malformed)": 0.03 * (1 - share),
  guess: 0.25 * (1 - share) ** 2 + 0.005,
  calculate: 0.1 + 0.1 * share,
  page: 0.2 + 0.1 * share,
});

interface Drawn {
  readonly family: string;
  readonly rewards: readonly number[];
  readonly turns: readonly number[];
  readonly kinds: number;
}

/** The metrics of a run that never took place: tasks of several families, each rollout solved by chance. */
export const courseOf = (options: CourseOptions): DiagnosedStep[] =>
  Array.from({ length: options.steps }, (_, index) => stepOf(options, index));

const drawGroup = (options: CourseOptions, share: number, key: RandomKey): Drawn => {
  const { groupSize, solved, families = usual, spread = 1 } = options;
  const draws = random(key);
  const family = draws.pick(families);
  const chance = logistic(logOdds(solved(share)) + family.odds + spread * draws.normal());
  // What a planner does otherwise: less and less varied.
  const plans = Math.max(1, Math.round(30 * (1 - share)));
  const rollouts = Array.from({ length: groupSize }, () => {
    const reward = draws.next() < chance ? 1 : 0;
    const kind = reward === 1 && draws.next() < share ? "the plan" : draws.below(plans);
    return { reward, kind, turns: reward === 1 ? family.turns : draws.below(family.turns + 1) + 1 };
  });
  return {
    family: family.name,
    rewards: rollouts.map(({ reward }) => reward),
    turns: rollouts.map(({ turns }) => turns),
    kinds: new Set(rollouts.map(({ kind, reward }) => `${kind} ${reward}`)).size,
  };
};

const isMixed = ({ rewards }: Drawn): boolean => new Set(rewards).size > 1;

const countsOf = (groups: readonly Drawn[]): DiagnosedStep["groups"] => ({
  total: groups.length,
  mixed: groups.filter(isMixed).length,
  allSolved: groups.filter(({ rewards }) => rewards.every((reward) => reward === 1)).length,
  noneSolved: groups.filter(({ rewards }) => rewards.every((reward) => reward === 0)).length,
});

const lengthsOf = (groups: readonly Drawn[]): NonNullable<DiagnosedStep["byTurns"]> => {
  const counts = new Map<number, { tried: number; earned: number }>();
  for (const { turns, rewards } of groups)
    for (const [i, length] of turns.entries()) {
      const known = counts.get(length) ?? { tried: 0, earned: 0 };
      counts.set(length, { tried: known.tried + 1, earned: known.earned + (rewards[i] ?? 0) });
    }
  return Object.fromEntries(counts);
};

const stepOf = (options: CourseOptions, index: number): DiagnosedStep => {
  const { seed, steps, tasksPerStep, groupSize, maxRefills = 0, toolShares = learning } = options;
  const { entropy = (at: number): number => 0.5 * (1 - at) + 0.03 } = options;
  const share = steps === 1 ? 0 : index / (steps - 1);
  const groups: Drawn[] = [];
  for (let round = 0; round <= maxRefills && !groups.some(isMixed); round += 1)
    for (let task = 0; task < tasksPerStep; task += 1)
      groups.push(drawGroup(options, share, randomKey(seed, "course", index, round, task)));
  const rewards = groups.flatMap((group) => group.rewards);
  const names = [...new Set(groups.map(({ family }) => family))].sort();
  const trained = groups.some(isMixed);
  const noise = random(randomKey(seed, "noise", index));
  const shares = toolShares(share);
  const rest = 1 - Object.values(shares).reduce((sum, value) => sum + value, 0);
  return {
    index,
    reward: { mean: mean(rewards), standardDeviation: standardDeviation(rewards) },
    groups: countsOf(groups),
    families: Object.fromEntries(names.map((name) => [name, countsOf(groups.filter(({ family }) => family === name))])),
    klSampler: trained ? 1e-4 * noise.normal() : 0,
    entropy: entropy(share),
    gradientNorm: trained ? 0.2 : 0,
    responseTokens: 12,
    turns: mean(groups.flatMap(({ turns }) => turns)),
    toolShares: { ...shares, search: rest },
    toolErrorRate: 0.15 * (1 - share),
    distinct: mean(groups.map(({ kinds }) => (kinds - 1) / (groupSize - 1))),
    byTurns: lengthsOf(groups),
    trajectories: rewards.length,
    noSample: 0,
    failed: 0,
  };
};
