/** What a diagnosis remembers of a run: its newest steps, and a few figures of all of them. Its size is bounded. */
import type { DiagnosedStep } from "./diagnosed-step.ts";

/** Steps that are remembered: no window is longer. */
const REMEMBERED = 96;
/** Steps that a window has at least. */
const LEAST = 5;
/** What a mean reward must gain to be a new best one. */
const BETTER = 0.005;
/** Names of families that are remembered. */
const NAMES = 200;

/** How much must be seen before a figure is taken for one, at `evidence` 1. */
const NEEDED = { groups: 48, turns: 128, tokens: 512, rollouts: 64 };

/** Steps in a row in which no group had different rewards. */
export interface Unmixed {
  readonly since: number;
  readonly steps: number;
  readonly groups: number;
  readonly rollouts: number;
  /** Groups that earned nothing, and groups that earned 1 throughout. */
  readonly none: number;
  readonly all: number;
  readonly rewards: number;
  /** The lowest share of turns that were refused or failed. */
  readonly toolErrors: number;
  readonly families: readonly string[];
}

/** A mean reward of a window, of how many groups, and the last step of the window. */
export interface Level {
  readonly mean: number;
  readonly groups: number;
  readonly index: number;
}

/** The longest rollout that has earned anything, since which step it is, and rollouts that were longer since then. */
export interface Reach {
  readonly turns: number;
  readonly since: number;
  readonly beyond: number;
  readonly longest: number;
}

export interface Course {
  readonly evidence: number;
  /** The newest steps, the newest last. */
  readonly recent: readonly DiagnosedStep[];
  readonly unmixed: Unmixed | undefined;
  /** The part of it in which every reward was 0, to its end. */
  readonly failing: Unmixed | undefined;
  /** The mean reward now, and the best one until now. */
  readonly level: Level | undefined;
  readonly best: Level | undefined;
  /** Tool → the largest share of turns that it had in any window. */
  readonly peaks: ReadonlyMap<string, number>;
  /** The smallest share of malformed turns, and the smallest distance of sampler and trainer, of any window. */
  readonly malformed: number | undefined;
  readonly drift: number | undefined;
  readonly reach: Reach;
  /** The mean reward of a longer window, which chance hardly moves, and the best one until now. */
  readonly pace: Level | undefined;
  readonly furthest: Level | undefined;
  readonly families: ReadonlyMap<string, FamilyCourse>;
}

/** What the rollouts of a family have earned. */
export interface FamilyCourse {
  readonly rollouts: number;
  /** Whether any of them earned anything, until now. */
  readonly earned: boolean;
  /** Rollouts that earned nothing since the last one that did, and the first step with one. */
  readonly failing: number;
  readonly since: number;
}

export const newCourse = (evidence: number): Course => ({
  evidence,
  recent: [],
  unmixed: undefined,
  failing: undefined,
  level: undefined,
  best: undefined,
  peaks: new Map(),
  malformed: undefined,
  drift: undefined,
  reach: { turns: 0, since: 0, beyond: 0, longest: 0 },
  pace: undefined,
  furthest: undefined,
  families: new Map(),
});

const rewarded = ({ trajectories, noSample }: DiagnosedStep): number => trajectories - noSample;
export const turnsIn = ({ turns, trajectories }: DiagnosedStep): number => turns * trajectories;
/** Groups whose rollouts have rewards. */
export const gradedIn = (step: DiagnosedStep): number =>
  step.trajectories === 0 ? 0 : (step.groups.total * rewarded(step)) / step.trajectories;
/** Tokens that sampler and trainer were compared on: none where nothing was trained. */
export const comparedIn = ({ klSampler, gradientNorm, responseTokens, trajectories }: DiagnosedStep): number =>
  klSampler === 0 && gradientNorm === 0 ? 0 : responseTokens * trajectories;

const total = (steps: readonly DiagnosedStep[], of: (step: DiagnosedStep) => number): number =>
  steps.reduce((sum, step) => sum + of(step), 0);

/** The mean of a figure over steps, by what it is a figure of. */
export const meanOver = (
  steps: readonly DiagnosedStep[],
  of: (step: DiagnosedStep) => number,
  weight: (step: DiagnosedStep) => number,
): number => total(steps, (step) => (weight(step) === 0 ? 0 : of(step) * weight(step))) / total(steps, weight);

const amounts = { groups: gradedIn, turns: turnsIn, tokens: comparedIn, rollouts: rewarded };

/** The newest steps that show enough groups, turns, tokens or rollouts; undefined as long as there are not enough. */
export const windowOf = (
  { recent, evidence }: Pick<Course, "recent" | "evidence">,
  kind: keyof typeof NEEDED,
  { steps: least, amount }: { readonly steps: number; readonly amount: number } = {
    steps: LEAST,
    amount: NEEDED[kind],
  },
): readonly DiagnosedStep[] | undefined => {
  let seen = 0;
  for (let length = 1; length <= recent.length; length += 1) {
    const step = recent.at(-length);
    if (step !== undefined) seen += amounts[kind](step);
    if (length >= least && seen >= amount * evidence) return recent.slice(-length);
  }
  return undefined;
};

/** The newest steps whose mean reward chance hardly moves. */
export const paceIn = (course: Pick<Course, "recent" | "evidence">): readonly DiagnosedStep[] | undefined =>
  windowOf(course, "groups", { steps: 24, amount: 192 });

export const rewardIn = (steps: readonly DiagnosedStep[]): number =>
  meanOver(steps, ({ reward }) => reward.mean, rewarded);

