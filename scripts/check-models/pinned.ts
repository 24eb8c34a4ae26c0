import type { Finding } from "./compare.ts";
import type { Ours } from "./ours.ts";

/** Values of one published file, taken once from transformers in float32: they guard the reference itself. */
const PINNED: readonly Pinned[] = [
  {
    name: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    text: "The quick brown fox jumps over the lazy dog",
    ids: [504, 2365, 6354, 16438, 27003, 690, 260, 23790, 2767],
    logits: [
      [198, 26.3829],
      [30, 25.9409],
      [28, 24.98],
      [365, 24.3221],
      [18, 24.3023],
    ],
    logsumexp: 27.714,
    meanLoss: 4.29148,
  },
];

interface Pinned {
  readonly name: string;
  readonly sha256: string;
  readonly text: string;
  readonly ids: readonly number[];
  /** Of the last position: token, logit. */
  readonly logits: readonly (readonly [number, number])[];
  readonly logsumexp: number;
  /** Mean negative log-likelihood of the tokens after the first. */
  readonly meanLoss: number;
}

/** Compares with the pinned values of this very file; undefined for any other. */
export const comparePinned = async (ours: Ours, sha256: string, bound: number): Promise<Finding | undefined> => {
  const pinned = PINNED.find((each) => each.sha256 === sha256);
  if (!pinned) return undefined;
  const { ids, logits, logsumexp, meanLoss, text } = pinned;
  const examples: string[] = [];
  if (ours.encode(text).join() !== ids.join())
    examples.push(`ids of "${text}": ours ${ours.encode(text)}, pinned ${ids}`);
  const scores = await ours.score(logits.map(([token]) => [...ids, token]));
  logits.forEach(([token, logit], i) => {
    const mine = scores[i]?.at(-1) ?? Number.NaN;
    if (!(Math.abs(mine - (logit - logsumexp)) <= bound))
      examples.push(`token ${token}: ours ${mine}, pinned ${logit - logsumexp}`);
  });
  const known = scores[0]?.slice(0, ids.length - 1) ?? [];
  const loss = -known.reduce((sum, value) => sum + value, 0) / known.length;
  if (!(Math.abs(loss - meanLoss) <= bound)) examples.push(`mean loss: ours ${loss}, pinned ${meanLoss}`);
  const looked = logits.length + 2;
  return { part: "pinned", looked, failed: examples.length, says: `values kept for ${pinned.name}`, examples };
};
