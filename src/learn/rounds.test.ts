import { expect, it } from "vitest";
import { randomKey } from "../random.ts";
import { rounds } from "./rounds.ts";

it("draws all of a list, then all of it in another order, the same for the same index", () => {
  const list = Array.from({ length: 20 }, (_, i) => i);
  const at = rounds(list, randomKey("rounds"));
  const drawn = Array.from({ length: 40 }, (_, i) => at(i));
  const [first, second] = [drawn.slice(0, 20), drawn.slice(20)];
  expect(first.toSorted((a = 0, b = 0) => a - b)).toEqual(list);
  expect(second.toSorted((a = 0, b = 0) => a - b)).toEqual(list);
  expect(second).not.toEqual(first);
  expect([at(25), at(3), at(25)]).toEqual([drawn[25], drawn[3], drawn[25]]);
  expect(rounds([], randomKey("none"))(3)).toBeUndefined();
});