const shareOf = (tool: string, { toolShares }: DiagnosedStep): number =>
  Object.hasOwn(toolShares, tool) ? (toolShares[tool] ?? 0) : 0;

/** Tools by their share of the turns of a window; what was no call of a tool is left out. */
export const sharesIn = (steps: readonly DiagnosedStep[]): ReadonlyMap<string, number> => {
  const tools = new Set(steps.flatMap(({ toolShares }) => Object.keys(toolShares)));
  return new Map(
    [...tools]
      .filter((tool) => !tool.startsWith("("))
      .sort()
      .map((tool) => [tool, meanOver(steps, (step) => shareOf(tool, step), turnsIn)]),
  );
};

export const malformedIn = (steps: readonly DiagnosedStep[]): number =>
  meanOver(steps, (step) => shareOf("(malformed)", step), turnsIn);

export const driftIn = (steps: readonly DiagnosedStep[]): number =>
  Math.abs(meanOver(steps, ({ klSampler }) => klSampler, comparedIn));

/** The course after one step more. */
export const courseAfter = (course: Course, step: DiagnosedStep): Course => {
  const recent = [...course.recent, step].slice(-REMEMBERED);
  const seen = { recent, evidence: course.evidence };
  const level = levelOf(windowOf(seen, "groups"));
  const byTools = windowOf(seen, "turns");
  const compared = windowOf(seen, "tokens");
  const pace = levelOf(paceIn(seen));
  return {
    ...seen,
    unmixed: unmixedAfter(course.unmixed, step),
    failing: step.reward.mean === 0 ? unmixedAfter(course.failing, step) : undefined,
    level,
    best: betterOf(course.best, level, BETTER),
    pace,
    furthest: betterOf(course.furthest, pace, 2 * BETTER),
    peaks: byTools === undefined ? course.peaks : peaksAfter(course.peaks, sharesIn(byTools)),
    malformed: byTools === undefined ? course.malformed : lower(course.malformed, malformedIn(byTools)),
    drift: compared === undefined ? course.drift : lower(course.drift, driftIn(compared)),
    reach: reachAfter(course.reach, step),
    families: familiesAfter(course.families, step),
  };
};

const lower = (known: number | undefined, value: number): number => Math.min(known ?? value, value);

const betterOf = (best: Level | undefined, level: Level | undefined, by: number): Level | undefined =>
  level !== undefined && level.mean > (best?.mean ?? -1) + by ? level : best;

const levelOf = (steps: readonly DiagnosedStep[] | undefined): Level | undefined => {
  const last = steps?.at(-1);
  if (steps === undefined || last === undefined) return undefined;
  return {
    mean: rewardIn(steps),
    groups: total(steps, gradedIn),
    index: last.index,
  };
};

const unmixedAfter = (before: Unmixed | undefined, step: DiagnosedStep): Unmixed | undefined => {
  const { groups, reward, toolErrorRate, index, families = {} } = step;
  if (groups.mixed > 0) return undefined;
  // Without a reward there is nothing to say about rewards.
  if (rewarded(step) === 0) return before;
  const names = new Set([...(before?.families ?? []), ...Object.keys(families)]);
  return {
    since: before?.since ?? index,
    steps: (before?.steps ?? 0) + 1,
    groups: (before?.groups ?? 0) + gradedIn(step),
    rollouts: (before?.rollouts ?? 0) + rewarded(step),
    none: (before?.none ?? 0) + groups.noneSolved,
    all: (before?.all ?? 0) + groups.allSolved,
    rewards: (before?.rewards ?? 0) + reward.mean * rewarded(step),
    toolErrors: lower(before?.toolErrors, toolErrorRate),
    families: [...names].sort().slice(0, NAMES),
  };
};

const peaksAfter = (peaks: Course["peaks"], shares: ReadonlyMap<string, number>): Course["peaks"] =>
  new Map([...peaks, ...[...shares].map(([tool, share]) => [tool, Math.max(share, peaks.get(tool) ?? 0)] as const)]);

const reachAfter = (reach: Reach, { byTurns = {}, index }: DiagnosedStep): Reach => {
  const lengths = Object.entries(byTurns).map(([turns, counts]) => ({ turns: Number(turns), ...counts }));
  const turns = Math.max(reach.turns, ...lengths.filter(({ earned }) => earned > 0).map((length) => length.turns));
  const beyond = lengths.filter((length) => length.turns > turns);
  const tried = beyond.reduce((sum, length) => sum + length.tried, 0);
  const longest = Math.max(0, ...beyond.map((length) => length.turns));
  return turns > reach.turns
    ? { turns, since: index, beyond: tried, longest }
    : { ...reach, beyond: reach.beyond + tried, longest: Math.max(reach.longest, longest) };
};

const familiesAfter = (before: Course["families"], { families = {}, ...step }: DiagnosedStep): Course["families"] => {
  const after = new Map(before);
  const rolloutsOf = (groups: number): number => (groups * step.trajectories) / Math.max(1, step.groups.total);
  for (const [family, { total: groups, mixed, allSolved, noneSolved }] of Object.entries(families)) {
    if (after.size >= NAMES && !after.has(family)) continue;
    const known = after.get(family) ?? { rollouts: 0, earned: false, failing: 0, since: step.index };
    const rollouts = known.rollouts + rolloutsOf(groups);
    const solved = mixed + allSolved > 0;
    // Groups that are neither have no reward, or all the same part of one.
    const some = solved || (step.noSample === 0 && noneSolved < groups);
    const [failing, since] = some ? [0, step.index + 1] : [known.failing + rolloutsOf(noneSolved), known.since];
    after.set(family, { rollouts, earned: known.earned || solved, failing, since });
  }
  return after;
};
