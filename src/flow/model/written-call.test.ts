import { expect, it } from "vitest";
import { number, stateOf } from "../../../test/planner-state.ts";
import { writtenInput } from "./written-call.ts";

const state = stateOf(["5", "report"], [{ action: "box q1", fields: { height: number(7, "m") } }]);
const written = (text: string, metadata = {}): unknown =>
  writtenInput(JSON.stringify({ text }), undefined, state, metadata)?.text;
const computed = (text: string): unknown => written(text, { computes: true });

it("references in a text stand for what they name, and words behind an entity stay", () => {
  expect(written("see q2.pdf")).toBe("see report.pdf");
  expect(written("@1.height of q2")).toBe("7 of report");
  expect(written("q1.height of q2")).toBe("7 of report");
});

it("what is not there is nobody's text: a calculation takes no entity with something behind it", () => {
  expect(computed("q1.height + 2")).toBe("7 + 2");
  expect(computed("q1.width + 2")).toBeUndefined();
  expect(computed("q1.5 + 1")).toBeUndefined();
  for (const write of [written, computed]) {
    expect(write("q9.price + 1")).toBeUndefined();
    expect(write("@4.height + 1")).toBeUndefined();
  }
});
