import type { EnvironmentSealed, EnvironmentTask } from "../../environment.ts";
import type { Flow } from "../../flow/flow.ts";
import type { StopCondition } from "../../flow/stop-condition.ts";
import { settledWithin } from "../../settled-within.ts";
import { type Query, queryOf } from "../../task.ts";
import { stepOf, type Trajectory } from "../../trajectory.ts";
import { isNamedIn } from "../asked-words.ts";
import { groupsOf } from "../fragments.ts";
import { calculationName } from "./answers.ts";
import { crossed, type Ending } from "./crossed.ts";
import type { Found, Seen } from "./seen.ts";

export interface ConfirmOptions<Sealed extends EnvironmentSealed> {
  /** Tells its solves from others. */
  readonly name: string;
  /** Makes the calls of its planner, and does not stop for a value. */
  readonly flow: Flow;
  /** By task; what is found is added. */
  readonly seen: Map<string, Seen>;
  /** Whether the last of the calls, and none before it, states what ends the question, and the reward accepts it. */
  readonly isRight: (task: EnvironmentTask<Sealed>, made: Trajectory) => Promise<boolean>;
  readonly abortSignal: AbortSignal;
}

/** Plans of a family that are tried on its other tasks, those that answered most of them first. */
const MOST_PLANS = 6;
/** Tasks of a family on which its plans are tried. */
export const MOST_TRIED = 100;

/** What was found, under the name of its calculation. */
export interface Plan extends Found {
  readonly name: string;
}

/** Tasks of a family by which its plans are compared. */
const COMPARED = 48;
/** Tasks on which a crossed plan is tried before it is tried on more, if it answers one of them. */
const PROBED = 8;
/** What the calls of a plan may take on one task: a tool that never answers would hold a run before it begins. */
const PLAN_SECONDS = 300;

/** Ways of other families, which are tried where a family's own leave some of it unanswered. */
export interface Crossing {
  readonly endings: readonly Ending[];
  /** Tasks on which crossed plans are tried, at most, counted for each plan and over all families. */
  readonly most: number;
  /** Called before each family, with its number from 0. */
  readonly onFamily: (index: number) => void;
}

/**
 * Tries the commonest plans of a family on its tasks, whoever answered them: that which answers most, or of two the one
 * whose fields the questions name, is the way of all that it answers, since others answer some by coincidence. Then on
 * tasks that nobody walked over. Each plan is tried once on each task, however often it is asked for.
 */
export const confirming = <Sealed extends EnvironmentSealed>(
  options: ConfirmOptions<Sealed>,
): ((tasks: readonly EnvironmentTask<Sealed>[], crossing?: Crossing) => Promise<void>) => {
  const { seen } = options;
  const answers = answering(options);
  return async (tasks, crossing) => {
    const left = { tries: crossing?.most ?? 0 };
    for (const [i, family] of [...groupsOf(tasks, ({ sealed }) => sealed.family).values()].entries()) {
      crossing?.onFamily(i);
      // Those first that were walked over: what is said of a wording is said of them.
      const tried = [...family.filter(({ id }) => seen.has(id)), ...family.filter(({ id }) => !seen.has(id))];
      const plans = commonest(family.flatMap(({ id }) => seen.get(id) ?? []));
      const ranked = await compared(plans, crossing?.endings ?? [], tried.slice(0, COMPARED), answers, left);
      for (const task of tried.slice(0, MOST_TRIED)) {
        for (const plan of ranked) {
          const read = await answers(task, plan);
          if (read === undefined) continue;
          const { name, ...found } = plan;
          const known = seen.get(task.id) ?? { ...nothing, ...read };
          // First what the whole family has in common; other ways of the task stay behind it.
          const accepted = new Map([[name, found], ...[...known.accepted].filter(([other]) => other !== name)]);
          seen.set(task.id, { ...known, accepted });
          break;
        }
      }
    }
  };
};

/** How a task is read, where a plan answers it. */
type Answers<Sealed extends EnvironmentSealed> = (
  task: EnvironmentTask<Sealed>,
  plan: Plan,
) => Promise<Pick<Seen, "template" | "entities"> | undefined>;

