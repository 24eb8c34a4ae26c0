import type { AgentFlowConfig } from "../../config.ts";
import type { EnvironmentSealed } from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import { defined } from "../../options.ts";
import { random, randomKey, uniform } from "../../random.ts";
import { settledWithin, thrownBy } from "../../settled-within.ts";
import type { Reward, Task } from "../../task.ts";
import { keyOf, scoreAnswer } from "../../tasks/index.ts";

/** Which part of a project's tasks one belongs to. */
export type Split = "train" | "validation" | "test";

/** A project's task, as `learn` handles it: the user's own sealed part is within. */
export interface ProjectSealed<Own = unknown> extends EnvironmentSealed {
  readonly split: Split;
  readonly own: Own;
}

export type ProjectTask<Own = unknown> = Task<ProjectSealed<Own>>;

/** What `learn` looks at in the sealed part of a task, where it is there. */
interface SealedHints {
  readonly answer?: unknown;
  readonly family?: unknown;
  readonly group?: unknown;
  readonly heldOut?: unknown;
}

const hintsOf = (sealed: unknown): SealedHints => (typeof sealed === "object" && sealed !== null ? sealed : {});

/** What a function of a project may take: to make the tasks, and to judge one answer. */
const TASKS_SECONDS = 600;
const REWARD_SECONDS = 300;

/** What a function of a project gives. Throws `ConfigError` for what it threw, and when it takes too long. */
const called = async <T>(seconds: number, what: string, work: () => T | PromiseLike<T>): Promise<T> => {
  try {
    return await settledWithin(seconds, what, work);
  } catch (thrown) {
    throw thrownBy(what, thrown);
  }
};

/** Tasks without a family are one. */
const NO_FAMILY = "tasks";
/** With this many families or more, one is held out if no task says which. */
const MANY_FAMILIES = 5;

/** 80 % train, 10 % validation, 10 % test, by hash: the same for every seed. */
const splitOf = (name: string): Split => {
  const share = uniform(randomKey("project split", name), 0);
  return share < 0.8 ? "train" : share < 0.9 ? "validation" : "test";
};

const strictness: readonly Split[] = ["train", "validation", "test"];

const normalised = (question: string): string => question.trim().toLowerCase().replace(/\s+/gu, " ");

/** The strictest split of all that a task is about; equal questions are always in one split. */
const splitOfTask = ({ question, sealed }: Task): Split => {
  const { group = normalised(question) } = hintsOf(sealed);
  const splits = (Array.isArray(group) ? group : [group]).map((name) => splitOf(String(name)));
  return strictness.findLast((split) => splits.includes(split)) ?? "train";
};

/** The tasks of a configuration, checked for what every task must have. Throws `ConfigError`. */
export const readTasks = async <Own>(
  { tasks }: Pick<AgentFlowConfig<Own>, "tasks">,
  file: string,
  seed: number,
): Promise<readonly Task<Own>[]> => {
  if (tasks === undefined)
    throw new ConfigError(
      `${file} has no tasks: give a list of { id, question, sealed }, or a function ({ seed }) => list.`,
    );
  const list: unknown =
    typeof tasks === "function"
      ? await called(TASKS_SECONDS, `The function tasks of ${file}`, () => tasks({ seed }))
      : tasks;
  if (!Array.isArray(list))
    throw new ConfigError(`tasks of ${file} is ${typeof list}: it must be a list, or a function that gives one.`);
  const ids = new Set<string>();
  for (const [i, task] of list.entries()) {
    const { id, question } = (task ?? {}) as Partial<Task>;
    if (typeof id !== "string" || typeof question !== "string" || question.trim() === "")
      throw new ConfigError(`Task ${i} of ${file} needs an id and a question, both texts.`);
    if (ids.has(id)) throw new ConfigError(`Two tasks of ${file} have the id ${id}: each task needs its own.`);
    ids.add(id);
  }
  return list as readonly Task<Own>[];
};

/** Splits tasks by hash and finds the family that is held out. The order of the list does not matter. */
export const splitTasks = <Own>(tasks: readonly Task<Own>[]): readonly ProjectTask<Own>[] => {
  const familyOf = ({ sealed }: Task<Own>): string => String(hintsOf(sealed).family ?? NO_FAMILY);
  const named = new Set(tasks.filter(({ sealed }) => hintsOf(sealed).heldOut === true).map(familyOf));
  const families = [...new Set(tasks.map(familyOf))].sort();
  if (named.size === 0 && families.length >= MANY_FAMILIES)
    named.add(random(randomKey("held-out family", ...families)).pick(families));
  return tasks.map((task): ProjectTask<Own> => {
    const { id, question, turnLimit, sealed } = task;
    const family = familyOf(task);
    return {
      id,
      question,
      ...defined({ turnLimit }),
      sealed: {
        family,
        role: named.has(family) ? "heldOut" : "trained",
        answer: answerText(hintsOf(sealed).answer),
        split: splitOfTask(task),
        own: sealed,
      },
    };
  });
};

const answerText = (answer: unknown): string => {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  return typeof first === "string" || typeof first === "number" || typeof first === "boolean" ? String(first) : "";
};

/** The configuration's reward, over the tasks as `learn` handles them. */
export const rewardOf = <Own>({
  reward = equality,
}: Pick<AgentFlowConfig<Own>, "reward">): Reward<ProjectSealed<Own>> => {
  return ({ sealed, ...query }, answer, cost) => {
    const what = `The reward of task ${query.id}`;
    try {
      const value = reward({ ...query, sealed: sealed.own }, answer, cost);
      return value instanceof Promise ? called(REWARD_SECONDS, what, () => value) : value;
    } catch (thrown) {
      throw thrownBy(what, thrown);
    }
  };
};

/** Equality with `sealed.answer`, as what it is: a number, a day, a list, words. */
const equality: Reward = (task, answer) => {
  const expected = answerText(hintsOf(task.sealed).answer);
  if (expected === "")
    throw new ConfigError(`Task ${task.id} has no sealed.answer: give one to each task, or write a reward.`);
  return scoreAnswer(keyOf([expected]), answer).correct ? 1 : 0;
};

/** Tasks of training by family, each in a random order of the seed. */
export const trainingTasks = <Own>(
  tasks: readonly ProjectTask<Own>[],
  seed: number,
): ReadonlyMap<string, readonly ProjectTask<Own>[]> => {
  const families = new Map<string, ProjectTask<Own>[]>();
  for (const task of tasks)
    if (task.sealed.role === "trained" && task.sealed.split === "train")
      families.set(task.sealed.family, [...(families.get(task.sealed.family) ?? []), task]);
  return new Map(
    [...families]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([family, list]) => [family, random(randomKey("project order", seed, family)).shuffle(list)]),
  );
};
