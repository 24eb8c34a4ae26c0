/**
 * Flow-GRPO (arXiv 2510.05592, section 3.2): reinforcement learning of a flow's planner inside the live loop. One step:
 * sample → advantage → batch → loss → step → guard → publish. It departs from the paper in what follows; the options that
 * turn a departure on or off are in brackets.
 * - The advantage, the clip and what a turn's own step adds to its rollout's advantage are free; as published by default
 *   [advantage, clip, stepCredit, stepWeight, stepDiscount].
 * - Some rollouts of a group may fork from a turn of another [forks].
 * - Rollouts may begin part of the way along, in turns that nobody learns from [begun].
 * - What tools returned may be modelled beside the reward [observationWeight].
 * - Advantages are normalised over the trajectories of a group and each turn weighs alike in its trajectory, as the paper
 *   writes and its published code does not; other averages by name [aggregation].
 * - What was sampled is trained, by its ids; turns that extend each other are one sequence, not an update each.
 * - A rollout that failed for reasons of infrastructure is not a sample. K is counted over the batch: where samples are
 *   missing, trajectories weigh the same and not groups.
 * - Tokens whose log-probability is not exactly the trainer's (quantised, at another temperature, held to a grammar, of an
 *   older version) weigh π_old/π_behaviour, up to a cap [importanceCap].
 * - With β 0 the KL to the reference is measured and not in the loss [beta, klEvery].
 * - The upper clip is higher, as in the published recipe, and both are free [clipLow, clipHigh]; several optimiser steps on
 *   one batch, of which only the later ones can clip [updatesPerBatch].
 * - Where too few groups are mixed, further tasks are rolled out [minimumMixedGroups, maxRefills], or the step shrinks
 *   [fullStepGroups].
 * - A step that moved a policy too far is undone, and all later ones are smaller [guard].
 * - Sequences may be imitated beside the reward [replay].
 * - Rollouts may be some versions old, and continue while a step is trained [maxStaleness, rollOutSeconds].
 * - Several policies may learn from one reward, each from its own turns [train].
 * - As a control, rewards are dealt out at random [permuteRewards].
 */
import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import { advantages } from "./advantage.ts";
import { type BatchSequence, batchOf } from "./batch.ts";
import { type FlowGrpoOptions, type Settings, settingsOf, taskSource } from "./flow-grpo-options.ts";
import { isExact, measureReferenceKl, measureStepKl } from "./kl.ts";
import { nothingToReplay, type Replay, replayOf } from "./replay.ts";
import { mixedIn, rolloutsOf, samplesOf, versionsOf } from "./rollouts.ts";
import { rolloutsAhead } from "./rollouts-ahead.ts";
import { scheduleOf } from "./schedule.ts";
import { stepCredits } from "./step-credit.ts";
import { stepGuard } from "./step-guard.ts";
import { type StepMetrics, stepMetrics, timerOf } from "./step-metrics.ts";
import { average, newTally, type Tally } from "./tally.ts";
import { lossesOf, stepOn, type Update } from "./update.ts";

/**
 * Trains inside the flow: an async iterable of step metrics. Leave it to stop after a step; abort its signal to stop
 * within one, which throws the signal's reason. Throws `ConfigError` for options that cannot work, `EngineError` for
 * numbers that are not finite.
 *
 * @example
 * ```ts
 * import type { Flow, Policy, Task } from "agentflow";
 * import { flowGrpo } from "agentflow/train";
 *
 * const improve = async (flow: Flow, train: Policy[], tasks: Task<string>[]): Promise<void> => {
 *   const reward = ({ sealed }: Task<string>, said?: string) => Number(said === sealed);
 *   for await (const step of flowGrpo({ flow, train, tasks, reward, steps: 5 })) console.log(step.reward.mean);
 * };
 * ```
 */
export const flowGrpo = <Sealed>(options: FlowGrpoOptions<Sealed>): AsyncGenerator<StepMetrics, void> =>
  run(settingsOf(options));

