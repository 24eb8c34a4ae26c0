import { createHash } from "node:crypto";
import {
  type Engine,
  type ForwardResult,
  isPlainDraw,
  type OptimStepOptions,
  type Policy,
  type Tokenizer,
  type TrainingSequence,
} from "../engine.ts";
import { EngineError } from "../errors.ts";
import { uniform } from "../random.ts";
import { byteTokenizer } from "./scripted-policy.ts";

export interface TabularPolicyOptions {
  readonly name?: string;
  readonly tokenizer?: Tokenizer;
  /** @default 4096 */
  readonly contextLength?: number;
  /** Logits of a context that was never trained: these are the reference too. @default all 0 */
  readonly initial?: (prefix: readonly number[]) => readonly number[];
}

type Row = Float64Array;
type Table = ReadonlyMap<string, Row>;

/**
 * A policy double that really learns: a softmax over the vocabulary for each whole prefix, in plain arrays, with exact
 * gradients and AdamW. Small tasks are learnt in a few steps, and sampler and trainer agree to rounding.
 *
 * @example
 * ```ts
 * import { modelPlanner } from "agentflow";
 * import { tabularPolicy, wordTokenizer } from "agentflow/testing";
 *
 * const policy = tabularPolicy({ tokenizer: wordTokenizer(["stock", "q1", "<end>"]) });
 * const planner = modelPlanner(policy);
 * ```
 */
export const tabularPolicy = ({
  name = "planner",
  tokenizer = byteTokenizer(),
  contextLength = 4096,
  initial = () => new Array<number>(tokenizer.vocabularySize).fill(0),
}: TabularPolicyOptions = {}): Policy => {
  const none: Table = new Map();
  const weights = new Map<string, Row>();
  const gradient = new Map<string, Row>();
  const moments = new Map<string, readonly [Row, Row]>();
  const published = new Map<string, Table>();
  const holders = new Map<string, number>();
  let steps = 0;
  let version = "";

  const logitsOf = (table: Table, prefix: readonly number[]): ArrayLike<number> =>
    table.get(prefix.join(" ")) ?? initial(prefix);

  const walk = (
    table: Table,
    sequences: readonly TrainingSequence[],
    visit?: (sequence: number, target: number, prefix: readonly number[], logProbs: Row, id: number) => void,
  ): ForwardResult => {
    const all = sequences.map(({ ids, targets }, s) =>
      targets.map((position, t) => {
        const prefix = ids.slice(0, position);
        const logProbs = logSoftmax(logitsOf(table, prefix), 1);
        const id = ids[position] ?? -1;
        visit?.(s, t, prefix, logProbs, id);
        return { logProb: logProbs[id] ?? Number.NaN, entropy: entropyOf(logProbs) };
      }),
    );
    return {
      logProbs: all.map((targets) => Float32Array.from(targets, ({ logProb }) => logProb)),
      entropies: all.map((targets) => Float32Array.from(targets, ({ entropy }) => entropy)),
    };
  };

  const publish = (): string => {
    const rows = [...weights].sort(([a], [b]) => (a < b ? -1 : 1));
    const hash = createHash("sha256");
    // A state in JSON knows no −0: both zeros are one number here.
    for (const [key, row] of rows) hash.update(key).update(row.map((value) => value + 0));
    const previous = version;
    version = hash.digest("hex");
    published.set(version, new Map(rows.map(([key, row]) => [key, row.slice()])));
    if (previous !== version && !holders.has(previous)) published.delete(previous);
    return version;
  };

  const policy: Policy = {
    name,
    engine: {
      model: "tabular",
      tokenizer,
      contextLength,
      learns: "weights",
      endIds: [],
      description: { runtime: "tabular" },
      policy: () => policy,
      dispose: async () => undefined,
    } satisfies Engine,
    get version() {
      return version;
    },
    sample: async (request) => {
      const { prompt, randomKey, maxTokens, stopIds, temperature = 1, version: wanted = version } = request;
      const table = published.get(wanted);
      if (table === undefined) throw new EngineError(`Version ${wanted} of the policy ${name} is no longer held.`);
      const prefix = prompt.flatMap(({ ids }) => ids);
      const start = prefix.length;
      const logProbs: number[] = [];
      let stopped = false;
      while (!stopped && prefix.length - start < maxTokens) {
        const distribution = logSoftmax(logitsOf(table, prefix), temperature);
        const id = drawFrom(distribution, uniform(randomKey, prefix.length - start));
        prefix.push(id);
        logProbs.push(distribution[id] ?? Number.NaN);
        stopped = stopIds.includes(id);
      }
      return {
        ids: prefix.slice(start),
        logProbs,
        exact: isPlainDraw(request),
        stopReason: stopped ? "stop" : "length",
        version: wanted,
      };
    },
    release: () => undefined,
    forward: async (sequences, options) => walk(options?.reference === true ? none : weights, sequences),
    backward: async (sequences, coefficients, { importance } = {}) =>
      walk(weights, sequences, (s, t, prefix, logProbs, id) => {
        const drawn = importance?.behaviour[s]?.[t];
        const w = drawn === undefined ? 1 : Math.min(Math.exp((logProbs[id] ?? 0) - drawn), importance?.cap ?? 1);
        const c = w * (coefficients[s]?.[t] ?? 0);
        const row = rowOf(gradient, prefix, () => new Float64Array(logProbs.length));
        for (let v = 0; v < row.length; v += 1)
          row[v] = (row[v] ?? 0) + c * (Math.exp(logProbs[v] ?? 0) - Number(v === id));
      }),
    optimStep: async ({
      learningRate,
      beta1 = 0.9,
      beta2 = 0.95,
      epsilon = 1e-8,
      weightDecay = 0,
      gradientClip = 1,
    }: OptimStepOptions) => {
      let squares = 0;
      for (const row of gradient.values()) for (const value of row) squares += value * value;
      const gradientNorm = Math.sqrt(squares);
      if (!Number.isFinite(gradientNorm)) throw new EngineError(`The gradient of ${name} is not finite.`);
      const scale = gradientClip > 0 ? Math.min(1, gradientClip / (gradientNorm + 1e-12)) : 1;
      steps += 1;
      for (const [key, row] of gradient) {
        const w = rowOf(weights, key, () => Float64Array.from(initial(key.split(" ").map(Number))));
        const [m, v] = moments.get(key) ?? [new Float64Array(row.length), new Float64Array(row.length)];
        moments.set(key, [m, v]);
        for (let i = 0; i < row.length; i += 1) {
          const g = (row[i] ?? 0) * scale;
          m[i] = beta1 * (m[i] ?? 0) + (1 - beta1) * g;
          v[i] = beta2 * (v[i] ?? 0) + (1 - beta2) * g * g;
          const corrected = (m[i] ?? 0) / (1 - beta1 ** steps);
          const size = Math.sqrt((v[i] ?? 0) / (1 - beta2 ** steps)) + epsilon;
          w[i] = (w[i] ?? 0) * (1 - learningRate * weightDecay) - (learningRate * corrected) / size;
        }
      }
      gradient.clear();
      return { gradientNorm };
    },
    publish: async () => publish(),
    hold: (held) => {
      holders.set(held, (holders.get(held) ?? 0) + 1);
      return () => {
        const left = (holders.get(held) ?? 1) - 1;
        if (left > 0) holders.set(held, left);
        else {
          holders.delete(held);
          if (held !== version) published.delete(held);
        }
      };
    },
    restore: async (wanted) => {
      const table = published.get(wanted);
      if (table === undefined) throw new EngineError(`Version ${wanted} of the policy ${name} is no longer held.`);
      weights.clear();
      for (const [key, row] of table) weights.set(key, row.slice());
      gradient.clear();
      moments.clear();
      steps = 0;
      publish();
    },
    exportState: async () => {
      const rows = [...weights].map(([key, row]) => [key, [...row], (moments.get(key) ?? []).map((one) => [...one])]);
      return new TextEncoder().encode(JSON.stringify({ steps, rows }));
    },
    importState: async (state) => {
      const stored = storedIn(state);
      weights.clear();
      moments.clear();
      gradient.clear();
      steps = stored.steps;
      for (const [key, row, [m, v]] of stored.rows) {
        weights.set(key, Float64Array.from(row));
        if (m !== undefined && v !== undefined) moments.set(key, [Float64Array.from(m), Float64Array.from(v)]);
      }
      publish();
    },
    average: async (state, share) => {
      const others = new Map(storedIn(state).rows.map(([key, row]) => [key, row]));
      for (const key of new Set([...weights.keys(), ...others.keys()])) {
        // A row that nothing has changed yet is as at first.
        const first = initial(key.split(" ").map(Number));
        const own = rowOf(weights, key, () => Float64Array.from(first));
        const other = others.get(key) ?? first;
        for (const [i, value] of own.entries()) own[i] = share * value + (1 - share) * (other[i] ?? 0);
      }
      publish();
    },
    save: async () => undefined,
  };
  publish();
  return policy;
};

