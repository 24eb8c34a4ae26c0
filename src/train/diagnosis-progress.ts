/** Rules about what is not reached, or not kept, by a run that has something to learn from. */
import { percentOf } from "../percent.ts";
import { gradedIn, paceIn, rewardIn, windowOf } from "./diagnosis-course.ts";
import { CLEAR, counted, GOOD, named, type Rule, SHOWN, shortened, standsStill } from "./diagnosis-rule.ts";

/** Rollouts without a success after which a family is unsolved: at a fiftieth solved, these fail once in 175 times. */
const UNSOLVED = 256;

export const longerUnsolved: Rule = (course) => {
  const { evidence } = course;
  const { turns, beyond, longest, since: began } = course.reach;
  const steps = windowOf(course, "rollouts");
  if (steps === undefined || turns === 0 || beyond < 512 * evidence || !standsStill(course)) return undefined;
  const lengths = steps.flatMap(({ byTurns = {} }) => Object.entries(byTurns));
  const tried = (least: number): number =>
    lengths.reduce((sum, [length, counts]) => sum + (Number(length) > least ? counts.tried : 0), 0);
  const known = [...course.families];
  const unsolved = known
    .filter(([, { rollouts, earned }]) => !earned && rollouts >= UNSOLVED * evidence)
    .map(([family]) => family);
  // Where every family was solved at times, long rollouts are plans that went wrong.
  if (tried(turns) < 0.3 * tried(0) || (known.length > 0 && unsolved.length === 0)) return undefined;
  return {
    since: began,
    seen: `No rollout of more than ${counted(turns, "turn")} has earned more than ½, of ${beyond} with up to ${longest} turns${unsolved.length === 0 ? "" : `, and none of the families ${named(unsolved)}`}.`,
    advice: `Add tasks that take ${turns + 1} turns, imitate longer plans first (supervised, or learn with coldStart), or allow more turns.`,
    ...(unsolved.length > 0 && { families: unsolved }),
  };
};

/** Mean reward of the other families from which on one that earns nothing is left behind, and steps that it is given. */
const [OTHERS, GIVEN] = [0.4, 20];

export const familyUnsolved: Rule = (course) => {
  const steps = windowOf(course, "groups");
  const { index = 0 } = course.recent.at(-1) ?? {};
  const unsolved = [...course.families].filter(
    ([, { failing, since: began }]) => failing >= UNSOLVED * course.evidence && index - began + 1 >= GIVEN,
  );
  if (steps === undefined || unsolved.length === 0) return undefined;
  const names = unsolved.map(([family]) => family);
  const groups = steps.flatMap(({ families = {} }) => Object.entries(families));
  const [all, others] = [groups, groups.filter(([family]) => !names.includes(family))].map((list) =>
    list.reduce((sum, [, { total }]) => sum + total, 0),
  );
  // They earn nothing themselves: all that is earned is the others'.
  const earned = (rewardIn(steps) * (all ?? 0)) / (others ?? 0);
  if (!(earned >= OTHERS)) return undefined;
  const tried = unsolved.map(([family, { failing }]) => `${shortened(family)} (${counted(failing, "rollout")})`);
  const more = tried.length > SHOWN ? ` and ${tried.length - SHOWN} more` : "";
  const first = Math.min(...unsolved.map(([, { since: began }]) => began));
  return {
    since: first,
    seen: `${names.length === 1 ? "A family has" : `${names.length} families have`} earned nothing since step ${first + 1}, while the others earn ${earned.toFixed(2)}: ${tried.slice(0, SHOWN).join(", ")}${more}.`,
    advice:
      "See whether its tasks can be solved with these tools and turns (learn --check), add shorter relatives of them, allow more turns, or imitate what was solved by chance again (replay: { successes }).",
    families: names,
  };
};

/** Share of mixed groups from which on there was something to learn from, and what a run may lose and still stand still. */
const [MIXED, LOST] = [0.25, 0.1];

export const noProgress: Rule = ({ pace, furthest, recent, evidence }) => {
  const steps = paceIn({ recent, evidence });
  if (steps === undefined || pace === undefined || furthest === undefined || pace.mean >= GOOD) return undefined;
  const still = pace.index - furthest.index;
  // Three windows, one after the other, none of which was better than the best before them.
  if (still < 3 * steps.length || furthest.mean - pace.mean > LOST) return undefined;
  const groups = steps.reduce((sum, step) => sum + gradedIn(step), 0);
  const mixed = steps.reduce((sum, step) => sum + step.groups.mixed, 0) / groups;
  if (mixed < MIXED) return undefined;
  return {
    since: furthest.index + 1,
    seen: `The mean reward has stood still for ${counted(still, "step")}, at ${pace.mean.toFixed(2)} in the last ${steps.length} and ${furthest.mean.toFixed(2)} at best, although ${percentOf(mixed)} of the groups were mixed.`,
    advice:
      "See which families stay behind (families in the metrics) and what can be reached at all (learn --check, a larger model); then take more tasks a step or larger groups (tasksPerStep, groupSize), another learning rate, or a smaller beta.",
  };
};

export const rewardCollapse: Rule = ({ level, best }) => {
  if (level === undefined || best === undefined || best.index === level.index) return undefined;
  const variance = ({ mean, groups }: typeof level): number => (mean * (1 - mean)) / groups;
  const fall = best.mean - level.mean;
  const error = Math.sqrt(Math.max(0, variance(best)) + Math.max(0, variance(level)));
  if (fall < Math.max(0.15, 0.4 * best.mean, CLEAR * error)) return undefined;
  return {
    since: best.index + 1,
    seen: `The mean reward has fallen to ${level.mean.toFixed(2)}, from ${best.mean.toFixed(2)} at step ${best.index + 1}.`,
    advice:
      "Go back to a checkpoint from before (runs fork <run>@<step>) and lower the learning rate, or raise beta or replay, which keep the policy near plans that worked.",
  };
};
