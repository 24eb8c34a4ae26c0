import { type Clock, systemClock } from "../clock.ts";
import type { OptimStepOptions, Policy, TrainingSequence } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import { abortSignal as aSignal, callback, checked, objectWith, type Rules, required } from "../options.ts";
import { flowGrpoRules } from "./flow-grpo-options.ts";
import { grpoRules } from "./grpo-options.ts";
import { type Schedule, scheduleOf } from "./schedule.ts";
import { requireFinite } from "./step-metrics.ts";

export interface SupervisedOptions {
  readonly policy: Policy;
  /** The sequences of a step, which counts from 0. */
  readonly sequences: (step: number) => readonly TrainingSequence[] | Promise<readonly TrainingSequence[]>;
  readonly steps: number;
  /** A rate or a schedule over steps. @default 1e-3 */
  readonly learningRate?: number | Schedule;
  /** Everything else of AdamW. */
  readonly optimiser?: Omit<OptimStepOptions, "learningRate">;
  readonly onStep?: (step: SupervisedStep) => void;
  readonly abortSignal?: AbortSignal;
  /** @default the machine's clock */
  readonly clock?: Clock;
}

const optionRules: Rules<SupervisedOptions> = {
  policy: required(objectWith("a policy", "backward", "optimStep")),
  sequences: required(callback),
  steps: flowGrpoRules.steps,
  learningRate: grpoRules.learningRate,
  optimiser: grpoRules.optimiser,
  onStep: callback,
  abortSignal: aSignal,
  clock: flowGrpoRules.clock,
};

export interface SupervisedStep {
  readonly step: number;
  /** Mean −log p of the step's targets, in nats, before its update. */
  readonly loss: number;
  /** Mean entropy at the targets, in nats. */
  readonly entropy: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Trained targets and all tokens of the step. */
  readonly targets: number;
  readonly tokens: number;
  /** Wall time; not part of what repeats. */
  readonly seconds: number;
}

/**
 * Supervised training: each step is one optimiser step on the mean −log p of its targets. An async iterable of steps;
 * leave it to stop. The weights are published at the end, also when it was left. Throws `EngineError` for a loss that
 * is not finite.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 * import { supervised } from "agentflow/train";
 *
 * const engine = await openEngine("agentflow-tiny");
 * const ids = engine.tokenizer.encode("stock q1");
 * const sequences = () => [{ ids, targets: [...ids.keys()].slice(1) }];
 * for await (const { step, loss } of supervised({ policy: engine.policy("planner"), sequences, steps: 10 }))
 *   console.log(step, loss);
 * ```
 */
export const supervised = async function* (options: SupervisedOptions): AsyncGenerator<SupervisedStep, void> {
  checked("supervised", options, optionRules);
  const { policy, sequences: sequencesAt, steps, learningRate = 1e-3, optimiser } = options;
  const { onStep, abortSignal, clock = systemClock } = options;
  const schedule = scheduleOf(learningRate);
  try {
    for (let step = 0; step < steps; step += 1) {
      abortSignal?.throwIfAborted();
      const started = clock.now();
      const sequences = await sequencesAt(step);
      const targets = countTargets(sequences);
      if (targets === 0) throw new ConfigError(`Step ${step} has no targets to train on.`);
      const each = sequences.map((one) => new Float32Array(one.targets.length).fill(1 / targets));
      const { logProbs, entropies } = await policy.backward(sequences, each);
      const loss = -sum(logProbs) / targets;
      requireFinite(step, loss, "loss");
      const rate = schedule(step);
      const { gradientNorm } = await policy.optimStep({ ...optimiser, learningRate: rate });
      const result: SupervisedStep = {
        step,
        loss,
        entropy: sum(entropies) / targets,
        gradientNorm,
        learningRate: rate,
        targets,
        tokens: sequences.reduce((count, { ids }) => count + ids.length, 0),
        seconds: (clock.now() - started) / 1000,
      };
      onStep?.(result);
      yield result;
    }
  } finally {
    await policy.publish();
  }
};

/**
 * Mean −log p of the targets under the current weights, in nats: the loss on sequences that are not trained on.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 * import { validationLoss } from "agentflow/train";
 *
 * const engine = await openEngine("agentflow-tiny");
 * const ids = engine.tokenizer.encode("stock q1");
 * console.log(await validationLoss(engine.policy("planner"), [{ ids, targets: [...ids.keys()].slice(1) }]));
 * ```
 */
export const validationLoss = async (policy: Policy, sequences: readonly TrainingSequence[]): Promise<number> => {
  const targets = countTargets(sequences);
  if (targets === 0) throw new ConfigError("A validation loss needs sequences with targets.");
  return -sum((await policy.forward(sequences)).logProbs) / targets;
};

const countTargets = (sequences: readonly TrainingSequence[]): number =>
  sequences.reduce((count, { targets }) => count + targets.length, 0);

const sum = (arrays: readonly Float32Array[]): number => {
  let total = 0;
  for (const array of arrays) for (const value of array) total += value;
  return total;
};
