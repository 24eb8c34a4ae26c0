import type { Flow } from "../../flow/flow.ts";
import type { StopCondition } from "../../flow/stop-condition.ts";
import { type Query, queryOf } from "../../task.ts";
import { stepOf, type Trajectory } from "../../trajectory.ts";
import type { ProjectTask } from "./project-tasks.ts";
import type { Found, Seen } from "./seen.ts";

export interface ConfirmOptions<Own> {
  /** Tells its solves from others. */
  readonly name: string;
  /** Makes the calls of its planner, and does not stop for a value. */
  readonly flow: Flow;
  readonly tasks: readonly ProjectTask<Own>[];
  /** By task; what is found is added. */
  readonly seen: Map<string, Seen>;
  /** Whether the last of the calls, and none before it, states what ends the question, and the reward accepts it. */
  readonly isRight: (task: ProjectTask<Own>, made: Trajectory) => Promise<boolean>;
  readonly abortSignal: AbortSignal;
}

/** Plans of a family that are tried on its other tasks, those that answered most of them first. */
const MOST_PLANS = 6;
/** Tasks of a family on which its plans are tried. */
export const MOST_TRIED = 100;

interface Plan extends Found {
  readonly name: string;
}

/**
 * Tries the commonest plans of a family on those of its tasks that others answered, or none, or that nobody walked over. A plan that answers but one task
 * did so by coincidence.
 */
export const confirmPlans = async <Own>(options: ConfirmOptions<Own>): Promise<void> => {
  const { tasks, seen } = options;
  const families = new Map<string, ProjectTask<Own>[]>();
  for (const task of tasks) families.set(task.sealed.family, [...(families.get(task.sealed.family) ?? []), task]);
  for (const family of families.values()) {
    const plans = commonest(family.flatMap(({ id }) => seen.get(id) ?? []));
    // Those first that were walked over: what is said of a wording is said of them.
    const ranked = [...family.filter(({ id }) => seen.has(id)), ...family.filter(({ id }) => !seen.has(id))];
    for (const task of ranked.slice(0, MOST_TRIED)) await confirm(options, task, plans);
  }
};

/** The first of the plans that answers a task is its way from now on. */
const confirm = async <Own>(
  { name, flow, seen, isRight, abortSignal }: ConfirmOptions<Own>,
  task: ProjectTask<Own>,
  plans: readonly Plan[],
): Promise<void> => {
  const shown = seen.get(task.id);
  for (const [i, { name: called, ...found }] of plans.entries()) {
    abortSignal.throwIfAborted();
    const { plan } = found;
    const isKnown = [...(shown?.accepted.values() ?? [])].some((own) => sameAs(own.plan, plan));
    const query: Query = { ...queryOf(task), turnLimit: plan.length };
    const made = isKnown ? undefined : await callsOf(flow, query, plan, { id: `${name}-${task.id}-${i}`, abortSignal });
    if (made !== undefined && !(made.memory.length === plan.length && (await isRight(task, made)))) continue;
    const { template = "", entities = [] } = made?.analysis ?? {};
    const known = shown ?? { ...nothing, template, entities };
    // First what the whole family has in common; other ways of the task stay behind it.
    const accepted = new Map([[called, found], ...[...known.accepted].filter(([other]) => other !== called)]);
    seen.set(task.id, { ...known, accepted });
    return;
  }
};

const nothing = { accepted: new Map<string, Found>(), truths: new Map(), brought: [], early: [], cases: new Map() };

const sameAs = (a: readonly string[], b: readonly string[]): boolean => a.join("\n") === b.join("\n");

/** Makes the calls of a plan, until one fails. */
const callsOf = async (
  flow: Flow,
  query: Query,
  plan: readonly string[],
  options: { readonly id: string; readonly abortSignal: AbortSignal },
): Promise<Trajectory> => {
  const isVain: StopCondition = ({ memory }) =>
    memory.at(-1)?.observation.status === "ok" ? undefined : "no-progress";
  const { trajectory } = await flow
    .with({ planner: ({ turn }) => ({ step: stepOf(plan[turn - 1] ?? "") }), loopDetectors: [isVain] })
    .solve(query, options);
  return trajectory;
};

/** The plans that answered most tasks. */
const commonest = (shown: readonly Seen[]): readonly Plan[] => {
  const counts = new Map<string, { readonly one: Plan; times: number }>();
  for (const { accepted } of shown)
    for (const [name, found] of accepted) {
      const key = found.plan.join("\n");
      const known = counts.get(key) ?? { one: { name, ...found }, times: 0 };
      counts.set(key, known);
      known.times += 1;
    }
  return [...counts.values()]
    .sort((a, b) => b.times - a.times || a.one.plan.length - b.one.plan.length)
    .slice(0, MOST_PLANS)
    .map(({ one }) => one);
};
