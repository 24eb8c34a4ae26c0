import { expect, it } from "vitest";
import { screenOn } from "./screen.ts";
import { showVerification } from "./verify.ts";

it("says what of a run at a server was done again in lines of a terminal", () => {
  let written = "";
  const stream = { write: (text: string) => (written += text) };
  const gone =
    "samples, log-probabilities, gradients and weights: they were made at http://127.0.0.1:8210, and not here";
  showVerification(screenOn({ stream, environment: {} }), {
    run: "one",
    verified: true,
    steps: 0,
    sameMachine: undefined,
    differences: [],
    covered: ["the mean reward of 3 steps, from their rows"],
    notCovered: [gone, "metrics.jsonl: everything but the mean reward"],
  });
  const lines = written.split("\n").slice(0, -1);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(lines.map((line) => line.slice(0, 13).trim())).toEqual([
    "verified  wha",
    "done again  t",
    "not covered",
    "",
    "not covered",
  ]);
  const [first = "", second = ""] = lines.slice(2, 4);
  expect(`${first.slice(13)} ${second.trim()}`).toBe(gone);
});
