/**
 * Flow-GRPO (arXiv 2510.05592, section 3.2): reinforcement learning of a flow's planner inside the live loop. One
 * step: roll out groups → rewards → advantages → one coefficient a token → backward → optimiser → publish.
 * Unlike the published code, group statistics are over trajectories, turns average before trajectories do, and the
 * tokens that are trained are those that were sampled.
 */
import type { Clock } from "../clock.ts";
import type { Policy, TrainingSequence } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Trajectory } from "../trajectory.ts";
import { advantages } from "./advantage.ts";
import { type BatchSequence, batchOf } from "./batch.ts";
import { type FlowGrpoOptions, type Settings, settingsOf, taskSource } from "./flow-grpo-options.ts";
import { coefficients, referenceKl } from "./loss.ts";
import type { Group } from "./roll-out.ts";
import { mixedIn, rolloutsOf } from "./rollouts.ts";
import { scheduleOf } from "./schedule.ts";
import { stepGuard } from "./step-guard.ts";
import { add, average, newTally, requireFinite, type StepMetrics, stepMetrics, type Tally } from "./step-metrics.ts";

/**
 * Trains inside the flow: an async iterable of step metrics. Leave it to stop after a step; abort its signal to stop
 * within one, which throws the signal's reason. Throws `ConfigError` for options that cannot work, `EngineError` for
 * numbers that are not finite.
 */
export const flowGrpo = <Sealed>(options: FlowGrpoOptions<Sealed>): AsyncGenerator<StepMetrics, void> =>
  run(settingsOf(options));

const run = async function* <Sealed>(o: Settings<Sealed>): AsyncGenerator<StepMetrics, void> {
  const taskAt = taskSource(o);
  const schedule = scheduleOf(o.learningRate);
  const timer = timerOf(o.clock);
  const guard = stepGuard(o.guard, o.after?.guard);
  // What is sampled must be what is trained, also when weights were changed without being published.
  for (const policy of o.train) await policy.publish();
  const rollouts = rolloutsOf(o, taskAt);

  try {
    for (let index = o.after === undefined ? 0 : o.after.index + 1; index < o.steps; index += 1) {
      // 1. Groups of rollouts by the current policy, or by one that is at most `maxStaleness` steps older.
      timer.lap();
      const before = o.train.map((policy) => policy.version);
      const { groups, versions, ...rolled } = await rollouts.next();
      const rollOut = timer.lap();

      // 2. One advantage a trajectory, shared by all its turns and tokens.
      const advantages_P_G = groups.map(({ rollouts_G }) => advantages(rollouts_G.map(({ reward }) => reward)));

      // 3. Coefficients, gradient, optimiser: for each policy that learns.
      const learningRate = schedule(index) * guard.stepScale * stepShare(mixedIn(groups), o.fullStepGroups);
      const tally = newTally();
      for (const policy of o.train) {
        const batch = batchOf(samplesOf(groups), {
          policy: policy.name,
          versions: versions.get(policy.name) ?? new Set(),
          trained: policy.version,
          aggregation: o.aggregation,
        });
        if (batch.length === 0)
          throw new ConfigError(`No turn was sampled by the policy ${policy.name}: is it in the flow?`);
        const replay = policy === o.train[0] ? replayOf(o, index, groups) : nothingToReplay;
        await update(policy, batch, advantages_P_G.flat(), replay, { ...o, index, learningRate }, tally);
      }
      const undone = guard.undoes(average(tally.klStep));
      const train = timer.lap();

      // 4. Publish: the next rollouts sample the new version, or the old one again if the step went too far.
      for (const [i, policy] of o.train.entries()) {
        if (undone) await policy.restore(before[i] ?? "");
        else await policy.publish();
      }
      const published = Object.fromEntries(o.train.map((policy) => [policy.name, policy.version]));
      const step = { index, learningRate, versions: published, undone, guard: guard.state, ...rolled };
      yield stepMetrics(groups, tally, step, { rollOut, train, publish: timer.lap() });
    }
  } finally {
    await rollouts.close();
  }
};

