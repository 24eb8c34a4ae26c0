import { expect, it } from "vitest";
import { stepOf } from "../../trajectory.ts";
import { mentioned, referred, renumbered, withMentions } from "./references.ts";

it("finds what an action refers to and mentions", () => {
  expect(referred("logs @1.service @12.shipped")).toEqual([1, 12]);
  expect(referred("service q1")).toEqual([]);
  expect(mentioned("connection q1 q12")).toEqual([1, 12]);
  // A field's name, an address and a longer word mention nothing.
  expect(mentioned("read @1.q2 mail@q3 q4x xq5 q-6 q")).toEqual([]);
  expect(mentioned("How much do q1, q2 and q1 cost?")).toEqual([1, 2, 1]);
});

it("gives references and mentions other numbers, each once", () => {
  const step = renumbered(
    stepOf("visa @1.passport q2 @10"),
    (entry) => entry + 1,
    (entity) => entity + 9,
  );
  expect(step).toEqual({ tool: "visa", subGoal: "@2.passport q11 @11", raw: "visa @2.passport q11 @11" });
  expect(renumbered(stepOf("hotel q3"), () => 0).raw).toBe("hotel q3");
  expect(withMentions("q2 before q1", (entity) => `{${entity}}`)).toBe("{2} before {1}");
});