const run = async function* <Sealed>(o: Settings<Sealed>): AsyncGenerator<StepMetrics, void> {
  const schedule = scheduleOf(o.learningRate);
  const guard = stepGuard(o.guard, o.after?.guard);
  const timer = timerOf(o.clock);
  const { familyOf } = o;
  // What is sampled must be what is trained, also when weights were changed without being published.
  for (const policy of o.train) await policy.publish();
  const rollouts = (o.maxStaleness === 0 ? rolloutsOf : rolloutsAhead)(o, taskSource(o));

  try {
    for (let index = o.after === undefined ? 0 : o.after.index + 1; index < o.steps; index += 1) {
      // Sample: groups of rollouts of the live flow.
      timer.lap();
      const before = versionsOf(o.train);
      const { groups, versions, ...rolled } = await rollouts.next();
      const rollOut = timer.lap();

      // Advantage: one a trajectory, shared by all its turns and tokens, and what a turn's own step adds to it.
      const advantage_K = groups.flatMap(({ rollouts_G }) =>
        advantages(
          rollouts_G.map(({ reward }) => reward),
          o.advantage,
        ),
      );
      const credits = stepCredits(groups, o);
      const advantageOf = ({ trajectory, turns }: BatchSequence): Float64Array =>
        Float64Array.from(turns, (turn) => (advantage_K[trajectory] ?? 0) + o.stepWeight * (credits.get(turn) ?? 0));

      // Few mixed groups make a noisy gradient, whose size AdamW forgets: the step itself has to shrink.
      const share = o.fullStepGroups === 0 ? 1 : Math.min(1, mixedIn(groups) / o.fullStepGroups);
      const learningRate = schedule(index) * guard.stepScale * share;
      const tally = newTally();
      for (const policy of o.train) {
        // Batch: the policy's turns as sequences, with the weight k of each token.
        const batch = batchOf(samplesOf(groups), {
          policy: policy.name,
          versions: versions.get(policy.name) ?? new Set(),
          trained: policy.version,
          aggregation: o.aggregation,
        });
        if (batch.length === 0)
          throw new ConfigError(`No turn was sampled by the policy ${policy.name}: is it in the flow?`);
        const replay = policy === o.train[0] ? replayOf(o.replay, index, groups) : nothingToReplay;
        await learn(policy, batch, advantageOf, replay, { ...o, index, learningRate, tally });
      }

      // Guard: did a policy move too far?
      const undone = guard.undoes(average(tally.klStep));
      const train = timer.lap();

      // Publish: the next rollouts sample the new version, or the old one again.
      for (const policy of o.train) {
        if (undone) await policy.restore(before[policy.name] ?? "");
        else await policy.publish();
      }
      const step = { index, learningRate, versions: versionsOf(o.train), undone, guard: guard.state, ...rolled };
      yield o.diagnosed(stepMetrics(groups, tally, { ...step, familyOf }, { rollOut, train, publish: timer.lap() }));
    }
  } finally {
    await rollouts.close();
  }
};

/** Loss and step, `updatesPerBatch` times, for one policy; then how far that moved it. Advantages are one a target. */
const learn = async <Sealed>(
  policy: Policy,
  batch: readonly BatchSequence[],
  advantageOf: (sequence: BatchSequence) => Float64Array,
  replay: Replay,
  o: Settings<Sealed> & { readonly index: number; readonly learningRate: number; readonly tally: Tally },
): Promise<void> => {
  if ((o.beta === 0 || o.learningRate === 0) && o.klEvery > 0 && o.index % o.klEvery === 0)
    await measureReferenceKl(policy, batch, o.groupSize, o.tally);
  // A trajectory without advantage teaches only its KL term, and what tools return.
  const sequences = batch.filter(
    (sequence) => o.beta > 0 || o.observationWeight > 0 || advantageOf(sequence).some((value) => value !== 0),
  );
  const advantages_B = sequences.map(advantageOf);
  const reference = o.beta > 0 ? (await policy.forward(sequences, { reference: true })).logProbs : [];
  // Where π_old is not what was drawn from, the engine weighs the tokens; a KL term must not be weighed with them.
  const weighs = !isExact(batch) && o.beta === 0 && o.learningRate > 0;
  const old: ArrayLike<number>[] =
    isExact(batch) || weighs
      ? sequences.map(({ behaviour }) => behaviour)
      : [...(await policy.forward(sequences)).logProbs];
  const update: Update = { ...o, policy, sequences, advantages: advantages_B, replay, old, reference, weighs };
  for (let u = 0; u < o.updatesPerBatch && o.learningRate > 0; u += 1) {
    o.abortSignal?.throwIfAborted();
    const losses = await lossesOf(update, u);
    if (await stepOn(update, losses, u)) continue;
    // Nothing is left to learn: at once, and the policy has not moved, or after an update, which the guard looks at.
    if (u === 0) return;
    break;
  }
  if (o.guard !== false) await measureStepKl(policy, sequences, old, o.tally);
};