interface Replay {
  readonly sequences: readonly TrainingSequence[];
  readonly coefficients: readonly Float32Array[];
}

/** All optimiser steps of one policy on one batch. `advantage_K` is by trajectory. */
const update = async <Sealed>(
  policy: Policy,
  batch: readonly BatchSequence[],
  advantage_K: readonly (number | undefined)[],
  replay: Replay,
  o: Settings<Sealed> & { readonly index: number; readonly learningRate: number },
  tally: Tally,
): Promise<void> => {
  if ((o.beta === 0 || o.learningRate === 0) && o.klEvery > 0 && o.index % o.klEvery === 0)
    await measureKl(policy, batch, o.groupSize, tally);
  // A trajectory without advantage teaches only its KL term.
  const sequences = batch.filter(({ trajectory }) => advantage_K[trajectory] !== 0 || o.beta > 0);
  const reference = o.beta > 0 ? (await policy.forward(sequences, { reference: true })).logProbs : [];
  // First update: old is what is updated, the ratio is 1, and the backward's own forward is the only one. Where old is not
  // what was drawn from, the engine weighs each token by π_old/π_behaviour itself; a KL term must not be weighed with it.
  const exact = isExact(batch);
  const weighs = !exact && o.beta === 0 && o.learningRate > 0;
  let logProbs: ArrayLike<number>[] = sequences.map(({ behaviour }) => behaviour);
  if (!exact && !weighs) logProbs = [...(await policy.forward(sequences)).logProbs];
  const old = [...logProbs];

  for (let u = 0; u < o.updatesPerBatch && o.learningRate > 0; u += 1) {
    o.abortSignal?.throwIfAborted();
    if (u > 0) logProbs = [...(await policy.forward(sequences)).logProbs];
    const losses = sequences.map(({ trajectory, behaviour, weights }, i) =>
      coefficients({
        clipLow: o.clipLow,
        clipHigh: o.clipHigh,
        beta: o.beta,
        importanceCap: o.importanceCap,
        logProbs: logProbs[i] ?? [],
        old: old[i] ?? [],
        reference: reference[i],
        behaviour,
        advantage: advantage_K[trajectory] ?? 0,
        weight: weights,
      }),
    );
    for (const { c, clipFraction, klReference } of losses) {
      if (u > 0) add(tally.clipped, clipFraction * c.length, c.length);
      if (u === 0 && o.beta > 0) add(tally.klReference, klReference * c.length, c.length);
      requireFinite(o.index, c, "coefficient");
    }
    const used = sequences.map((_, i) => i).filter((i) => losses[i]?.c.some((value) => value !== 0));
    if (used.length + replay.sequences.length === 0) {
      if (u === 0) return;
      break;
    }
    const result = await policy.backward(
      [...used.flatMap((i) => sequences[i] ?? []), ...replay.sequences],
      [...used.flatMap((i) => losses[i]?.c ?? []), ...replay.coefficients],
      {
        importance:
          weighs && u === 0 ? { behaviour: used.map((i) => sequences[i]?.behaviour), cap: o.importanceCap } : undefined,
      },
    );
    const { gradientNorm } = await policy.optimStep({ ...o.optimiser, learningRate: o.learningRate });
    tally.trainedTokens += used.reduce((sum, i) => sum + (sequences[i]?.ids.length ?? 0), 0);
    tally.squaredNorm += gradientNorm ** 2 / o.updatesPerBatch;
    if (u > 0) continue;
    for (const [place, i] of used.entries()) {
      const trainer = result.logProbs[place] ?? new Float32Array();
      const behaviour = sequences[i]?.behaviour ?? [];
      add(tally.klSampler, total(behaviour) - total(trainer), trainer.length);
      add(tally.entropy, total(result.entropies[place] ?? []), trainer.length);
      // From now on old is the trainer's own number, to which the sampler's was equal but for rounding.
      old[i] = trainer;
    }
    for (const trainer of result.logProbs.slice(used.length)) add(tally.replayLoss, -total(trainer), trainer.length);
  }
  if (o.guard !== false) await measureStep(policy, sequences, old, tally);
};