/** A plan that was tried on tasks. */
interface Tried<Sealed extends EnvironmentSealed> {
  readonly plan: Plan;
  /** What it does not answer; not all of it where it is no better than another plan. */
  readonly left: readonly EnvironmentTask<Sealed>[];
  /** How many it was tried on. */
  readonly times: number;
  /** How many of those that it answers name what it calculates with. */
  readonly named: number;
}

/** Tries a plan on tasks, until it leaves more of them than `most`. */
const tryOn = async <Sealed extends EnvironmentSealed>(
  plan: Plan,
  tasks: readonly EnvironmentTask<Sealed>[],
  most: number,
  answers: Answers<Sealed>,
): Promise<Tried<Sealed>> => {
  const { fields = [] } = plan.asked ?? {};
  const left: EnvironmentTask<Sealed>[] = [];
  let [times, named] = [0, 0];
  for (const task of tasks) {
    if (left.length > most) break;
    times += 1;
    if ((await answers(task, plan)) === undefined) left.push(task);
    else if (fields.some((field) => isNamedIn(field, task.question))) named += 1;
  }
  return { plan, left, times, named };
};

/**
 * Plans by the share of tasks that they answer, and then by how many of these name what they calculate with. Before them those
 * that answer more, crossed of the best one and the endings of other plans.
 */
const compared = async <Sealed extends EnvironmentSealed>(
  plans: readonly Plan[],
  endings: readonly Ending[],
  tasks: readonly EnvironmentTask<Sealed>[],
  answers: Answers<Sealed>,
  remaining: { tries: number },
): Promise<readonly Plan[]> => {
  const tried: Tried<Sealed>[] = [];
  const fewest = (): number => Math.min(...tried.map(({ left }) => left.length));
  for (const plan of plans) tried.push(await tryOn(plan, tasks, fewest(), answers));
  const wrong = ({ left, times }: Tried<Sealed>): number => left.length / times;
  const ranked = [...tried].sort((a, b) => wrong(a) - wrong(b) || b.named - a.named);
  const [best] = ranked;
  if (best === undefined || best.left.length === 0) return ranked.map(({ plan }) => plan);
  // First on what the best one leaves: of that it has to answer some.
  const hardest = [...best.left, ...tasks.filter((task) => !best.left.includes(task))];
  const better: Tried<Sealed>[] = [];
  for (const way of crossed(best.plan, endings)) {
    if (remaining.tries <= 0) break;
    const plan = { name: calculationName(way), ...way };
    const probe = await tryOn(plan, hardest.slice(0, PROBED), fewest() - 1, answers);
    const isVain = probe.left.length === probe.times;
    const one = isVain ? probe : await tryOn(plan, hardest, fewest() - 1, answers);
    remaining.tries -= one.times;
    if (isVain || one.left.length >= fewest()) continue;
    tried.push(one);
    better.unshift(one);
  }
  return [...better, ...ranked].map(({ plan }) => plan);
};

const answering = <Sealed extends EnvironmentSealed>({
  name,
  flow,
  seen,
  isRight,
  abortSignal,
}: ConfirmOptions<Sealed>): Answers<Sealed> => {
  const tried = new Map<string, Pick<Seen, "template" | "entities"> | undefined>();
  return async (task, { plan }) => {
    abortSignal.throwIfAborted();
    const shown = seen.get(task.id);
    if ([...(shown?.accepted.values() ?? [])].some((own) => sameAs(own.plan, plan))) return shown;
    const key = [task.id, ...plan].join("\n");
    if (!tried.has(key)) {
      const id = `${name}-${task.id}-${tried.size}`;
      const query = { ...queryOf(task), turnLimit: plan.length };
      const made = await settledWithin(PLAN_SECONDS, `Calling the tools for the task ${task.id}`, () =>
        callsOf(flow, query, plan, { id, abortSignal }),
      );
      const answered = made.memory.length === plan.length && (await isRight(task, made));
      const { template, entities } = made.analysis;
      tried.set(key, answered ? { template, entities } : undefined);
    }
    return tried.get(key);
  };
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
export const commonest = (shown: readonly Seen[], most = MOST_PLANS): readonly Plan[] => {
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
    .slice(0, most)
    .map(({ one }) => one);
};
