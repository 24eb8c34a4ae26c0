import type { EnvironmentTask } from "../../environment.ts";
import { MOST_TRIED } from "./confirm.ts";
import type { FamilyReach, Reach, Seen } from "./seen.ts";

/** A wording stays behind where its tasks, had they been answered as often as the others, would all have failed this rarely. */
const CHANCE = 0.01;
/** Wordings of a family that are spoken of. */
const MOST_SPOKEN = 3;

/** What walks over tasks have shown, by task. */
export interface Shown {
  readonly seen: ReadonlyMap<string, Seen>;
  readonly routes: ReadonlyMap<string, readonly string[]>;
  /** The tool at which a question would end too early. */
  readonly early: ReadonlyMap<string, string>;
  /** Turns of a question that does not say. */
  readonly turns: number;
}

/** How far walks over the tasks of a family came, and over which of its wordings they came to nothing. */
export const reachedIn = (family: readonly EnvironmentTask[], known: Shown): FamilyReach => {
  const { seen } = known;
  const whole = reachOf(family, known);
  const wordings = new Map<string, EnvironmentTask[]>();
  for (const task of family) {
    const template = seen.get(task.id)?.template;
    if (template !== undefined) wordings.set(template, [...(wordings.get(template) ?? []), task]);
  }
  const unanswered = [...wordings.values()]
    .map((tasks) => reachOf(tasks, known))
    .filter(({ walked, answered }) => {
      const others = whole.walked - walked;
      return answered === 0 && others > 0 && (1 - whole.answered / others) ** walked <= CHANCE;
    });
  return { ...whole, unanswered: unanswered.slice(0, MOST_SPOKEN) };
};

/** Share of the walks that must have come to a thing for it to be no coincidence. */
export const OFTEN = 0.2;

/** Whether what answered some tasks of a family did so by coincidence: its plans answer few others. */
export const isRare = ({ answered, walked, tried }: Pick<Reach, "answered" | "walked" | "tried">): boolean =>
  answered < OFTEN * Math.max(walked, tried);

const reachOf = (tasks: readonly EnvironmentTask[], { seen, routes, early, turns }: Shown): Reach => {
  const shown = tasks.flatMap(({ id }) => seen.get(id) ?? []);
  const isAnswered = ({ id }: EnvironmentTask): boolean => (seen.get(id)?.accepted.size ?? 0) > 0 && !early.has(id);
  const answered = tasks.filter(isAnswered).length;
  const vain = tasks.find((task) => seen.has(task.id) && !isAnswered(task));
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
    vain: vain && { question: vain.question, entities: seen.get(vain.id)?.entities ?? [] },
    early: tasks.flatMap(({ id }) => early.get(id) ?? []),
  };
};
