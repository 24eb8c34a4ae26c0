import type { Environment, EnvironmentTask } from "../environment.ts";
import { random, randomKey } from "../random.ts";
import { mean } from "../train/index.ts";
import type { Recipe } from "./recipe.ts";

/** Draws training tasks, and learns from rewards which families need fewer of them. */
export interface TaskSampler {
  /** The next task of a step. Steps must come in order. */
  next(step: number): EnvironmentTask;
  /** A reward of the current step; it changes the weights of later steps only. */
  record(task: EnvironmentTask, reward: number | undefined): void;
  /** All that the next draws depend on, as JSON. */
  state(): SamplerState;
}

export interface SamplerState {
  readonly families: Readonly<Record<string, Pick<Family, "drawn" | "credit" | "rate">>>;
  readonly current: number;
  /** Rewards of the current step, by task. */
  readonly groups: readonly { readonly task: string; readonly family: string; readonly rewards: readonly number[] }[];
}

interface Family {
  readonly name: string;
  readonly draw: (index: number) => EnvironmentTask;
  drawn: number;
  credit: number;
  /** Running solve rate. */
  rate: number;
}

/** How likely a group is to be mixed, and so to teach anything, when each of its rollouts is solved at this rate. */
const mixedChance = (rate: number, groupSize: number): number => 1 - rate ** groupSize - (1 - rate) ** groupSize;

/**
 * Families take turns in proportion to their weights (each gains its weight as credit a draw, the richest is drawn and
 * pays the sum), from a random start. What is drawn depends on the seed and on rewards of earlier steps alone.
 */
export const taskSampler = (
  environment: Pick<Environment, "families" | "train">,
  seed: number,
  { families: settings, grpo: { groupSize } }: Recipe,
  stored?: SamplerState,
): TaskSampler => {
  const { floor, start, smoothing } = settings;
  const families = random(randomKey(seed, "families"))
    .shuffle(environment.families)
    .map(
      (name): Family => ({
        name,
        draw: (index) => environment.train(name, index),
        drawn: 0,
        credit: 0,
        rate: start,
        ...stored?.families[name],
      }),
    );
  const byName = new Map(families.map((family) => [family.name, family]));
  let current = stored?.current ?? 0;
  /** Of the current step, by task. */
  const groups = new Map<string, { readonly family: Family; readonly rewards: number[] }>();
  for (const { task, family: name, rewards } of stored?.groups ?? []) {
    const family = byName.get(name);
    if (family !== undefined) groups.set(task, { family, rewards: [...rewards] });
  }

  /** Moves each family's rate by the mean reward of each of its groups. */
  const settle = (): void => {
    for (const { family, rewards } of groups.values()) family.rate += smoothing * (mean(rewards) - family.rate);
    groups.clear();
  };

  return {
    state: () => ({
      families: Object.fromEntries(families.map(({ name, drawn, credit, rate }) => [name, { drawn, credit, rate }])),
      current,
      groups: [...groups].map(([task, { family, rewards }]) => ({ task, family: family.name, rewards: [...rewards] })),
    }),
    next: (step) => {
      if (step !== current) settle();
      current = step;
      const weights = families.map(({ rate }) => floor + (1 - floor) * mixedChance(rate, groupSize));
      const total = weights.reduce((sum, value) => sum + value, 0);
      for (const [i, family] of families.entries()) family.credit += weights[i] ?? 0;
      const richest = families.reduce((best, family) => (family.credit > best.credit ? family : best));
      richest.credit -= total;
      richest.drawn += 1;
      return richest.draw(richest.drawn - 1);
    },
    record: (task, reward) => {
      const family = byName.get(task.sealed.family);
      if (family === undefined || reward === undefined) return;
      const group = groups.get(task.id);
      if (group === undefined) groups.set(task.id, { family, rewards: [reward] });
      else group.rewards.push(reward);
    },
  };
};