/** Whether the sampler's log-probabilities are the trainer's, for all of a batch. */
const isExact = (batch: readonly BatchSequence[]): boolean => batch.every(({ exact }) => exact);

/** How far the updates moved the policy: k3 estimate of D_KL(π_old‖π_θ), on some of the sequences. */
const measureStep = async (
  policy: Policy,
  sequences: readonly BatchSequence[],
  old: readonly ArrayLike<number>[],
  tally: Tally,
): Promise<void> => {
  const every = Math.max(1, Math.floor(sequences.length / MEASURED));
  const chosen = sequences.map((_, i) => i).filter((i) => i % every === 0);
  const { logProbs } = await policy.forward(chosen.flatMap((i) => sequences[i] ?? []));
  for (const [place, i] of chosen.entries()) {
    const before = old[i] ?? [];
    const moved = Array.from(logProbs[place] ?? [], (now, t) => k3(now - (before[t] ?? Number.NaN)));
    add(tally.klStep, total(moved), moved.length);
  }
};

const MEASURED = 16;
const FAR = 100;
/** k3 of log(π_θ/π_old) for a token that π_old drew, up to where it says "far too much" anyway, as does NaN. */
const k3 = (logRatio: number): number => {
  const value = Math.exp(logRatio) - 1 - logRatio;
  return Number.isNaN(value) ? FAR : Math.min(value, FAR);
};

/** KL of the current policy to the reference on each group's first rollout, when the loss does not need it anyway. */
const measureKl = async (
  policy: Policy,
  batch: readonly BatchSequence[],
  groupSize: number,
  tally: Tally,
): Promise<void> => {
  const sequences = batch.filter(({ trajectory }) => trajectory % groupSize === 0);
  const reference = (await policy.forward(sequences, { reference: true })).logProbs;
  const own: readonly ArrayLike<number>[] = isExact(batch)
    ? sequences.map(({ behaviour }) => behaviour)
    : (await policy.forward(sequences)).logProbs;
  for (const [i, logProbs] of own.entries())
    add(tally.klReference, referenceKl(logProbs, reference[i] ?? []) * logProbs.length, logProbs.length);
};

const nothingToReplay: Replay = { sequences: [], coefficients: [] };

const replayOf = <Sealed>({ replay }: Settings<Sealed>, step: number, groups: readonly Group<Sealed>[]): Replay => {
  const weight = replay?.weight(step) ?? 0;
  if (!(Number.isFinite(weight) && weight >= 0))
    throw new ConfigError(`The weight of the replay in step ${step} is ${weight}: it must be a number from 0 up.`);
  if (replay === undefined || weight === 0) return nothingToReplay;
  const sequences = replay.sequences(step, groups);
  const tokens = sequences.reduce((sum, { targets }) => sum + targets.length, 0);
  return {
    sequences,
    coefficients: sequences.map(({ targets }) => new Float32Array(targets.length).fill(weight / tokens)),
  };
};

/** Few mixed groups make a noisy gradient, whose size AdamW forgets: the step itself has to shrink. */
const stepShare = (mixed: number, full: number): number => (full === 0 ? 1 : Math.min(1, mixed / full));

/** Trajectories in (task, rollout) order; undefined where there was no sample. */
const samplesOf = (groups: readonly Group[]): (Trajectory | undefined)[] =>
  groups.flatMap(({ rollouts_G }) =>
    rollouts_G.map(({ trajectory, reward }) => (reward === undefined ? undefined : trajectory)),
  );

const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);

/** Seconds since the last lap. */
const timerOf = (clock: Clock): { lap(): number } => {
  let last = clock.now();
  return {
    lap: () => {
      const now = clock.now();
      const seconds = (now - last) / 1000;
      last = now;
      return seconds;
    },
  };
};
