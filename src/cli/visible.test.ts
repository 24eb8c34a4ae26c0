import { expect, it } from "vitest";
import { ascii, visible } from "./visible.ts";

it.each([
  ["C0, DEL and C1", "\u0000\u001b\u007f\u0085\u009b", "\\u0000\\u001b\\u007f\\u0085\\u009b"],
  ["line ends and tabs", "a\r\nb\tc\u2028\u2029", "a\\r\\nb\\tc\\u2028\\u2029"],
  [
    "marks of direction",
    "\u202a\u202e\u2066\u2069\u200e\u200f\u061c",
    "\\u202a\\u202e\\u2066\\u2069\\u200e\\u200f\\u061c",
  ],
  ["what has no width", "\u200b\u200d\u2060\ufeff\u00ad\u034f", "\\u200b\\u200d\\u2060\\ufeff\\u00ad\\u034f"],
  ["tag letters", "\u{e0041}\u{e007f}", "\\udb40\\udc41\\udb40\\udc7f"],
  ["variation selectors", "a\ufe0f\ufe01\u{e0100}", "a\\ufe0f\\ufe01\\udb40\\udd00"],
  ["lone surrogates", "\ud800a\udc00", "\\ud800a\\udc00"],
  ["fillers and annotations", "\u3164\u115f\uffa0\ufff9", "\\u3164\\u115f\\uffa0\\ufff9"],
  ["private letters", "\ue000", "\\ue000"],
])("shows %s", (_, text, expected) => {
  expect(visible(text)).toBe(expected);
  expect(visible(expected)).toBe(expected);
});

it("leaves what people write", () => {
  const text = "Zürich 日本語 עברית \u0939\u093f\u0928\u094d\u0926\u0940 e\u0301 ❤\ufe0f 👍🏽 \u00a0 \\u001b";
  expect(visible(text)).toBe(text);
});

it("stacks no more than six marks on a letter", () => {
  expect(visible(`a${"\u0301".repeat(8)}`)).toBe(`a${"\u0301".repeat(6)}\\u0301\\u0301`);
});

it("takes linear time", () => {
  expect(visible("\u0301\u200b".repeat(500_000))).toHaveLength(500_000 * 7);
});

it("spells names in ASCII", () => {
  expect(ascii("p\u0430ypal \u{1d5ba}\n")).toBe("p\\u0430ypal \\ud835\\uddba\\n");
});
