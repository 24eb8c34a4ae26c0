/** What a run of the published recipe takes on GPUs, from counts, the data sheets of the GPU and stated assumptions. */
import { ConfigError } from "../../errors.ts";
import { recipes } from "../../learn/recipe.ts";

/** A model by its config.json. */
export interface ModelShape {
  readonly name: string;
  readonly parameters: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** What flow and tools ask of the model; each figure is measured where a run is named, and else assumed. */
export interface Rollouts {
  readonly tasks: number;
  readonly groupSize: number;
  readonly steps: number;
  /** Of a rollout, on average. */
  readonly turns: number;
  /** Calls of the model in a turn (planner, executor, verifier), and once a rollout (analysis, generator). */
  readonly callsPerTurn: number;
  readonly callsPerRollout: number;
  readonly promptTokens: number;
  readonly sampledTokens: number;
  /** Share of prompt tokens that a cache has. */
  readonly cached: number;
  /** Seconds of tools in a turn. */
  readonly toolSeconds: number;
}

export interface Machine {
  readonly gpu: string;
  readonly gpus: number;
  readonly nodes: number;
  /** GPUs that sample one copy. */
  readonly tensorParallel: number;
  readonly bytes: number;
  /** Peak of bfloat16, dense, in FLOP/s; and bytes/s of its memory. */
  readonly flops: number;
  readonly bandwidth: number;
  readonly dollarsPerHour: number;
}

/** Shares of the peaks that are reached. */
export interface Efficiency {
  readonly decoding: number;
  readonly prefill: number;
  readonly training: number;
  /** Of a GPU's memory, for sampling. */
  readonly memory: number;
}

export interface Plan {
  readonly rolloutsPerStep: number;
  readonly callsPerStep: number;
  readonly sampledPerStep: number;
  readonly promptPerStep: number;
  readonly weightGigabytes: number;
  readonly cacheKilobytesPerToken: number;
  readonly sequencesPerCopy: number;
  readonly minutesPerStep: Readonly<Record<"decoding" | "prefill" | "waiting" | "training", number>>;
  readonly hours: number;
  readonly gpuHours: number;
  readonly dollars: number;
  readonly clientProcessorSeconds: number;
}

const BYTES = 2;
/** Of one token with an adapter: forward for π_old and the reference, forward, recomputation and backward through the activations. */
const TRAINING_PASSES = 2 + 2 + 2 + 2 + 2;

export const planOf = (
  model: ModelShape,
  r: Rollouts,
  m: Machine,
  e: Efficiency,
  millisecondsPerRequest: number,
): Plan => {
  const rollouts = r.tasks * r.groupSize;
  const calls = rollouts * (r.turns * r.callsPerTurn + r.callsPerRollout);
  const copies = (m.gpus * m.nodes) / m.tensorParallel;
  const weights = model.parameters * BYTES;
  const cachePerToken = 2 * model.layers * model.kvHeads * model.headDim * BYTES;
  const length = r.promptTokens + r.sampledTokens;
  const room = m.tensorParallel * m.bytes * e.memory - weights;
  const sequences = Math.floor(Math.min(rollouts / copies, room / (length * cachePerToken)));
  if (sequences < 1)
    throw new ConfigError(`${model.name} does not fit ${m.tensorParallel} × ${m.gpu}: raise tensorParallel.`);
  // One token of all sequences reads the weights and their caches once.
  const tokenSeconds = (weights + sequences * length * cachePerToken) / (m.tensorParallel * m.bandwidth * e.decoding);
  const decoding = ((calls * r.sampledTokens) / (copies * sequences)) * tokenSeconds;
  const fresh = calls * r.promptTokens * (1 - r.cached);
  const prefill = (2 * model.parameters * fresh) / (m.gpus * m.nodes * m.flops * e.prefill);
  const waiting = r.turns * r.toolSeconds * (rollouts / (copies * sequences));
  const trained = rollouts * r.turns * length;
  const training = (TRAINING_PASSES * model.parameters * trained) / (m.gpus * m.nodes * m.flops * e.training);
  const seconds = decoding + prefill + waiting + training;
  const hours = (seconds * r.steps) / 3600;
  return {
    rolloutsPerStep: rollouts,
    callsPerStep: calls,
    sampledPerStep: calls * r.sampledTokens,
    promptPerStep: calls * r.promptTokens,
    weightGigabytes: weights / 1e9,
    cacheKilobytesPerToken: cachePerToken / 1e3,
    sequencesPerCopy: sequences,
    minutesPerStep: { decoding: decoding / 60, prefill: prefill / 60, waiting: waiting / 60, training: training / 60 },
    hours,
    gpuHours: hours * m.gpus * m.nodes,
    dollars: hours * m.gpus * m.nodes * m.dollarsPerHour,
    // A sample is a request and a poll at least.
    clientProcessorSeconds: (calls * 2 * millisecondsPerRequest) / 1000,
  };
};

/** The published model, and one ten times as large. */
export const models: Readonly<Record<"small" | "large", ModelShape>> = {
  small: { name: "Qwen2.5-7B-Instruct", parameters: 7.62e9, layers: 28, kvHeads: 4, headDim: 128 },
  large: { name: "Qwen2.5-72B-Instruct", parameters: 72.7e9, layers: 80, kvHeads: 8, headDim: 128 },
};

/** Data sheet: 80 GB, 989 TFLOP/s bfloat16 without sparsity, 3.35 TB/s. The price is an assumption. */
const h100 = { gpu: "H100 80 GB", gpus: 8, bytes: 80e9, flops: 989e12, bandwidth: 3.35e12, dollarsPerHour: 2.5 };

export const machines: Readonly<Record<"small" | "large", Machine>> = {
  small: { ...h100, nodes: 1, tensorParallel: 1 },
  large: { ...h100, nodes: 4, tensorParallel: 4 },
};

/** Assumed. */
export const efficiency: Efficiency = { decoding: 0.5, prefill: 0.4, training: 0.3, memory: 0.7 };

const { tasksPerStep, groupSize } = recipes.paper.grpo;

/** The published recipe's counts; turns, tokens and seconds are assumed. */
export const rollouts: Rollouts = {
  tasks: tasksPerStep,
  groupSize,
  steps: recipes.paper.steps,
  turns: 2.5,
  callsPerTurn: 3,
  callsPerRollout: 2,
  promptTokens: 2000,
  sampledTokens: 300,
  cached: 0.5,
  toolSeconds: 4,
};

/** Of processor time that a request takes the client, measured by `npm run check:load`. */
export const MILLISECONDS_PER_REQUEST = 0.38;
