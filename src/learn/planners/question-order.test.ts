import { expect, it } from "vitest";
import { inQuestionOrder, operandsInOrder } from "./question-order.ts";

it("makes the calls in the order in which the question names what they begin with, each chain to its end", () => {
  const ordered = ["booking q1", "hotel @1.hotel", "hotel q2", "calculate difference @2.price @3.price"];
  expect(inQuestionOrder(ordered)).toEqual(ordered);
  expect(
    inQuestionOrder(["hotel q2", "booking q1", "hotel @2.hotel", "calculate difference @1.price @3.price"]),
  ).toEqual(ordered);
  expect(inQuestionOrder(["city q2", "city q1", "connection @2.station @1.station"])).toEqual([
    "city q1",
    "city q2",
    "connection @1.station @2.station",
  ]);
});

it("has one order for what begins with the same thing, whichever way it was found", () => {
  const one = ["service q1", "incident @1.incident", "deployment @1.deployment", "calculate days @2.opened @3.shipped"];
  const other = [
    "service q1",
    "deployment @1.deployment",
    "incident @1.incident",
    "calculate days @2.shipped @3.opened",
  ];
  expect(inQuestionOrder(one)).toEqual(inQuestionOrder(other));
});

it("leaves the first calls where they are, by which it is decided what comes next", () => {
  const plan = ["museum q2", "calculate less @1.closes q1", "city @1.city", "calculate value @3.tram"];
  expect(inQuestionOrder(plan, 2)).toEqual(plan);
});

it("leaves a plan as it is that refers to what never comes", () => {
  expect(inQuestionOrder(["hotel q2", "room @7.room", "hotel q1"])).toEqual(["hotel q2", "room @7.room", "hotel q1"]);
});

it("writes the operands of a calculation in the order of memory, where either order gives the same", () => {
  expect(operandsInOrder("calculate sum @10.rooms @2.rooms")).toBe("calculate sum @2.rooms @10.rooms");
  expect(operandsInOrder("calculate less @3.rooms @2.rooms")).toBe("calculate less @3.rooms @2.rooms");
  expect(operandsInOrder("connection @2.station q1")).toBe("connection @2.station q1");
});
