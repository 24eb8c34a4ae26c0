import { type Environment, type EnvironmentTask, setNames } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { setsOf } from "../learn/record.ts";
import type { LearnSettings } from "../learn/settings.ts";

/** A task that a run met: in training, in an evaluation, or both. */
export interface MetTask {
  readonly id: string;
  readonly family: string | undefined;
  /** Known where an evaluation stored it. */
  readonly question: string | undefined;
}

/** A run did not meet the task that was named: the message says which tasks are near. */
export class UnknownTaskError extends ConfigError {}

const NEAR = 5;
/** Texts that share less than this are not like each other. */
const LEAST_LIKENESS = 0.3;

/** How much of two words' beginnings is the same, and how many pairs of letters they share: enough to find a slip. */
const likeness = (a: string, b: string): number => {
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2).toLowerCase()));
  const [first, second] = [pairs(a), pairs(b)];
  const shared = [...first].filter((pair) => second.has(pair)).length;
  return (2 * shared) / Math.max(1, first.size + second.size);
};

/**
 * The task that a person named: by its id, by a beginning of the id that no other task has, or by its question. Throws
 * `ConfigError` with the nearest tasks.
 */
export const taskNamed = (run: string, named: string, tasks: readonly MetTask[]): MetTask => {
  const exact = tasks.find(({ id, question }) => id === named || question === named);
  if (exact !== undefined) return exact;
  const begun = named === "" ? [] : tasks.filter(({ id }) => id.startsWith(named));
  const [only] = begun;
  if (only !== undefined && begun.length === 1) return only;
  const near = (begun.length > 0 ? begun : [...tasks])
    .map((task) => ({ task, like: Math.max(likeness(named, task.id), likeness(named, task.question ?? "")) }))
    .filter(({ like }) => begun.length > 0 || like >= LEAST_LIKENESS)
    .sort((a, b) => b.like - a.like)
    .slice(0, NEAR)
    .map(({ task: { id, question } }) => (question === undefined ? id : `${id} (${question})`));
  const others =
    near.length > 0
      ? `: near ones are ${near.join(", ")}`
      : tasks.length === 0
        ? ": it stored no trajectories"
        : `, and none of its ${tasks.length} tasks is like it`;
  const message =
    begun.length > 1
      ? `${begun.length} tasks of the run ${run} begin with ${JSON.stringify(named)}: ${near.join(", ")}. Name one in full.`
      : `The run ${run} met no task ${JSON.stringify(named.slice(0, 200))}${others}. agentflow runs query lists all of them.`;
  throw begun.length > 1 ? new ConfigError(message) : new UnknownTaskError(message);
};

/** The task itself, sealed part included, from the environment that the run was made in. Throws `ConfigError`. */
export const taskIn = (
  environment: Environment,
  settings: LearnSettings,
  { id, family }: MetTask,
  /** How many tasks of the family training drew, at most. */
  drawn: number,
): EnvironmentTask => {
  const evaluated = setsOf(environment, settings);
  for (const name of setNames) {
    const found = evaluated[name].find((task) => task.id === id);
    if (found !== undefined) return found;
  }
  if (family !== undefined && environment.families.includes(family))
    for (let index = 0; index < drawn; index += 1) {
      const task = environment.train(family, index);
      if (task.id === id) return task;
    }
  throw new ConfigError(
    `The environment ${environment.name} has no task ${JSON.stringify(id)} any more: its data is not what the run was made with.`,
  );
};
