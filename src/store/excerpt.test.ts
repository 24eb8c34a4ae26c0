import fc from "fast-check";
import { expect, it } from "vitest";
import { excerptOf } from "./excerpt.ts";

it("shows the place where a word stands, in whatever form, and what is left out", () => {
  expect(excerptOf("77 ft", ["77", "ft"])).toBe("77 ft");
  const text = `${"before ".repeat(40)}the running dog ${"after ".repeat(60)}`;
  expect(excerptOf(text, ["runs"])).toMatch(/^…(?:.* )?before the running dog after .*…$/);
  expect(excerptOf("first of many words", ["absent"])).toBe("first of many words");
});

it("is a short piece of any text", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 500 }), fc.array(fc.string({ minLength: 1 })), (text, words) => {
      const excerpt = excerptOf(text, words);
      expect(excerpt.length).toBeLessThanOrEqual(182);
      expect(text).toContain(excerpt.replace(/^…|…$/g, ""));
    }),
  );
});
