import type { TrainingSequence } from "../../engine.ts";
import { EngineError } from "../../errors.ts";
import type { Dialect } from "./dialect.ts";
import type { Datum, ForwardBackwardOutput } from "./wire/forward-backward.ts";
import { floatTensor, idTensor } from "./wire/tensor.ts";

/** A sequence to train on: the coefficient of each target, and its log-probability under the weights that are trained. */
export interface Weighted {
  readonly sequence: TrainingSequence;
  readonly coefficients: Float32Array;
  readonly logProbs: Float32Array;
}

/** What one request holds at most. */
const MOST_DATUMS = 1024;
const MOST_BYTES = 5_000_000;
/** A token as input and target, and three numbers of it. */
const BYTES_A_TOKEN = 4 + 8 + 3 * 4;

/** Values at the places of a datum: target `i` of a sequence stands one place before the token that it is. */
const placed = ({ ids, targets }: TrainingSequence, values: ArrayLike<number> | number): Float32Array => {
  const places = new Float32Array(ids.length - 1);
  for (const [i, position] of targets.entries())
    places[position - 1] = typeof values === "number" ? values : (values[i] ?? 0);
  return places;
};

const datumOf = ({ ids }: TrainingSequence, inputs: Readonly<Record<string, Float32Array>>): Datum => ({
  tokens: ids.slice(0, -1),
  inputs: new Map([
    ["target_tokens", idTensor(ids.slice(1))],
    ...Object.entries(inputs).map(([name, values]) => [name, floatTensor(values)] as const),
  ]),
});

/** A datum to score. */
export const scoredDatum = (sequence: TrainingSequence): Datum => datumOf(sequence, { weights: placed(sequence, 1) });

/**
 * Datums whose `importance_sampling` loss has exactly these coefficients on any server: its ratio is 1, because the
 * log-probabilities are those of the weights that are trained, and the advantages make good how the server averages.
 * Sequences without a coefficient are left out.
 */
export const trainedData = (weighted: readonly Weighted[], { reduction, mask }: Dialect): Datum[] => {
  const used = weighted.filter(({ coefficients }) => coefficients.some((c) => c !== 0));
  return used.map(({ sequence, coefficients, logProbs }) => {
    const weights = placed(
      sequence,
      coefficients.map((c) => Number(c !== 0)),
    );
    const masked = weights.reduce((sum, one) => sum + one, 0);
    const scale = reduction === "sum" ? 1 : masked * used.length;
    const inputs = {
      logprobs: placed(sequence, logProbs),
      advantages: placed(
        sequence,
        coefficients.map((c) => c * scale),
      ),
    };
    return datumOf(sequence, mask ? { ...inputs, weights } : inputs);
  });
};

/** Datums in requests of a size that servers take. */
export const chunked = (data: readonly Datum[]): Datum[][] => {
  const chunks: Datum[][] = [];
  let bytes = 0;
  for (const datum of data) {
    const size = 200 + BYTES_A_TOKEN * datum.tokens.length;
    const last = chunks.at(-1);
    if (last === undefined || last.length === MOST_DATUMS || bytes + size > MOST_BYTES) {
      chunks.push([datum]);
      bytes = size;
    } else {
      last.push(datum);
      bytes += size;
    }
  }
  return chunks;
};

/** Log-probabilities of the targets, from those of all places. Throws `EngineError` when the server sent others. */
export const targetLogProbs = (
  sequences: readonly TrainingSequence[],
  outputs: readonly ForwardBackwardOutput[],
): Float32Array[] => {
  const all = outputs.flatMap(({ fields }) => fields.get("logprobs") ?? []);
  if (all.length !== sequences.length)
    throw new EngineError(`The server scored ${all.length} sequences of ${sequences.length}.`);
  return sequences.map(({ ids, targets }, i) => {
    const places = all[i] ?? new Float32Array();
    if (places.length !== ids.length - 1)
      throw new EngineError(`The server sent ${places.length} log-probabilities for ${ids.length - 1} places.`);
    return Float32Array.from(targets, (position) => {
      const value = places[position - 1] ?? Number.NaN;
      if (Number.isNaN(value))
        throw new EngineError(
          `The server sent NaN for token ${ids[position]} at ${position}: is it in its vocabulary?`,
        );
      return value;
    });
  });
};
