import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tracesIn, writings } from "../../scripts/checks/secret-traces.ts";
import { ConfigError, ModelError } from "../errors.ts";
import { redactor, redactors } from "./redact.ts";

const secret = 'sk-"quoted"/+Key_42%7~\\n&=';

describe("a redactor", () => {
  it.each(writings)("takes a secret out that is written as %s", (_, write) => {
    const written = write(secret);
    expect(tracesIn(written, [secret])).toEqual([secret]);
    const clean = redactor([secret])(`before ${written} after`);
    expect(tracesIn(clean, [secret])).toEqual([]);
    expect(clean).toMatch(/^before .{0,30}\[redacted\].{0,20} after$/s);
  });

  it.each(writings)("does the same with a stream in parts, written as %s", (_, write) => {
    const redact = redactor([secret]);
    const text = `before ${write(secret)} middle ${write(secret)} end sk-`;
    for (const size of [1, 2, 3, 7, 40]) {
      const { push, end } = redact.stream();
      let out = "";
      for (let at = 0; at < text.length; at += size) out += push(text.slice(at, at + size));
      expect(out + end()).toBe(redact(text));
    }
  });

  it("finds any secret in any writing between any texts", () => {
    const characters = [..."abcXYZ0189-_+/=.~ \\\"'%&#;:@"];
    const secrets = fc
      .array(fc.constantFrom(...characters), { minLength: 10, maxLength: 60 })
      .map((all) => all.join(""));
    const printable = fc.string({ maxLength: 30 });
    const writing = fc.constantFrom(...writings);
    fc.assert(
      fc.property(secrets, printable, printable, writing, (one, before, after, [, write]) => {
        // Of what is blanks and separators nothing is left to be found.
        fc.pre(one.replace(/[\s\\+]/g, "").length >= 8);
        const wanted = `k7${one}`;
        const clean = redactor([wanted])(`${before} ${write(wanted)} ${after}`);
        expect(clean).toContain("[redacted]");
      }),
      { numRuns: 400 },
    );
  });

  it("gives texts and data without a secret back as they are", () => {
    const redact = redactor([secret, "12345678"]);
    const data = { text: "a %41 \\u0042 &amp; +1 (555) 123-4567", list: [1, { deep: null }], at: 1234567 };
    expect(redact.value(data)).toBe(data);
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => redact(text) === text));
  });

  it("takes secrets out of names, numbers and whatever lies deep", () => {
    expect(
      redactor(["abcdef123", "12345678901"]).value({ abcdef123: [{ n: 12345678901, of: "x abcdef123" }] }),
    ).toEqual({
      "[redacted]": [{ n: "[redacted]", of: "x [redacted]" }],
    });
  });

  it("takes out more than half of a long secret, which a cut may have left", () => {
    const redact = redactor(["sk-0123456789abcdefghij"]);
    expect(redact("key sk-0123456789abcde")).toBe("key [redacted]");
    expect(redact("…456789abcdefghij was the end")).toBe("…[redacted] was the end");
    expect(redact("sk-0123 is no more than a hint")).toBe("sk-0123 is no more than a hint");
  });

  it("leaves short values alone", () => {
    const redact = redactor(["true", "1", "root", "abcde"]);
    expect(redact("true 1 root abcde")).toBe("true 1 root abcde");
  });

  it("cleans errors: message, stack and causes, whose other contents go", () => {
    const request = Object.assign(new Error(`sent ${secret}`), { headers: { authorization: secret } });
    const error = redactor([secret]).error(new ModelError(`401 for ${secret}`, { status: 401, cause: request }));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.status).toBe(401);
    expect(error.message).toBe("401 for [redacted]");
    expect(tracesIn(`${error.stack} ${JSON.stringify(error)} ${(error.cause as Error).message}`, [secret])).toEqual([]);
    expect(error.cause).not.toHaveProperty("headers");
    const frozen = Object.freeze(new ConfigError("no secret here"));
    expect(redactor([secret]).error(frozen)).toBe(frozen);
  });

  it("is joined with others", () => {
    const joined = redactors(redactor(["first-one"]), undefined, redactor(["second-one"]));
    const stream = joined?.stream();
    expect(`${stream?.push("a first-o")}${stream?.push("ne b second")}${stream?.push("-one c")}${stream?.end()}`).toBe(
      "a [redacted] b [redacted] c",
    );
    expect(joined?.value({ a: "first-one second-one" })).toEqual({ a: "[redacted] [redacted]" });
    expect(redactors(undefined, undefined)).toBeUndefined();
  });

  // Where time grew with the square of the length, each of these would take minutes.
  it("takes time as the text is long", { timeout: 30_000 }, () => {
    const redact = redactor(Array.from({ length: 8 }, (_, i) => `sk-${i}-0123456789abcdefghijklmnop`));
    const longOf = (piece: string): string => piece.repeat(Math.ceil(1e6 / piece.length));
    // Compared as truth values: a million letters are no message.
    for (const piece of ["The quick brown fox. ", "a", "%41\\u0041&amp;", " "])
      expect(redact(longOf(piece)) === longOf(piece)).toBe(true);
    expect(redact(longOf("sk-1-0123456789abcdefghijklmno ")).includes("sk-1")).toBe(false);
  });
});
