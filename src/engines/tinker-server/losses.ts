import type { ForwardResult, ImportanceWeights, Policy, TrainingSequence } from "../../engine.ts";
import { messageOf } from "../../errors.ts";
import {
  type Datum,
  encodeForwardBackwardOutput,
  type ForwardBackwardRequest,
} from "../tinker/wire/forward-backward.ts";
import { numbersOf } from "../tinker/wire/tensor.ts";
import { Refusal } from "./refusal.ts";

/** A sequence, and what its loss reads: one number a place. */
interface Example {
  readonly sequence: TrainingSequence;
  readonly targets: readonly number[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
}

interface Loss {
  /** Which inputs it reads besides `target_tokens`, and what stands for one that is left out. */
  readonly inputs: Readonly<Record<string, number | "needed">>;
  readonly config: Readonly<Record<string, number>>;
  /** Coefficient of the gradient of log p at a place, and its part of the loss. */
  readonly at: (
    inputs: Readonly<Record<string, number>>,
    logProb: number,
    config: Readonly<Record<string, number>>,
  ) => { readonly coefficient: number; readonly loss: number };
}

const drawn = { logprobs: "needed", advantages: "needed" } as const;
const clipped = (ratio: number, { clip_low_threshold: low = 0, clip_high_threshold: high = 0 }): number =>
  Math.min(Math.max(ratio, low), high);

/** Losses are sums over tokens and sequences, as the protocol defines them (r = exp(log p − logprobs)). */
const LOSSES: Readonly<Record<string, Loss>> = {
  cross_entropy: {
    inputs: { weights: 1 },
    config: {},
    at: ({ weights: w = 0 }, logProb) => ({ coefficient: w, loss: -w * logProb }),
  },
  importance_sampling: {
    inputs: drawn,
    config: {},
    at: ({ logprobs = 0, advantages: a = 0 }, logProb) => {
      const r = Math.exp(logProb - logprobs);
      return { coefficient: r * a, loss: -r * a };
    },
  },
  ppo: {
    inputs: drawn,
    config: { clip_low_threshold: 0.8, clip_high_threshold: 1.2 },
    at: ({ logprobs = 0, advantages: a = 0 }, logProb, config) => {
      const r = Math.exp(logProb - logprobs);
      const bounded = clipped(r, config);
      const loss = -Math.min(r * a, bounded * a);
      return { coefficient: r * a <= bounded * a ? r * a : 0, loss };
    },
  },
  cispo: {
    inputs: drawn,
    config: { clip_low_threshold: 0, clip_high_threshold: 4 },
    at: ({ logprobs = 0, advantages: a = 0 }, logProb, config) => {
      const weight = clipped(Math.exp(logProb - logprobs), config) * a;
      return { coefficient: weight, loss: -weight * logProb };
    },
  },
};

/** What sequences may hold. */
export interface Bounds {
  readonly vocabularySize: number;
  readonly contextLength: number;
}

/** A request that was checked: it can be executed when its number comes. */
export type Passes = (policy: Policy) => Promise<Uint8Array>;

/** Checks all that a request asks for. Throws `Refusal`. */
export const readPasses = (
  { data, loss: name, lossConfig, forwardOnly }: ForwardBackwardRequest,
  bounds: Bounds,
): Passes => {
  const loss = Object.hasOwn(LOSSES, name) ? LOSSES[name] : undefined;
  if (loss === undefined)
    throw new Refusal(
      `The loss ${JSON.stringify(name)} is not offered: accepted are ${Object.keys(LOSSES).join(", ")}.`,
    );
  const config = { ...loss.config };
  for (const [key, value] of lossConfig) {
    if (!Object.hasOwn(loss.config, key))
      throw new Refusal(
        `${name} has no setting ${JSON.stringify(key)}: accepted are ${Object.keys(loss.config).join(", ") || "none"}.`,
      );
    config[key] = value;
  }
  const { clip_low_threshold: low = 0, clip_high_threshold: high = 0 } = config;
  if (!(low >= 0 && low <= high))
    throw new Refusal(
      `${name} clips from ${low} to ${high}: accepted are thresholds from 0, clip_low_threshold not above clip_high_threshold.`,
    );
  if (data.length === 0) throw new Refusal("There is no datum: send at least one.");
  const examples = data.map((datum, i) => exampleOf(datum, i, name, loss, bounds));
  return (policy) => run(policy, examples, loss, config, forwardOnly);
};

const exampleOf = ({ tokens, inputs }: Datum, i: number, name: string, loss: Loss, bounds: Bounds): Example => {
  const refuse = (why: string): never => {
    throw new Refusal(`Datum ${i}: ${why}`);
  };
  const read = (input: string): readonly number[] | undefined => {
    const tensor = inputs.get(input);
    if (tensor === undefined) return undefined;
    try {
      return numbersOf(tensor);
    } catch (error) {
      return refuse(`${input} cannot be read, since ${messageOf(error)}.`);
    }
  };
  for (const input of inputs.keys())
    if (input !== "target_tokens" && !Object.hasOwn(loss.inputs, input))
      refuse(
        `${name} reads no ${JSON.stringify(input)}: accepted are target_tokens, ${Object.keys(loss.inputs).join(", ")}.`,
      );
  const targets = read("target_tokens") ?? refuse("target_tokens are missing.");
  const length = tokens.length;
  if (length === 0) refuse("it has no token.");
  if (length + 1 > bounds.contextLength) refuse(`it has ${length} tokens: at most ${bounds.contextLength - 1} fit.`);
  const known = (id: number): boolean => Number.isInteger(id) && id >= 0 && id < bounds.vocabularySize;
  const stranger = [...tokens, ...targets].find((id) => !known(id));
  if (stranger !== undefined) refuse(`the token ${stranger} is not in the vocabulary of ${bounds.vocabularySize}.`);
  const read_N: Record<string, readonly number[]> = {};
  for (const [input, otherwise] of Object.entries(loss.inputs))
    read_N[input] =
      read(input) ??
      (otherwise === "needed" ? refuse(`${input} are missing.`) : new Array<number>(length).fill(otherwise));
  for (const [input, values] of Object.entries({ target_tokens: targets, ...read_N }))
    if (values.length !== length) refuse(`${input} have ${values.length} numbers for ${length} tokens.`);
    else if (!values.every(Number.isFinite)) refuse(`${input} hold a number that is not finite.`);
  // What stands at a place is trained as the token after it: another target can only be left out.
  for (let at = 0; at + 1 < length; at += 1) {
    const weight = read_N.advantages?.[at] ?? read_N.weights?.[at];
    if (targets[at] !== tokens[at + 1] && weight !== 0)
      refuse(`target ${at} is ${targets[at]}, and the next token ${tokens[at + 1]}: give it the weight 0.`);
  }
  const ids = [...tokens, targets[length - 1] ?? 0];
  return { sequence: { ids, targets: tokens.map((_, at) => at + 1) }, targets, inputs: read_N };
};

const run = async (
  policy: Policy,
  examples: readonly Example[],
  loss: Loss,
  config: Readonly<Record<string, number>>,
  forwardOnly: boolean,
): Promise<Uint8Array> => {
  const sequences = examples.map(({ sequence }) => sequence);
  const [first] = examples;
  // What needs no log-probability to know its coefficients is one pass; so is a ratio, which the engine takes.
  const plain =
    loss === LOSSES.cross_entropy ? "weights" : loss === LOSSES.importance_sampling ? "advantages" : undefined;
  let result: ForwardResult;
  if (forwardOnly || first === undefined) result = await policy.forward(sequences);
  else if (plain === undefined) {
    result = await policy.forward(sequences);
    const { logProbs } = result;
    const coefficients = examples.map(({ inputs }, i) =>
      Float32Array.from(logProbs[i] ?? [], (logProb, at) => loss.at(inputsAt(inputs, at), logProb, config).coefficient),
    );
    await policy.backward(sequences, coefficients);
  } else {
    const importance: ImportanceWeights | undefined =
      plain === "weights"
        ? undefined
        : { behaviour: examples.map(({ inputs }) => inputs.logprobs ?? []), cap: Number.POSITIVE_INFINITY };
    const coefficients = examples.map(({ inputs }) => Float32Array.from(inputs[plain] ?? []));
    result = await policy.backward(sequences, coefficients, { importance });
  }
  return outputOf(examples, result, loss, config);
};

const inputsAt = (inputs: Example["inputs"], at: number): Record<string, number> =>
  Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values[at] ?? 0]));

/** Log-probabilities of all targets; 0 at a place whose target is not the next token, which nothing is known of. */
const outputOf = (
  examples: readonly Example[],
  { logProbs }: ForwardResult,
  loss: Loss,
  config: Readonly<Record<string, number>>,
): Uint8Array => {
  let sum = 0;
  const losses = examples.map(({ inputs }, i) =>
    Float32Array.from(logProbs[i] ?? [], (logProb, at) => {
      const { loss: part } = loss.at(inputsAt(inputs, at), logProb, config);
      sum += part;
      return part;
    }),
  );
  const scored = examples.map(({ sequence, targets }, i) =>
    Float32Array.from(logProbs[i] ?? [], (logProb, at) => (targets[at] === sequence.ids[at + 1] ? logProb : 0)),
  );
  return encodeForwardBackwardOutput({
    type: "ArrayRecord",
    fields: new Map([
      ["logprobs", scored],
      ["elementwise_loss", losses],
    ]),
    metrics: new Map([["loss:sum", sum]]),
  });
};
