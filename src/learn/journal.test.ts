import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { trajectoryOf } from "../../test/learn-double.ts";
import type { TrainedTurn } from "../trajectory.ts";
import { hashOf, journalOf } from "./journal.ts";

const journalWithRows = () => {
  const rows: object[] = [];
  const digests: object[] = [];
  const journal = journalOf({ appendJournal: (row) => rows.push(row), appendDigest: (row) => digests.push(row) });
  return { journal, rows, digests };
};

const sampled = (turn: number, ids: readonly number[], module = "planner"): TrainedTurn => ({
  module,
  policy: module,
  version: "v1",
  turn,
  prompt: [{ ids: [1, 2], sampled: false }],
  ids,
  behaviourLogProbs: ids.map((id) => -id / 10),
});
const seen = { status: "ok", text: "up", fields: { seen: { kind: "text", value: "up" } } };

it("hashes a value by its JSON, in twelve digits", () => {
  const text = '{"a":[1,null]}';
  expect(hashOf({ a: [1, null] })).toBe(createHash("sha256").update(text).digest("hex").slice(0, 12));
  expect(hashOf({ a: [1, undefined] })).toBe(hashOf({ a: [1, null] }));
  expect(hashOf([1, 2])).not.toBe(hashOf([2, 1]));
});

it("keeps what was sampled and called, turn by turn, and each reply once by its hash", async () => {
  const { journal, rows, digests } = journalWithRows();
  const trajectory = await trajectoryOf(["look up", "press left"], "0/0/0");
  journal.record({ trajectory: { ...trajectory, turns: [sampled(1, [5]), sampled(2, [6, 7])] }, reward: 1 });
  const [look, press] = trajectory.memory.map(({ observation }) => hashOf(observation));
  expect(rows).toEqual([
    { reply: look, observation: seen },
    { reply: press, observation: trajectory.memory[1]?.observation },
    {
      trajectory: "0/0/0",
      reward: 1,
      turns: [
        {
          sampled: [{ module: "planner", version: "v1", ids: [5], logProbs: [-0.5] }],
          call: { tool: "look", input: { lever: "up" } },
          observation: look,
        },
        {
          sampled: [{ module: "planner", version: "v1", ids: [6, 7], logProbs: [-0.6, -0.7] }],
          call: { tool: "press", input: { lever: "left" } },
          observation: press,
        },
      ],
    },
  ]);
  // The hash of a turn is that of its reply in full.
  journal.stepDone(4);
  const turn = { sampled: [{ module: "planner", version: "v1", ids: [5], logProbs: [-0.5] }] };
  const whole = hashOf({ ...turn, call: { tool: "look", input: { lever: "up" } }, observation: seen });
  expect(digests).toEqual([{ step: 4, turns: { "0/0/0": [whole, expect.stringMatching(/^[0-9a-f]{12}$/)] } }]);
});

it("knows a reply until a new file begins", async () => {
  const { journal, rows } = journalWithRows();
  const trajectory = await trajectoryOf(["look up", "look up"], "a");
  const replies = () => rows.filter((row) => "reply" in row).length;
  journal.record({ trajectory, reward: 0 });
  // The second call of the same kind is refused, which is another reply.
  expect(replies()).toBe(2);
  journal.record({ trajectory: { ...trajectory, id: "b" }, reward: 0 });
  expect(replies()).toBe(2);
  journal.turned();
  journal.record({ trajectory: { ...trajectory, id: "c" }, reward: 0 });
  expect(replies()).toBe(4);
});

it("has a turn that was sampled and never carried out, and the turns of several modules beside each other", async () => {
  const { journal, rows } = journalWithRows();
  const { memory, ...trajectory } = await trajectoryOf(["look up"], "cut");
  const turns = [sampled(1, [1]), sampled(1, [2], "verifier"), sampled(2, [3])];
  journal.record({ trajectory: { ...trajectory, memory: memory.slice(0, 1), turns }, reward: undefined });
  expect(rows.at(-1)).toMatchObject({
    reward: null,
    turns: [
      { sampled: [{ module: "planner" }, { module: "verifier" }], call: { tool: "look" } },
      { sampled: [{ ids: [3] }], call: null, observation: null },
    ],
  });
});

it("ends a step with its own trajectories only", async () => {
  const { journal, digests } = journalWithRows();
  const trajectory = await trajectoryOf(["press left"]);
  journal.record({ trajectory: { ...trajectory, id: "first" }, reward: 1 });
  journal.stepDone(0);
  journal.record({ trajectory: { ...trajectory, id: "second" }, reward: 1 });
  journal.stepDone(1);
  expect(digests).toMatchObject([
    { step: 0, turns: { first: expect.any(Array) } },
    { step: 1, turns: { second: expect.any(Array) } },
  ]);
  expect(digests[1]).not.toHaveProperty("turns.first");
});
