import { expect, it } from "vitest";
import { cellsOf, clip, pad, padStart, tail, wrap } from "./text-width.ts";

it("counts the cells of what people see, not code units", () => {
  expect(["abc", "日本", "é", "e\u0301", "👩‍👩‍👧", "가", "a\u200bb"].map(cellsOf)).toEqual([3, 4, 1, 1, 2, 2, 2]);
  expect(pad("日本", 6)).toBe("日本  ");
  expect(padStart("日本", 6)).toBe("  日本");
});

it("cuts without halving a letter", () => {
  expect(clip("日本語の頁", 6)).toBe("日本…");
  expect(clip("one\r\ntwo", 7)).toBe("one two");
  expect(tail("what is said last", 9)).toBe("…aid last");
  expect(tail("日本語の頁", 5)).toBe("…の頁");
});

it("wraps at spaces where there are some, and always comes to an end", () => {
  expect(wrap("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrap("日本語の頁", 4)).toEqual(["日本", "語の", "頁"]);
  expect(wrap("日本", 1)).toEqual(["日本"]);
  expect(wrap("a\n\nb", 8)).toEqual(["a", "", "b"]);
});
