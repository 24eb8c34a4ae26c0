import { MOST_TRIED } from "./confirm.ts";
import type { ProjectTask } from "./project-tasks.ts";
import type { FamilyReach, Reach, Seen, Unanswered } from "./seen.ts";

/** A wording stays behind where its tasks, had they been answered as often as the others, would all have failed this rarely. */
const CHANCE = 0.01;
/** Wordings of a family that are spoken of. */
const MOST_SPOKEN = 3;

/** How far walks over the tasks of a family came, and over which of its wordings they came to nothing. */
export const reachedIn = (
  family: readonly ProjectTask[],
  seen: ReadonlyMap<string, Seen>,
  routes: ReadonlyMap<string, readonly string[]>,
  turns: number,
): FamilyReach => {
  const whole = reachOf(family, seen, routes, turns);
  const wordings = new Map<string, ProjectTask[]>();
  for (const task of family) {
    const template = seen.get(task.id)?.template;
    if (template !== undefined) wordings.set(template, [...(wordings.get(template) ?? []), task]);
  }
  const unanswered = [...wordings.values()].flatMap((tasks): Unanswered[] => {
    const [first] = tasks;
    const reach = reachOf(tasks, seen, routes, turns);
    const others = whole.walked - reach.walked;
    if (first === undefined || reach.answered > 0 || others === 0) return [];
    if ((1 - whole.answered / others) ** reach.walked > CHANCE) return [];
    return [{ question: first.question, entities: seen.get(first.id)?.entities ?? [], reach }];
  });
  return { ...whole, unanswered: unanswered.slice(0, MOST_SPOKEN) };
};

const reachOf = (
  tasks: readonly ProjectTask[],
  seen: ReadonlyMap<string, Seen>,
  routes: ReadonlyMap<string, readonly string[]>,
  turns: number,
): Reach => {
  const shown = tasks.flatMap(({ id }) => seen.get(id) ?? []);
  const answered = shown.filter(({ accepted }) => accepted.size > 0).length;
  return {
    walked: shown.length,
    tried: answered === 0 ? 0 : Math.min(tasks.length, MOST_TRIED),
    answered,
    turns: Math.max(...tasks.map(({ turnLimit = turns }) => turnLimit)),
    routes: tasks.flatMap(({ id }) => {
      const plan = routes.get(id);
      return plan === undefined ? [] : [plan];
    }),
    brought: shown.flatMap(({ brought }) => brought),
    early: shown.flatMap(({ early, accepted }) => (accepted.size === 0 && early.length > 0 ? [early] : [])),
  };
};
