import type { Policy } from "../engine.ts";
import { randomKey } from "../random.ts";
import type { Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { hasSpread } from "./advantage.ts";
import type { Settings } from "./flow-grpo-options.ts";
import { type Group, permuteRewards, requireSamples, rollOutGroups } from "./roll-out.ts";

/** What a step trains on. */
export interface RolledOut<Sealed> {
  readonly groups: readonly Group<Sealed>[];
  /** Policy → versions that sampled them. */
  readonly versions: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of each group: by how many steps its version is older than the one that is trained. */
  readonly staleness: readonly number[];
  /** Groups that came too late to be trained on. */
  readonly tooLate: number;
  /** Tasks drawn until now, by this step and those under way. */
  readonly tasksDrawn: number;
}

/** Where the groups of each step come from. */
export interface Rollouts<Sealed> {
  /** The groups of the next step. */
  next(): Promise<RolledOut<Sealed>>;
  /** Ends what is under way, and waits for it. */
  close(): Promise<void>;
}

/** The task of an index that counts from 0, and of a step. */
export type TaskAt<Sealed> = (index: number, step: number) => Task<Sealed>;

/** Strictly on-policy: a step's groups are rolled out by the newest version when it is asked for them. The run repeats. */
export const rolloutsOf = <Sealed>(o: Settings<Sealed>, taskAt: TaskAt<Sealed>): Rollouts<Sealed> => {
  let step = firstStep(o);
  let tasksDrawn = o.after?.tasksDrawn ?? 0;
  return {
    next: async () => {
      const versions = versionsOf(o.train);
      const letGo = holdAll(o.train, versions);
      try {
        const groups = await untilMixed(o, step, (turn) => {
          const tasks = Array.from({ length: o.tasksPerStep }, (_, p) => taskAt(tasksDrawn + p, step));
          tasksDrawn += o.tasksPerStep;
          return rollOutGroups({ ...o, tasks, step, firstTask: turn * o.tasksPerStep, versions });
        });
        step += 1;
        return {
          groups,
          versions: new Map(Object.entries(versions).map(([name, version]) => [name, new Set([version])])),
          staleness: groups.map(() => 0),
          tooLate: 0,
          tasksDrawn,
        };
      } finally {
        letGo();
      }
    },
    // Nothing is under way between two steps.
    close: async () => undefined,
  };
};

/** Rounds of a step's tasks, by one version, until enough groups are mixed. Throws when none of them is a sample. */
export const untilMixed = async <Sealed>(
  o: Settings<Sealed>,
  step: number,
  round: (turn: number) => Promise<readonly Group<Sealed>[]>,
): Promise<Group<Sealed>[]> => {
  const groups: Group<Sealed>[] = [];
  for (let turn = 0; turn <= o.maxRefills; turn += 1) {
    const rolled = await round(turn);
    tell(o, step, rolled);
    groups.push(...(o.permuteRewards ? permuteRewards(rolled, randomKey(o.seed, "permute", step, turn)) : rolled));
    requireSamples(groups, step);
    if (mixedIn(groups) >= o.minimumMixedGroups) break;
  }
  return groups;
};

export const tell = <Sealed>(o: Settings<Sealed>, step: number, groups: readonly Group<Sealed>[]): void => {
  for (const { task, rollouts_G } of groups)
    for (const rollout of rollouts_G) o.onTrajectory?.({ ...rollout, step, task });
};

export const firstStep = <Sealed>({ after }: Settings<Sealed>): number => (after === undefined ? 0 : after.index + 1);

/** Policy → its newest version. */
export const versionsOf = (policies: readonly Policy[]): Readonly<Record<string, string>> =>
  Object.fromEntries(policies.map((policy) => [policy.name, policy.version]));

/** Keeps these versions sampleable until the returned function is called. */
export const holdAll = (policies: readonly Policy[], versions: Readonly<Record<string, string>>): (() => void) => {
  const release = policies.map((policy) => policy.hold(versions[policy.name] ?? ""));
  return () => {
    for (const letGo of release) letGo();
  };
};

/** Groups whose rewards differ: the others have no advantage. */
export const mixedIn = (groups: readonly Group[]): number =>
  groups.filter(({ rollouts_G }) => hasSpread(rollouts_G.map(({ reward }) => reward))).length;

/** Trajectories in (task, rollout) order; undefined where there was no sample. */
export const samplesOf = (groups: readonly Group[]): (Trajectory | undefined)[] =>
  groups.flatMap(({ rollouts_G }) =>
    rollouts_G.map(({ trajectory, reward }) => (reward === undefined ? undefined : trajectory)),
  );
