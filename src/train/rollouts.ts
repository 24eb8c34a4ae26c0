import { randomKey } from "../random.ts";
import type { Task } from "../task.ts";
import { hasSpread } from "./advantage.ts";
import type { Settings } from "./flow-grpo-options.ts";
import { type Group, permuteRewards, requireSamples, rollOutEach, rollOutGroups } from "./roll-out.ts";

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

/** Of the groups of a step, the last ones that are not waited for where they may join a later step. */
const LONG_TAIL = 0.1;

interface Sampled<Sealed> {
  readonly group: Group<Sealed>;
  readonly versions: Readonly<Record<string, string>>;
  /** The step whose weights sampled it. */
  readonly versionOf: number;
}

/**
 * Rolls out groups by the newest version until enough of them are mixed. With `maxStaleness` 0 a step begins when the
 * one before it was published, and the same seed gives the same run. Else rollouts of later steps go on while a step is
 * trained: with 1 those of the next step; from 2 on of `maxStaleness` − 1 steps, and groups that take long join the
 * step after theirs. Nothing that is more than `maxStaleness` steps old is trained on.
 */
export const rolloutsOf = <Sealed>(
  o: Settings<Sealed>,
  taskAt: (index: number, step: number) => Task<Sealed>,
): Rollouts<Sealed> => {
  const carriesOver = o.maxStaleness > 1;
  const ahead = carriesOver ? o.maxStaleness - 1 : o.maxStaleness;
  const closing = new AbortController();
  // On-policy nothing is under way between two steps: there is nothing to close.
  const abortSignal = o.maxStaleness === 0 ? o.abortSignal : anyOf(o.abortSignal, closing.signal);
  const underWay: Promise<readonly Sampled<Sealed>[]>[] = [];
  const carried = new Set<Promise<void>>();
  let late: Sampled<Sealed>[] = [];
  let step = o.after === undefined ? 0 : o.after.index + 1;
  let begun = step;
  let tasksDrawn = o.after?.tasksDrawn ?? 0;

  const holdAll = (versions: Readonly<Record<string, string>>): (() => void) => {
    const release = o.train.map((policy) => policy.hold(versions[policy.name] ?? ""));
    return () => {
      for (const letGo of release) letGo();
    };
  };

  const tell = (of: number, { task, rollouts_G }: Group<Sealed>): void => {
    for (const rollout of rollouts_G) o.onTrajectory?.({ ...rollout, step: of, task });
  };

  /** One round of groups: all of them, or the first ones that are done while the others are carried over. */
  const round = async (
    options: Parameters<typeof rollOutGroups<Sealed>>[0],
    keepLate: (group: Group<Sealed>) => void,
  ): Promise<Group<Sealed>[]> => {
    if (o.maxStaleness === 0) return rollOutGroups(options);
    const groups = rollOutEach({ ...options, rollOutSeconds: o.rollOutSeconds });
    if (!carriesOver) return Promise.all(groups);
    const { done, rest } = await firstOf(groups, Math.ceil((1 - LONG_TAIL) * groups.length));
    for (const group of rest) {
      const letGo = holdAll(options.versions);
      const waiting = group.then(keepLate).finally(() => {
        carried.delete(waiting);
        letGo();
      });
      waiting.catch(() => undefined);
      carried.add(waiting);
    }
    return done;
  };

  const begin = async (index: number): Promise<Sampled<Sealed>[]> => {
    const versionOf = step;
    const versions = Object.fromEntries(o.train.map((policy) => [policy.name, policy.version]));
    const letGo = holdAll(versions);
    const sampled: Sampled<Sealed>[] = [];
    try {
      for (let turn = 0; turn <= o.maxRefills; turn += 1) {
        const first = tasksDrawn;
        tasksDrawn += o.tasksPerStep;
        const tasks = Array.from({ length: o.tasksPerStep }, (_, p) => taskAt(first + p, index));
        const rolled = await round(
          { ...o, abortSignal, tasks, step: index, firstTask: turn * o.tasksPerStep, versions },
          (group) => late.push({ group, versions, versionOf }),
        );
        for (const group of rolled) tell(index, group);
        const groups = o.permuteRewards ? permuteRewards(rolled, randomKey(o.seed, "permute", index, turn)) : rolled;
        sampled.push(...groups.map((group) => ({ group, versions, versionOf })));
        const all = sampled.map(({ group }) => group);
        requireSamples(all, index);
        if (mixedIn(all) >= o.minimumMixedGroups) break;
      }
      return sampled;
    } finally {
      letGo();
    }
  };

  return {
    next: async () => {
      for (; begun < o.steps && begun <= step + ahead; begun += 1) {
        const rolling = begin(begun);
        // Whoever asks for it gets its failure; until then it is nobody's.
        rolling.catch(() => undefined);
        underWay.push(rolling);
      }
      const own = (await underWay.shift()) ?? [];
      const [joining, tooLate] = [late, late.filter(({ versionOf }) => step - versionOf > o.maxStaleness)];
      late = [];
      for (const { group } of joining) tell(step, group);
      const sampled = [...own, ...joining.filter((one) => !tooLate.includes(one))];
      const rolledOut: RolledOut<Sealed> = {
        groups: sampled.map(({ group }) => group),
        versions: new Map(
          o.train.map(({ name }) => [name, new Set(sampled.map(({ versions }) => versions[name] ?? ""))]),
        ),
        staleness: sampled.map(({ versionOf }) => step - versionOf),
        tooLate: tooLate.length,
        tasksDrawn,
      };
      step += 1;
      return rolledOut;
    },
    close: async () => {
      closing.abort(new Error("Training has ended."));
      await Promise.allSettled([...underWay, ...carried]);
    },
  };
};

const anyOf = (one: AbortSignal | undefined, other: AbortSignal): AbortSignal =>
  one === undefined ? other : AbortSignal.any([one, other]);

/** Waits until `count` of the promises are kept; those that are not yet are the rest. Throws what one of them throws. */
const firstOf = async <Result>(
  promises: readonly Promise<Result>[],
  count: number,
): Promise<{ readonly done: Result[]; readonly rest: Promise<Result>[] }> => {
  const results = new Map<number, Result>();
  await new Promise<void>((enough, fail) => {
    for (const [i, promise] of promises.entries())
      promise.then((result) => {
        results.set(i, result);
        if (results.size >= count) enough();
      }, fail);
  });
  const kept = [...results].sort(([a], [b]) => a - b);
  return { done: kept.map(([, result]) => result), rest: promises.filter((_, i) => !results.has(i)) };
};

/** Groups whose rewards differ: the others have no advantage. */
export const mixedIn = (groups: readonly Group[]): number =>
  groups.filter(({ rollouts_G }) => hasSpread(rollouts_G.map(({ reward }) => reward))).length;