const rowOf = (table: Map<string, Row>, prefix: readonly number[] | string, make: () => Row): Row => {
  const key = typeof prefix === "string" ? prefix : prefix.join(" ");
  const row = table.get(key) ?? make();
  table.set(key, row);
  return row;
};

/** Log-probabilities of a row; at temperature 0 all mass is on the first of the largest. */
const logSoftmax = (logits: ArrayLike<number>, temperature: number): Row => {
  const row = Float64Array.from(logits);
  const largest = Math.max(...row);
  if (temperature === 0) {
    const best = row.indexOf(largest);
    return row.map((_, i) => (i === best ? 0 : Number.NEGATIVE_INFINITY));
  }
  const scaled = row.map((value) => (value - largest) / temperature);
  const norm = Math.log(scaled.reduce((sum, value) => sum + Math.exp(value), 0));
  return scaled.map((value) => value - norm);
};

const entropyOf = (logProbs: Row): number =>
  -logProbs.reduce((sum, logProb) => sum + Math.exp(logProb) * Math.max(logProb, -1e9), 0);

const drawFrom = (logProbs: Row, u: number): number => {
  let mass = 0;
  let last = 0;
  for (const [id, logProb] of logProbs.entries()) {
    if (logProb === Number.NEGATIVE_INFINITY) continue;
    mass += Math.exp(logProb);
    last = id;
    if (u < mass) return id;
  }
  return last;
};

const storedIn = (
  state: Uint8Array,
): { readonly steps: number; readonly rows: readonly (readonly [string, number[], number[][]])[] } =>
  JSON.parse(new TextDecoder().decode(state));
