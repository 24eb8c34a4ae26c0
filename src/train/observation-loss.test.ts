import { expect, it } from "vitest";
import type { BatchSequence } from "./batch.ts";
import { withObservations } from "./observation-loss.ts";

const sequence = (ids: readonly number[], targets: readonly number[]): BatchSequence => ({
  ids,
  targets,
  trajectory: 0,
  behaviour: targets.map(() => -1),
  turns: [],
  exact: true,
  weights: new Float32Array(targets.length),
});

/** A question of two tokens, two turns with what came of the first in between, and one turn. */
const batch = [sequence([1, 2, 3, 4, 5, 6, 7], [2, 3, 6]), sequence([1, 2, 8], [2])];
const c = [Float32Array.of(0.5, 0.25, -1), Float32Array.of(2)];

it("adds what tools returned between turns, and nothing of the question", () => {
  const { sequences, coefficients } = withObservations(batch, c, 0.5);
  expect(sequences).toEqual([
    { ids: [1, 2, 3, 4, 5, 6, 7], targets: [2, 3, 6, 4, 5] },
    { ids: [1, 2, 8], targets: [2] },
  ]);
  expect(coefficients).toEqual([Float32Array.of(0.5, 0.25, -1, 0.25, 0.25), Float32Array.of(2)]);
});

it("is nothing at weight 0", () => {
  expect(withObservations(batch, c, 0)).toEqual({ sequences: batch, coefficients: c });
});
