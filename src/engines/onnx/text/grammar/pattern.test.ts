import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accepts, acceptsText, choices, draw, pattern, tokenizer } from "../../../../../test/fixtures/grammars.ts";
import { ConfigError } from "../../../../errors.ts";
import { randomKey, uniform } from "../../../../random.ts";
import type { CompiledGrammar } from "./compile-grammar.ts";

describe("a pattern", () => {
  const letter = fc.constantFrom("a", "b", "é", "😀", "-", "1", " ", "\n", "\\");
  const escaped = letter.map((each) => (each === "\\" ? "\\\\" : each === "-" ? "\\-" : each));
  const member = fc.oneof(escaped, fc.constantFrom("\\d", "\\w", "\\s", "a-c", "\\u00e0-\\u00ff"));
  const plainAtom = fc.oneof(
    letter.map((each) => (each === "\\" ? "\\\\" : each)),
    fc.constantFrom(".", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\x61", "\\u{1F600}", "\\ud83d\\ude00", "\\n"),
    fc
      .tuple(fc.constantFrom("", "^"), fc.array(member, { maxLength: 3 }))
      .map(([not, members]) => `[${not}${members.join("")}]`),
  );
  const { expression } = fc.letrec<{ expression: string; term: string; atom: string }>((tie) => ({
    expression: fc
      .array(
        fc.array(tie("term"), { maxLength: 3 }).map((parts) => parts.join("")),
        { minLength: 1, maxLength: 2 },
      )
      .map((parts) => parts.join("|")),
    term: fc
      .tuple(tie("atom"), fc.constantFrom("", "", "?", "*", "+", "{2}", "{1,2}", "{0,}", "*?"))
      .map((parts) => parts.join("")),
    atom: fc.oneof(
      // JavaScript's own matcher tries every way through nested repetitions: deeper ones took it minutes.
      { maxDepth: 2 },
      plainAtom,
      tie("expression").map((inner) => `(?:${inner})`),
      tie("expression").map((inner) => `(${inner})`),
    ),
  }));

  it("accepts what JavaScript's regular expression matches as a whole", () => {
    fc.assert(
      fc.property(
        expression,
        fc.array(
          fc.array(letter, { maxLength: 5 }).map((each) => each.join("")),
          { minLength: 20, maxLength: 20 },
        ),
        (source, texts) => {
          const whole = new RegExp(`^(?:${source})$`, "u");
          let grammar: CompiledGrammar;
          try {
            grammar = pattern(source);
          } catch (refusal) {
            // Such as `[]`, which no text fits.
            expect(refusal).toBeInstanceOf(ConfigError);
            for (const text of texts) expect(whole.test(text)).toBe(false);
            return;
          }
          for (const text of texts)
            expect(acceptsText(grammar, text), `${source} on ${JSON.stringify(text)}`).toBe(whole.test(text));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is matched by whatever is drawn", () => {
    for (const source of [
      "(yes|no), [a-z]{2,4}\\d?é",
      "[^é]{3}",
      "(?<year>\\d{4})-\\d\\d",
      ".{1,5}",
      "[\\u4e00-\\u9fff😀]{2,3}",
      "^(?:Action: \\w{1,8}\n){1,2}$",
    ]) {
      const grammar = pattern(source);
      fc.assert(
        fc.property(choices, (picks) => {
          expect(draw(grammar, picks)).toMatch(new RegExp(`^(?:${source})$`, "u"));
        }),
        { numRuns: 20 },
      );
    }
  });

  it("refuses what is not regular, by name", () => {
    const refused = { "(?=a)": "look-ahead", "(?!a)": "look-ahead", "(?<=a)b": "look-behind", "(a)\\1": "back-reference", "\\bа": "word boundary", "\\p{L}": "Unicode property", "(?i)a": "group", "a{2,1}": "out of order", "[b-a]": "backwards", "[a": "]", "(a": ")", "a)": ")", "*a": "*", "a**": "*", "a^b": "^", "(a$)": "$", "a$b": "unexpected b", "\\": "lone", "\\q": "escape", "\\u12": "hexadecimal" }; // biome-ignore format: a table
    for (const [source, said] of Object.entries(refused)) {
      expect(() => pattern(source), source).toThrow(ConfigError);
      expect(() => pattern(source), source).toThrow(said);
    }
  });

  it("is refused when it is too large or nested too deep", () => {
    expect(() => pattern("((a{1000}){1000}){1000}")).toThrow(ConfigError);
    expect(() => pattern(`${"(".repeat(5000)}a${")".repeat(5000)}`)).toThrow(ConfigError);
    expect(() => pattern("a".repeat(30_000))).toThrow(ConfigError);
  });

  it("stops with an error when it needs too many states", () => {
    const grammar = pattern("(a|b)*a(a|b){12}", { maxStates: 300 });
    const [a = -1] = tokenizer.encode("a");
    const [b = -1] = tokenizer.encode("b");
    const mixed = Array.from({ length: 2000 }, (_, i) => (uniform(randomKey(1), i) < 0.5 ? a : b));
    expect(() => accepts(grammar, mixed)).toThrow("maxStates");
  });
});
