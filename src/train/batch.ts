import type { TrainingSequence } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { TrainedTurn, Trajectory } from "../trajectory.ts";

/** How tokens are averaged. `turn-mean` is the paper's: tokens in a turn → turns in a trajectory → trajectories. */
export type Aggregation = "turn-mean" | "trajectory-mean" | "token-mean";

/** A sequence of one trajectory's turns, with what the loss needs for each target. */
export interface BatchSequence extends TrainingSequence {
  /** Index of the trajectory in the list that the batch was made from. */
  readonly trajectory: number;
  /** One a target. */
  readonly behaviour: readonly number[];
  /** Whose tokens these are, one a target. */
  readonly turns: readonly TrainedTurn[];
  /** Whether `behaviour` is what the trainer computes with the weights that are trained now. */
  readonly exact: boolean;
  /** k, one a target. */
  readonly weights: Float32Array;
}

export interface BatchOptions {
  /** Name of the policy whose turns are taken. */
  readonly policy: string;
  /** The versions that these turns may come from. */
  readonly versions: ReadonlySet<string>;
  /** The version that is trained: what another one sampled has other log-probabilities now. */
  readonly trained: string;
  readonly aggregation: Aggregation;
}

/**
 * Trajectories → training sequences of one policy, in (trajectory, turn) order. Turns of a module whose prompt extends
 * the last turn's prompt and output share one sequence. Ids are those that were sampled: nothing is encoded again.
 * With K trajectories (an undefined one is not a sample, and is not counted), S turns of the policy in a trajectory and
 * n tokens in a turn, `turn-mean` gives each token k = 1/(K·S·n). Throws `ConfigError` for turns of another version.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { batchOf } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const { trajectory } = await createFlow({ model, tools: {} }).solve("What is the capital of Ghana?");
 * const versions = new Set(["v1"]);
 * const options = { policy: "planner", versions, trained: "v1", aggregation: "turn-mean" } as const;
 * console.log(batchOf([trajectory], options).length);
 * ```
 */
export const batchOf = (
  trajectories: readonly (Trajectory | undefined)[],
  { policy, versions, trained, aggregation }: BatchOptions,
): BatchSequence[] => {
  const turns_K = trajectories.map((one) => one?.turns.filter((turn) => turn.policy === policy) ?? []);
  const stale = turns_K.flat().find((turn) => !versions.has(turn.version));
  if (stale !== undefined)
    throw new ConfigError(
      `A turn of ${stale.module} was sampled by version ${stale.version} of the policy ${policy}, not by ${[...versions].join(", ")}: ` +
        "the planner must sample the versions that it is given.",
    );
  const counts: Counts = {
    trajectories: trajectories.filter((one) => one !== undefined).length,
    tokens: tokensOf(turns_K.flat()),
  };
  return turns_K.flatMap((turns, trajectory) =>
    chainsOf(turns).map((chain) => ({
      ...sequenceOf(chain, trajectory, turns, counts, aggregation),
      exact: chain.turns.every(({ turn }) => turn.inexact !== true && turn.version === trained),
    })),
  );
};

interface Counts {
  readonly trajectories: number;
  readonly tokens: number;
}

/** Turns that fit one sequence, and its ids. */
interface Chain {
  readonly ids: number[];
  readonly turns: { readonly turn: TrainedTurn; readonly start: number }[];
}

const tokensOf = (turns: readonly TrainedTurn[]): number => turns.reduce((sum, { ids }) => sum + ids.length, 0);

const chainsOf = (turns: readonly TrainedTurn[]): Chain[] => {
  const chains: Chain[] = [];
  const open = new Map<string, Chain>();
  for (const turn of turns) {
    if (turn.ids.length !== turn.behaviourLogProbs.length)
      throw new ConfigError(
        `Turn ${turn.turn} of ${turn.module} has ${turn.ids.length} tokens and ${turn.behaviourLogProbs.length} log-probabilities.`,
      );
    const prompt = turn.prompt.flatMap(({ ids }) => ids);
    if (prompt.length === 0) throw new ConfigError(`Turn ${turn.turn} of ${turn.module} was sampled without a prompt.`);
    let chain = open.get(turn.module);
    if (chain === undefined || !extendsIds(prompt, chain.ids)) {
      chain = { ids: [], turns: [] };
      chains.push(chain);
      open.set(turn.module, chain);
    }
    for (let i = chain.ids.length; i < prompt.length; i += 1) chain.ids.push(prompt[i] ?? 0);
    chain.turns.push({ turn, start: chain.ids.length });
    chain.ids.push(...turn.ids);
  }
  return chains;
};

const extendsIds = (longer: readonly number[], shorter: readonly number[]): boolean =>
  shorter.length <= longer.length && shorter.every((id, i) => id === longer[i]);

const sequenceOf = (
  { ids, turns }: Chain,
  trajectory: number,
  turnsOfTrajectory: readonly TrainedTurn[],
  { trajectories, tokens }: Counts,
  aggregation: Aggregation,
): Omit<BatchSequence, "exact"> => {
  const weightOf: Readonly<Record<Aggregation, (turn: TrainedTurn) => number>> = {
    "turn-mean": (turn) => 1 / (trajectories * turnsOfTrajectory.length * turn.ids.length),
    "trajectory-mean": () => 1 / (trajectories * tokensOf(turnsOfTrajectory)),
    "token-mean": () => 1 / tokens,
  };
  return {
    ids,
    targets: turns.flatMap(({ turn, start }) => turn.ids.map((_, i) => start + i)),
    trajectory,
    behaviour: turns.flatMap(({ turn }) => turn.behaviourLogProbs),
    turns: turns.flatMap(({ turn }) => turn.ids.map(() => turn)),
    weights: Float32Array.from(turns.flatMap(({ turn }) => turn.ids.map(() => weightOf[aggregation](turn)))),
  };
};
