import { describe, expect, test } from "vitest";
import { EngineError } from "../../../errors.ts";
import { linearPattern } from "./linear-pattern.ts";
import { GPT2_PIECES, wordPieces } from "./tokenizer.ts";

const texts = [
  "Hello,  wörld!\n\n  x 123456 it's I'LL 日本語 \t\tend   ",
  " ",
  "   ",
  "a   ",
  "\u00a0\u00a0b",
  "",
  "½٣ 'sup",
  "x\r\n \r\ny",
];
/** As a tokenizer's engine reads it: white space is Unicode's. */
const native = (source: string): RegExp => new RegExp(source, "gu");

describe("a linear pattern", () => {
  test.each([GPT2_PIECES, wordPieces("{1,3}"), wordPieces("")])(
    "cuts as the JavaScript engine does: %s",
    async (source) => {
      const linear = await linearPattern(source);
      for (const text of texts) {
        expect(linear[Symbol.match](text)).toEqual(text.match(native(source)));
        expect(text.split(linear)).toEqual(text.split(native(source)));
      }
    },
  );

  test("stands in for a RegExp in the methods of String", async () => {
    const linear = await linearPattern("[0-9]{3}");
    expect(Array.from("123456 7".matchAll(native("[0-9]{3}")), ({ index }) => index)).toEqual(
      Array.from(linear[Symbol.matchAll]("123456 7"), ({ index }) => index),
    );
    expect(linear[Symbol.replace]("a123b456", "$1")).toBe("a$1b$1");
    expect(linear[Symbol.match]("none")).toBeNull();
  });

  test("is linear where JavaScript's engine is exponential", async () => {
    expect((await linearPattern("(a+)+b"))[Symbol.match]("a".repeat(50_000))).toBeNull();
  });

  test.each([
    "(?=a)b",
    "(?<!x)y",
    "(a)\\1",
    "\\bword",
    "[a&&b]",
    "x++",
    "\\s+(?!\\S)|x|\\s+",
    "(",
    "a{2000}",
    "a".repeat(20_000),
  ])("refuses by name what it cannot run: %s", async (source) => {
    await expect(linearPattern(source)).rejects.toThrow(EngineError);
    await expect(linearPattern(source)).rejects.toThrow(/tokenizer's pattern .* cannot be used/u);
  });
});
