import { describe, expect, it } from "vitest";
import type { TrainedTurn, Trajectory } from "../trajectory.ts";
import { type BatchOptions, batchOf } from "./batch.ts";

const turn = (number: number, prompt: readonly number[], ids: readonly number[], rest: Partial<TrainedTurn> = {}) => ({
  module: "planner",
  policy: "planner",
  version: "v",
  turn: number,
  prompt: [{ ids: prompt, sampled: false }],
  ids,
  behaviourLogProbs: ids.map((id) => -id / 10),
  ...rest,
});

const trajectory = (...turns: readonly TrainedTurn[]): Trajectory => ({
  schemaVersion: 1,
  id: "t",
  query: { id: "q", question: "?" },
  analysis: { entities: [], template: "?" },
  memory: [],
  turns,
  status: "solved",
  stopReason: "answered",
});

const options = (changes: Partial<BatchOptions> = {}): BatchOptions => ({
  policy: "planner",
  versions: new Set(["v"]),
  trained: "v",
  aggregation: "turn-mean",
  ...changes,
});

describe("batchOf", () => {
  it("packs turns that extend each other into one sequence, with k = 1/(K·S·n) a token", () => {
    const first = trajectory(turn(1, [1, 2], [3, 4]), turn(2, [1, 2, 3, 4, 5], [6]));
    const second = trajectory(turn(1, [1, 2], [7]));
    const [one, two] = first.turns;
    expect(batchOf([first, undefined, second], options())).toEqual([
      {
        ids: [1, 2, 3, 4, 5, 6],
        targets: [2, 3, 5],
        trajectory: 0,
        behaviour: [-0.3, -0.4, -0.6],
        turns: [one, one, two],
        exact: true,
        weights: Float32Array.of(1 / 8, 1 / 8, 1 / 4),
      },
      {
        ids: [1, 2, 7],
        targets: [2],
        trajectory: 2,
        behaviour: [-0.7],
        turns: second.turns,
        exact: true,
        weights: Float32Array.of(1 / 2),
      },
    ]);
  });

  it("starts a new sequence where a prompt was rebuilt, and keeps modules apart", () => {
    const rebuilt = trajectory(
      turn(1, [1], [2]),
      turn(1, [9], [8], { module: "verifier" }),
      turn(2, [1, 3], [4]),
      turn(2, [9, 8, 7], [6], { module: "verifier" }),
    );
    const batch = batchOf([rebuilt], options());
    expect(batch.map(({ ids, targets }) => [ids, targets])).toEqual([
      [[1, 2], [1]],
      [
        [9, 8, 7, 6],
        [1, 3],
      ],
      [[1, 3, 4], [2]],
    ]);
    expect(batch.flatMap(({ weights }) => [...weights])).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it("takes one policy's turns and refuses another version's", () => {
    const mixed = trajectory(turn(1, [1], [2]), turn(2, [5], [6], { policy: "other", version: "w" }));
    expect(batchOf([mixed], options({ policy: "other", versions: new Set(["w"]) })).map(({ ids }) => ids)).toEqual([
      [5, 6],
    ]);
    expect(() => batchOf([mixed], options({ versions: new Set(["w"]) }))).toThrow(/sampled by version v .* not by w/u);
  });

  it("says which sequences have the trainer's own log-probabilities: all exact, and by the version that is trained", () => {
    const batch = [
      trajectory(turn(1, [1], [2]), turn(2, [1, 2], [3])),
      trajectory(turn(1, [1], [2]), turn(2, [1, 2], [3], { inexact: true })),
      trajectory(turn(1, [1], [2], { version: "older" })),
    ];
    expect(batchOf(batch, options({ versions: new Set(["v", "older"]) })).map((one) => one.exact)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("offers the other averages by name", () => {
    const long = trajectory(turn(1, [1], [2, 3, 4]), turn(2, [1, 2, 3, 4], [5]));
    const short = trajectory(turn(1, [1], [2]));
    const weights = (aggregation: "trajectory-mean" | "token-mean") =>
      batchOf([long, short], options({ aggregation })).map((one) => [...one.weights]);
    expect(weights("token-mean")).toEqual([Array.from(new Float32Array(4).fill(1 / 5)), [...Float32Array.of(1 / 5)]]);
    expect(weights("trajectory-mean")).toEqual([[1 / 8, 1 / 8, 1 / 8, 1 / 8], [1 / 2]]);
  });
});
