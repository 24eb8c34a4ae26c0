import type { Grammar, Sample, SampleRequest } from "../../../engine.ts";
import { ConfigError, EngineError } from "../../../errors.ts";
import { uniform } from "../../../random.ts";
import type { CompiledGrammar } from "../text/grammar/compile-grammar.ts";
import { checkTruncation, truncate, truncates } from "./truncation.ts";

/** What a sampler must know of a model's text to heed stop strings and grammars. */
export interface TextRules {
  decode(ids: readonly number[]): string;
  /** The automaton of a grammar; `endIds` end a text. */
  compile?(grammar: Grammar, endIds: readonly number[]): CompiledGrammar;
}

/** A token of a row of probabilities, given a number in [0, 1). Throws EngineError for a row that is not finite. */
export type Pick = (probabilities: Float32Array, random: number) => number;

/** What was drawn so far for one request. */
export interface Continuation {
  readonly ids: readonly number[];
  readonly logProbs: readonly number[];
  /** Draws the next token; says why the sample ends with it, if it does. Throws EngineError for a row that is not finite. */
  take(probabilities: Float32Array): Sample["stopReason"] | undefined;
}

const notFinite = (): EngineError =>
  new EngineError("The next-token distribution is not finite: the weights are damaged or training diverged.");

/** Inverse CDF over the sum of the row as it is, token by token. */
export const pickExactly: Pick = (probabilities, random) => {
  let total = 0;
  for (let v = 0; v < probabilities.length; v += 1) total += probabilities[v] as number;
  if (!Number.isFinite(total)) throw notFinite();
  let token = 0;
  let rest = random * total;
  while (token < probabilities.length - 1) {
    rest -= probabilities[token] as number;
    if (rest < 0) break;
    token += 1;
  }
  return token;
};

const STRIDE = 256;

/** Inverse CDF for large vocabularies: takes the sum for 1, and skips what comes before the token in blocks. */
export const pickFast: Pick = (p, random) => {
  let rest = random;
  let start = 0;
  for (; start + STRIDE <= p.length; start += STRIDE) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let v = start; v < start + STRIDE; v += 4) {
      a += p[v] as number;
      b += p[v + 1] as number;
      c += p[v + 2] as number;
      d += p[v + 3] as number;
    }
    const sum = a + b + (c + d);
    if (!(rest >= sum)) break;
    rest -= sum;
  }
  let last = -1;
  for (let v = start; v < p.length; v += 1) {
    const weight = p[v] as number;
    if (weight > 0) last = v;
    rest -= weight;
    if (rest < 0) return v;
  }
  // Rounding left the sum short of the number: the last token that is possible at all.
  if (!(rest < 1e-3)) throw notFinite();
  for (let v = start - 1; last < 0 && v >= 0; v -= 1) if ((p[v] as number) > 0) last = v;
  return last;
};

const likeliest = (probabilities: Float32Array): number => {
  let token = 0;
  let most = probabilities[0] as number;
  for (let v = 1; v < probabilities.length; v += 1) {
    const weight = probabilities[v] as number;
    if (weight > most) {
      token = v;
      most = weight;
    }
  }
  return token;
};

/** A token takes at least a byte, but for the few that stand for nothing: a tail with this many more holds any stop text. */
const SLACK = 8;

const endsInText = (ids: readonly number[], stop: readonly string[], text: TextRules): boolean => {
  const bytes = Math.max(...stop.map((word) => new TextEncoder().encode(word).length));
  const tail = text.decode(ids.slice(-(bytes + SLACK)));
  return stop.some((word) => tail.includes(word));
};

/** Throws ConfigError for settings that cannot be heeded. */
export const startContinuation = (
  request: SampleRequest,
  { limit, pick, text }: { readonly limit: number; readonly pick: Pick; readonly text?: TextRules | undefined },
): Continuation => {
  const { temperature = 1, stopIds, grammar, randomKey } = request;
  if (!(temperature >= 0)) throw new ConfigError(`temperature must be 0 or more, received ${temperature}.`);
  checkTruncation(request);
  const stop = (request.stop ?? []).filter((word) => word !== "");
  if (stop.length > 0 && !text)
    throw new ConfigError("Stop texts need a tokenizer, which this sampler was not given: use stopIds.");
  if (grammar && !text?.compile)
    throw new ConfigError("A grammar needs a tokenizer, which this sampler was not given: leave `grammar` out.");
  let state = grammar && text?.compile ? text.compile(grammar, stopIds).start() : undefined;
  const ends = new Set(stopIds);
  const ids: number[] = [];
  const logProbs: number[] = [];

  const drawn = (probabilities: Float32Array): { readonly token: number; readonly logProb: number } => {
    const allowed = state?.allowed();
    const random = uniform(randomKey, ids.length);
    if (temperature === 0 && !allowed) {
      const token = likeliest(probabilities);
      const probability = probabilities[token] as number;
      // One NaN spoils the softmax of the whole row.
      if (!(probability > 0 && probability <= 2)) throw notFinite();
      return { token, logProb: Math.log(probability) };
    }
    if (temperature > 0 && !truncates({ ...request, allowed })) {
      const token = pick(probabilities, random);
      return { token, logProb: Math.log(probabilities[token] as number) };
    }
    const left = truncate(probabilities, temperature === 0 ? { topK: 1, allowed } : { ...request, allowed });
    let at = 0;
    for (let rest = random * left.total; at < left.ids.length - 1; at += 1) {
      rest -= left.weights[at] as number;
      if (rest < 0) break;
    }
    return { token: left.ids[at] as number, logProb: Math.log((left.weights[at] as number) / left.total) };
  };

  return {
    ids,
    logProbs,
    take: (probabilities) => {
      const { token, logProb } = drawn(probabilities);
      ids.push(token);
      logProbs.push(logProb);
      if (ends.has(token)) return "stop";
      state = state?.accept(token);
      if (text && stop.length > 0 && endsInText(ids, stop, text)) return "stop";
      return ids.length >= limit ? "length" : undefined;
    },
  };
};
