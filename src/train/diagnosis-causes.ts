/**
 * What keeps a run from learning, a rule each. A rule looks at the course of a run and says what is seen and what to do, or
 * nothing. Its thresholds are for the smallest steps too (one task, two rollouts): it waits for enough groups, rollouts or
 * turns, however many steps these take, and leaves alone what a run that learns shows by chance.
 */
import { percentOf } from "../percent.ts";
import type { DiagnosedStep } from "./diagnosed-step.ts";
import {
  type Course,
  comparedIn,
  driftIn,
  gradedIn,
  malformedIn,
  meanOver,
  rewardIn,
  sharesIn,
  turnsIn,
  type Unmixed,
  windowOf,
} from "./diagnosis-course.ts";
import { familyUnsolved, longerUnsolved, noProgress, rewardCollapse } from "./diagnosis-progress.ts";
import { CLEAR, counted, GOOD, named, type Rule, SHOWN, since, standsStill } from "./diagnosis-rule.ts";

/** Causes by names that stay. */
export const diagnosisCauses = [
  "all-fail",
  "all-solved",
  "no-spread",
  "rewards-missing",
  "tool-crowding",
  "malformed-rising",
  "sampler-drift",
  "steps-undone",
  "same-rollouts",
  "longer-unsolved",
  "family-unsolved",
  "no-progress",
  "reward-collapse",
] as const;
export type DiagnosisCause = (typeof diagnosisCauses)[number];

/** Whether a streak without mixed groups has lasted: at a twentieth solved, 192 rollouts fail once in 20,000 times. */
const hasLasted = (
  streak: Unmixed | undefined,
  evidence: number,
  [steps, groups, rollouts]: readonly [steps: number, groups: number, rollouts: number],
): streak is Unmixed =>
  streak !== undefined &&
  streak.steps >= steps &&
  streak.groups >= groups * evidence &&
  streak.rollouts >= rollouts * evidence;

/** The streak without mixed groups that has lasted, with its cause. */
const streakOf = ({ unmixed, failing, evidence }: Course): { cause: DiagnosisCause; streak: Unmixed } | undefined => {
  if (hasLasted(failing, evidence, [3, 64, 192])) return { cause: "all-fail", streak: failing };
  // Where everything fails of late, it may come to the cause above.
  if (!hasLasted(unmixed, evidence, [5, 64, 256]) || failing !== undefined) return undefined;
  return { cause: unmixed.rewards >= GOOD * unmixed.rollouts ? "all-solved" : "no-spread", streak: unmixed };
};

/** What such a streak's groups earned, and what to do. */
const unmixedAs =
  (cause: DiagnosisCause, what: (streak: Unmixed) => string, advice: (streak: Unmixed) => string): Rule =>
  (course) => {
    const found = streakOf(course);
    if (found?.cause !== cause) return undefined;
    const { streak } = found;
    const { steps, families } = streak;
    const where = families.length === 0 ? "" : ` (families: ${named(families)})`;
    return {
      since: streak.since,
      seen: `No group had different rewards in ${counted(steps, "step")}, so nothing was learnt from them: ${what(streak)}${where}.`,
      advice: advice(streak),
      families,
    };
  };

const allFail = unmixedAs(
  "all-fail",
  ({ groups, rollouts }) => `all ${counted(rollouts, "rollout")} of ${counted(groups, "group")} earned 0`,
  ({ toolErrors }) =>
    toolErrors > 0.9
      ? "Their calls failed as well, so the planner does not know these tools: imitate some plans first (supervised, or learn with coldStart), or take a planner that was made for them (learn with a project)."
      : "Begin with easier tasks, allow more turns, or imitate some plans first (supervised, or learn with coldStart).",
);

const allSolved = unmixedAs(
  "all-solved",
  ({ groups, rollouts, rewards }) =>
    `${counted(rollouts, "rollout")} of ${counted(groups, "group")} earned ${(rewards / rollouts).toFixed(2)} on average`,
  () => "Take harder tasks, or stop here: these are learnt.",
);

const noSpread = unmixedAs(
  "no-spread",
  ({ groups, rollouts, rewards, none, all }) =>
    `the rollouts of each of ${counted(groups, "group")} earned the same, ${(rewards / rollouts).toFixed(2)} on average, 0 in ${none} and 1 in ${all}`,
  () =>
    "Raise the temperature or groupSize, or add tasks between those that are always solved and those that never are.",
);

const rewardsMissing: Rule = ({ recent, evidence }) => {
  const steps = windowOf({ recent, evidence }, "rollouts");
  if (steps === undefined) return undefined;
  const sum = (of: (step: DiagnosedStep) => number): number => steps.reduce((all, step) => all + of(step), 0);
  const [all, missing] = [sum(({ trajectories }) => trajectories), sum(({ noSample }) => noSample)];
  if (missing < 0.2 * all) return undefined;
  const failed = steps.every((step) => step.failed !== undefined) ? sum((step) => step.failed ?? 0) : undefined;
  const parts =
    failed === undefined ? "" : `: the flow failed in ${failed}, and the reward was undefined in ${missing - failed}`;
  return {
    since: since(steps),
    seen: `${missing} of ${counted(all, "rollout")} in the last ${counted(steps.length, "step")} (${percentOf(missing / all)}) have no reward, not even 0, and teach nothing${parts}.`,
    advice:
      failed !== undefined && failed > missing / 2
        ? "Mend the model, the tool or the engine that fails: the failure stands in the trajectories."
        : "Return 0 for an answer that is wrong or missing, and undefined only where nobody can tell.",
  };
};

/** Share that a tool has to have had, share of one that nobody calls any more, and share of one that leaves no room. */
const [USED, UNUSED, CROWDING] = [0.1, 0.02, 0.75];

