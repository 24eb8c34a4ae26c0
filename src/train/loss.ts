/**
 * How an update keeps its steps small:
 * - `token`: a token whose ratio has left its range in the direction of its advantage is not trained (PPO, Flow-GRPO).
 * - `sequence`: all tokens of a sequence have one ratio, the geometric mean of theirs, and are clipped together (GSPO).
 * - `weight`: no token is left out; its ratio is held below the upper bound and counts as a constant (CISPO).
 */
export type ClipKind = "token" | "sequence" | "weight";

/** One sequence's numbers, one a trained token; `weight` is k = 1/(K·S·n) of the token's turn, or one for all. */
export interface LossInput {
  /** log π_θ of the weights to be updated. */
  readonly logProbs: ArrayLike<number>;
  /** log π_old: the trainer's own, at the version that sampled. */
  readonly old: ArrayLike<number>;
  /** log π_ref. Undefined: no KL term, and `klReference` is 0. */
  readonly reference: ArrayLike<number> | undefined;
  /** Of the distribution that was really drawn from. */
  readonly behaviour: ArrayLike<number>;
  /** One for all, or one a token. */
  readonly advantage: number | ArrayLike<number>;
  readonly weight: number | ArrayLike<number>;
  readonly clip: ClipKind;
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly beta: number;
  /** Most that a token weighs for π_old / behaviour. */
  readonly importanceCap: number;
}

/** What the engine is given (it minimises −Σ c·logp) and what is reported. */
export interface LossOutput {
  /** c = −∂L/∂logp, one a token. */
  readonly c: Float32Array;
  /** Share of tokens whose ratio was clipped. */
  readonly clipFraction: number;
  /** Mean of the k3 estimator of D_KL(π_θ‖π_ref). */
  readonly klReference: number;
}

/** Beyond it e^x says nothing but "far away", and one token would drown a batch. */
const EXPONENT_LIMIT = 20;

/**
 * The whole of Flow-GRPO's loss as one number a token:
 *   c = k·( w·r·A·[not clipped] − β·(1 − exp(ref − logp)) ),  r = exp(logp − old),  w = min(exp(old − behaviour), cap).
 * Clipped where A > 0 and r > 1 + ε_high, or A < 0 and r < 1 − ε_low: there min(rA, clip(r)A) is flat (`clip` "token";
 * for the others see `ClipKind`). The second part is the derivative of k3 = exp(ref − logp) − (ref − logp) − 1, with ref − logp held within ±20.
 *
 * @example
 * ```ts
 * import { coefficients, grpoDefaults } from "agentflow/train";
 *
 * const logProbs = [-0.7, -1.2];
 * const sampled = { logProbs, old: logProbs, behaviour: logProbs, reference: undefined };
 * const { clip, clipLow, clipHigh, importanceCap } = grpoDefaults;
 * const { c } = coefficients({ ...sampled, advantage: 1, weight: 0.5, clip, clipLow, clipHigh, beta: 0, importanceCap });
 * ```
 */
export const coefficients = ({
  logProbs,
  old,
  reference,
  behaviour,
  advantage,
  weight,
  clip,
  clipLow,
  clipHigh,
  beta,
  importanceCap,
}: LossInput): LossOutput => {
  const n = logProbs.length;
  const c = new Float32Array(n);
  let clipped = 0;
  const common = clip === "sequence" ? Math.exp(meanDifference(logProbs, old)) : undefined;
  for (let i = 0; i < n; i += 1) {
    const logp = at(logProbs, i);
    const k = typeof weight === "number" ? weight : at(weight, i);
    const gained = typeof advantage === "number" ? advantage : at(advantage, i);
    const ratio = common ?? Math.exp(logp - at(old, i));
    const importance = Math.min(Math.exp(at(old, i) - at(behaviour, i)), importanceCap);
    const isOutside = (gained > 0 && ratio > 1 + clipHigh) || (gained < 0 && ratio < 1 - clipLow);
    if (isOutside) clipped += 1;
    const bounded = clip === "weight" ? Math.min(ratio, 1 + clipHigh) : ratio;
    let gain = isOutside && clip !== "weight" ? 0 : importance * bounded * gained;
    if (reference !== undefined) gain -= beta * (1 - Math.exp(distanceTo(at(reference, i), logp)));
    c[i] = k * gain;
  }
  const klReference = reference === undefined ? 0 : referenceKl(logProbs, reference);
  return { c, clipFraction: n === 0 ? 0 : clipped / n, klReference };
};

const meanDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value - at(b, i), 0) / a.length;

/** Mean of the k3 estimator of D_KL(π_θ‖π_ref) over tokens with these log-probabilities. */
export const referenceKl = (logProbs: ArrayLike<number>, reference: ArrayLike<number>): number => {
  let kl = 0;
  for (let i = 0; i < logProbs.length; i += 1) {
    const distance = distanceTo(at(reference, i), at(logProbs, i));
    kl += Math.exp(distance) - distance - 1;
  }
  return logProbs.length === 0 ? 0 : kl / logProbs.length;
};

/** log(π_ref/π_θ), within bounds. */
const distanceTo = (reference: number, logp: number): number =>
  Math.max(-EXPONENT_LIMIT, Math.min(EXPONENT_LIMIT, reference - logp));

const at = (values: ArrayLike<number>, i: number): number => {
  const value = values[i];
  if (value === undefined) throw new RangeError(`The loss needs a number for each token; number ${i} is missing.`);
  return value;
};
