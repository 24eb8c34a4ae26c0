import type { Settings } from "./flow-grpo-options.ts";
import { type Group, type RollOutOptions, rollOutEach } from "./roll-out.ts";
import { firstStep, holdAll, type Rollouts, type TaskAt, tell, untilMixed, versionsOf } from "./rollouts.ts";

/** Of the groups of a step, the last ones that are not waited for where they may join a later step. */
const LONG_TAIL = 0.1;

interface Sampled<Sealed> {
  readonly group: Group<Sealed>;
  readonly versions: Readonly<Record<string, string>>;
  /** The step whose weights sampled it. */
  readonly versionOf: number;
}

/**
 * Rollouts of later steps run while a step is trained: with `maxStaleness` 1 those of the next step; from 2 on of
 * `maxStaleness` − 1 steps, and groups that take long join the step after theirs. Nothing that is more than `maxStaleness`
 * steps old is trained on. Such a run does not repeat.
 */
export const rolloutsAhead = <Sealed>(o: Settings<Sealed>, taskAt: TaskAt<Sealed>): Rollouts<Sealed> => {
  const carriesOver = o.maxStaleness > 1;
  const ahead = carriesOver ? o.maxStaleness - 1 : o.maxStaleness;
  const closing = new AbortController();
  const abortSignal = o.abortSignal === undefined ? closing.signal : AbortSignal.any([o.abortSignal, closing.signal]);
  const underWay: Promise<readonly Sampled<Sealed>[]>[] = [];
  const carried = lateGroups<Sealed>();
  let step = firstStep(o);
  let begun = step;
  let tasksDrawn = o.after?.tasksDrawn ?? 0;

  /** One round of groups: all of them, or the first ones that are done while the others are carried over. */
  const round = async (options: RollOutOptions<Sealed>, versionOf: number): Promise<readonly Group<Sealed>[]> => {
    const groups = rollOutEach({ ...options, rollOutSeconds: o.rollOutSeconds });
    if (!carriesOver) return Promise.all(groups);
    const { done, rest } = await firstOf(groups, Math.ceil((1 - LONG_TAIL) * groups.length));
    const { versions } = options;
    for (const group of rest) carried.add(group, { versions, versionOf }, holdAll(o.train, versions));
    return done;
  };

  const begin = async (index: number): Promise<Sampled<Sealed>[]> => {
    const versionOf = step;
    const versions = versionsOf(o.train);
    const letGo = holdAll(o.train, versions);
    try {
      const groups = await untilMixed(o, index, (turn) => {
        const tasks = Array.from({ length: o.tasksPerStep }, (_, p) => taskAt(tasksDrawn + p, index));
        tasksDrawn += o.tasksPerStep;
        const firstTask = turn * o.tasksPerStep;
        return round({ ...o, abortSignal, tasks, step: index, firstTask, versions }, versionOf);
      });
      return groups.map((group) => ({ group, versions, versionOf }));
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
      const joining = carried.take();
      const inTime = joining.filter(({ versionOf }) => step - versionOf <= o.maxStaleness);
      for (const { group } of joining) tell(o, step, [group]);
      const sampled = [...own, ...inTime];
      const staleness = sampled.map(({ versionOf }) => step - versionOf);
      step += 1;
      return {
        groups: sampled.map(({ group }) => group),
        versions: new Map(
          o.train.map(({ name }) => [name, new Set(sampled.map(({ versions }) => versions[name] ?? ""))]),
        ),
        staleness,
        tooLate: joining.length - inTime.length,
        tasksDrawn,
      };
    },
    close: async () => {
      closing.abort(new Error("Training has ended."));
      await Promise.allSettled([...underWay, carried.settled()]);
    },
  };
};

/** Groups that were not waited for. */
interface LateGroups<Sealed> {
  /** Waits for a group beside everything else, and lets its versions go then. */
  add(group: Promise<Group<Sealed>>, by: Omit<Sampled<Sealed>, "group">, letGo: () => void): void;
  /** Those that have come since the last call. */
  take(): readonly Sampled<Sealed>[];
  /** Waits for all that are under way. */
  settled(): Promise<unknown>;
}

const lateGroups = <Sealed>(): LateGroups<Sealed> => {
  const waiting = new Set<Promise<void>>();
  let come: Sampled<Sealed>[] = [];
  return {
    add: (group, by, letGo) => {
      const one = group
        .then((done) => {
          come.push({ group: done, ...by });
        })
        .finally(() => {
          waiting.delete(one);
          letGo();
        });
      one.catch(() => undefined);
      waiting.add(one);
    },
    take: () => {
      const taken = come;
      come = [];
      return taken;
    },
    settled: () => Promise.allSettled([...waiting]),
  };
};

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