const toolCrowding: Rule = (course) => {
  const { peaks } = course;
  const steps = windowOf(course, "turns");
  if (steps === undefined || !standsStill(course)) return undefined;
  const shares = sharesIn(steps);
  const [first] = [...shares].sort(([, a], [, b]) => b - a);
  const lost = [...peaks].filter(([tool, peak]) => peak >= USED && (shares.get(tool) ?? 0) < UNUSED);
  if (first === undefined || first[1] < CROWDING || lost.length === 0) return undefined;
  const [tool, share] = first;
  const losses = lost.map(
    ([name, peak]) => `${name} has fallen from ${percentOf(peak)} to ${percentOf(shares.get(name) ?? 0, 1)}`,
  );
  return {
    since: since(steps),
    seen: `${tool} takes ${percentOf(share)} of the turns in the last ${counted(steps.length, "step")}, ${losses.slice(0, SHOWN).join(", ")}, and the mean reward stands still at ${rewardIn(steps).toFixed(2)}.`,
    advice: `Look at what the reward pays for plans of ${tool} alone, imitate plans with the other tools beside it (replay), or go back to a checkpoint that used them.`,
  };
};

const malformedRising: Rule = (course) => {
  const steps = windowOf(course, "turns");
  if (steps === undefined || course.malformed === undefined) return undefined;
  const [now, before] = [malformedIn(steps), course.malformed];
  const turns = steps.reduce((sum, step) => sum + turnsIn(step), 0);
  const error = Math.sqrt((now * (1 - now) + before * (1 - before)) / turns);
  if (now < 0.1 || now - before < Math.max(0.08, CLEAR * error)) return undefined;
  return {
    since: since(steps),
    seen: `${percentOf(now)} of the turns in the last ${counted(steps.length, "step")} were no plan that can be read, up from ${percentOf(before)}.`,
    advice:
      "Lower the learning rate, go back to a checkpoint from before, or imitate valid plans beside the reward (replay); where plans are cut off, allow more tokens (maxTokens).",
  };
};

/** Nats a token that sampler and trainer may differ by before they do. */
const DRIFT = 0.1;

const samplerDrift: Rule = (course) => {
  const steps = windowOf(course, "tokens");
  if (steps === undefined || course.drift === undefined) return undefined;
  const [now, before] = [driftIn(steps), course.drift];
  // Another temperature or a grammar makes them differ from the beginning on: that is weighed, and is no drift.
  if (now < before + DRIFT || now < 3 * before) return undefined;
  return {
    since: since(steps.filter((step) => comparedIn(step) > 0)),
    seen: `Sampler and trainer differ by ${now.toFixed(2)} nats a token in the last ${counted(steps.length, "step")} (klSampler), up from ${before.toFixed(3)}.`,
    advice:
      "Make sure that the newest published version is sampled, roll out fewer steps ahead (maxStaleness), or sample with less quantisation.",
  };
};

/** Steps that are looked at, and how many of them may be undone. */
const [LOOKED_AT, UNDONE] = [10, 3];

const stepsUndone: Rule = ({ recent }) => {
  const steps = recent.slice(-LOOKED_AT);
  const undone = steps.filter((step) => step.undone === true);
  if (undone.length < UNDONE) return undefined;
  const scale = recent.at(-1)?.guard?.stepScale ?? 1;
  const part = scale < 1 ? `1/${Math.round(1 / scale)}` : "the whole";
  return {
    since: since(undone),
    seen: `${undone.length} of the last ${counted(steps.length, "step")} moved the policy too far and were undone; the guard now uses ${part} of the learning rate.`,
    advice: `Lower the learning rate${scale < 1 ? ` to about ${part} of what was asked for` : ""}, or allow longer steps (guard: { klStep }).`,
  };
};

/** Difference of a group's rollouts below which they are the same, and entropy in nats a token below which they must be. */
const [ALIKE, CERTAIN] = [0.1, 0.1];

const sameRollouts: Rule = (course) => {
  const steps = windowOf(course, "groups");
  // Where some group is mixed, its rollouts differ in what matters.
  if (steps === undefined || !hasLasted(course.unmixed, course.evidence, [5, 64, 0])) return undefined;
  if (steps.some(({ distinct }) => distinct === undefined)) return undefined;
  const distinct = meanOver(steps, (step) => step.distinct ?? 0, gradedIn);
  const reward = rewardIn(steps);
  if (distinct > ALIKE || reward >= GOOD) return undefined;
  const entropy = meanOver(steps, (step) => step.entropy, turnsIn);
  return {
    since: since(steps),
    seen: `The rollouts of a group do the same again: in the last ${counted(steps.length, "step")} ${percentOf(distinct)} of them differ, with an entropy of ${entropy.toFixed(2)} nats a token and a mean reward of ${reward.toFixed(2)}.`,
    advice:
      entropy < CERTAIN
        ? "The policy is certain of what it does: go back to an earlier checkpoint, raise the temperature, or imitate other plans beside the reward (replay)."
        : "The policy is not certain, but its sampler is: check the temperature, and that no cache answers in its place.",
  };
};

/** A rule for each cause: one that is forgotten here does not compile. */
export const causeRules: Readonly<Record<DiagnosisCause, Rule>> = {
  "all-fail": allFail,
  "all-solved": allSolved,
  "no-spread": noSpread,
  "rewards-missing": rewardsMissing,
  "tool-crowding": toolCrowding,
  "malformed-rising": malformedRising,
  "sampler-drift": samplerDrift,
  "steps-undone": stepsUndone,
  "same-rollouts": sameRollouts,
  "longer-unsolved": longerUnsolved,
  "family-unsolved": familyUnsolved,
  "no-progress": noProgress,
  "reward-collapse": rewardCollapse,
};
