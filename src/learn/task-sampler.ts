import type { Environment, EnvironmentTask } from "../environment.ts";
import { type Random, random, randomKey } from "../random.ts";
import { mean } from "../train/index.ts";
import { type Beginnings, noBeginnings } from "./beginnings.ts";
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
  readonly families: Readonly<
    Record<string, Pick<Family, "drawn" | "credit" | "rate"> & Partial<Pick<Family, "begun">>>
  >;
  readonly current: number;
  /** Rewards of the current step, by task. */
  readonly groups: readonly {
    readonly task: string;
    readonly family: string;
    readonly left?: number;
    readonly rewards: readonly number[];
  }[];
}

interface Family {
  readonly name: string;
  readonly draw: (index: number) => EnvironmentTask;
  drawn: number;
  credit: number;
  /** Running solve rate of whole tasks, and of those that were begun, by the calls that are left of the route. */
  rate: number;
  readonly begun: Record<number, number>;
}

/** Places that are drawn at least this much, compared with the most: whole tasks, and those that are begun. */
const LEAST_WHOLE = 0.1;
const LEAST_BEGUN = 0.02;
/** Of a place that was hardly tried: how much of what the next one solves it may solve. */
const FRONTIER = 0.15;

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
  { turnsOf }: Pick<Beginnings, "turnsOf"> = noBeginnings,
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
        begun: {},
        ...stored?.families[name],
      }),
    );
  const byName = new Map(families.map((family) => [family.name, family]));
  let current = stored?.current ?? 0;
  /** Of the current step, by task. */
  const groups = new Map<string, { readonly family: Family; readonly left: number; readonly rewards: number[] }>();
  for (const { task, family: name, left = 0, rewards } of stored?.groups ?? []) {
    const family = byName.get(name);
    if (family !== undefined) groups.set(task, { family, left, rewards: [...rewards] });
  }

  /** Moves each family's rates by the mean reward of each of its groups. */
  const settle = (): void => {
    for (const { family, left, rewards } of groups.values()) {
      const rate = left === 0 ? family.rate : (family.begun[left] ?? start);
      const moved = rate + smoothing * (mean(rewards) - rate);
      if (left === 0) family.rate = moved;
      else family.begun[left] = moved;
    }
    groups.clear();
  };

  const chance = (rate: number): number => mixedChance(rate, groupSize);
  /**
   * How much can be learnt where `left` calls of a route are left, and how much of the whole task (0): at first of the last
   * call, then of what comes before what is solved.
   */
  const worthOf = ({ rate, begun }: Family, left: number, turns = 0): number => {
    const known = left === 0 ? rate : (begun[left] ?? start);
    const next = begun[left === 0 ? turns - 1 : left - 1] ?? 0;
    return chance(Math.max(known, left === 1 ? 0 : FRONTIER * next));
  };
  const worth = (family: Family): number => {
    const begun = Object.keys(family.begun).map(Number);
    // A family that is never solved is not given up: it is drawn as at the start.
    if (begun.length === 0) return chance(Math.max(family.rate, start));
    return Math.max(...[0, ...begun].map((left) => worthOf(family, left)));
  };

  /** How many calls of a known route are made before the rollouts begin: where groups are likely to be mixed. */
  const begunOf = (family: Family, turns: number, draws: Random): number => {
    const weights = Array.from({ length: Math.max(1, turns) }, (_, begun) =>
      begun === 0
        ? Math.max(LEAST_WHOLE, worthOf(family, 0, turns))
        : Math.max(LEAST_BEGUN, worthOf(family, turns - begun)),
    );
    let sum = draws.next() * weights.reduce((all, weight) => all + weight, 0);
    const drawn = weights.findIndex((weight) => {
      sum -= weight;
      return sum < 0;
    });
    return Math.max(0, drawn);
  };

  return {
    state: () => ({
      families: Object.fromEntries(
        families.map(({ name, drawn, credit, rate, begun }) => [name, { drawn, credit, rate, begun: { ...begun } }]),
      ),
      current,
      groups: [...groups].map(([task, { family, left, rewards }]) => ({
        task,
        family: family.name,
        left,
        rewards: [...rewards],
      })),
    }),
    next: (step) => {
      if (step !== current) settle();
      current = step;
      const weights = families.map((family) => floor + (1 - floor) * worth(family));
      const total = weights.reduce((sum, value) => sum + value, 0);
      for (const [i, family] of families.entries()) family.credit += weights[i] ?? 0;
      const richest = families.reduce((best, family) => (family.credit > best.credit ? family : best));
      richest.credit -= total;
      richest.drawn += 1;
      const task = richest.draw(richest.drawn - 1);
      const begun = begunOf(richest, turnsOf(task), random(randomKey(seed, "begun", richest.name, richest.drawn)));
      return begun === 0 ? task : { ...task, sealed: { ...task.sealed, begun } };
    },
    record: (task, reward) => {
      const family = byName.get(task.sealed.family);
      if (family === undefined || reward === undefined) return;
      const { begun = 0 } = task.sealed;
      const left = begun === 0 ? 0 : turnsOf(task) - begun;
      const place = left === 0 ? task.id : `${task.id}, ${left} left`;
      const group = groups.get(place);
      if (group === undefined) groups.set(place, { family, left, rewards: [reward] });
      else group.rewards.push(reward);
    },
  };
};
