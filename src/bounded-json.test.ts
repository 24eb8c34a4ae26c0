import { expect, it } from "vitest";
import { parseJson, parseLargeJson } from "./bounded-json.ts";

const namesIn = (count: number): string =>
  `{${Array.from({ length: count }, (_, i) => `"k${i}":"a:b,c[{\\""`).join(",")}}`;

it("reads what is within its limits, and counts nothing inside a text", async () => {
  expect(Object.keys(parseJson(namesIn(100), { depth: 1, values: 101, names: 100 }) as object)).toHaveLength(100);
  expect(await parseLargeJson("[1,[2]]", { depth: 2, values: 5 })).toEqual([1, [2]]);
});

it("refuses what nests deeper, or holds more values or names, before it is parsed", async () => {
  expect(() => parseJson("[[1]]", { depth: 1 })).toThrow("it nests more than 1 deep");
  expect(() => parseJson("[1,2,3]", { values: 3 })).toThrow("it holds more than 3 values");
  expect(() => parseJson(namesIn(4), { names: 3 })).toThrow("it holds more than 3 names");
  await expect(parseLargeJson(namesIn(4), { names: 3 })).rejects.toThrow("it holds more than 3 names");
  expect(() => parseJson("{")).toThrow(SyntaxError);
});
