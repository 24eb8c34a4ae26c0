import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { objectsIn } from "../../reply.ts";
import { answerIn } from "./dressed-answer.ts";
import { answerLine } from "./entry-text.ts";
import { plainAction, plainAnswer, plainObject } from "./plain-reply.ts";
import { chatAction, jsonAction } from "./read-action.ts";

const tools = ["stock", "web_search"];

/** Replies of what models write, in any order. */
const replies = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."stock|web_search|q1|A-17|@2.country| |  |\n|:|(|)|\"|'|`|**|```|,|.|-5|3,4|{|}|[|]|<think>|</think>|<answer>|</answer>".split(
          "|",
        ),
        ..."Answer: |The answer is |ans |#### |$|\\boxed{|I hope it is correct.|Action: |> |analysis|assistantfinal|<|im_end|>".split(
          "|",
        ),
        '{"tool": "stock", "subGoal": " A-17 "}',
        '{"name": "stock", "arguments": {"sku": "A-17"}}',
        '{"n": 12345678901234567890}',
        '{"sku": "A-17", "more": [1, 2]}',
      ),
      fc.string({ unit: "grapheme", maxLength: 6 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

/** The same, every other one after what an action begins with. */
const actions = fc
  .tuple(
    fc.constantFrom("", "stock ", "web_search q1", '{"tool": "stock", "subGoal": "'),
    replies,
    fc.constantFrom("", '"}'),
  )
  .map((parts) => parts.join(""));

/** How often of `replies` something is read, so that a reader of nothing does not pass. */
const read = (count: { seen: number }, value: unknown): boolean => {
  if (value !== undefined) count.seen += 1;
  return value !== undefined;
};

describe("a plain reply reads the same as by the readers of all others", () => {
  test("as an action", () => {
    const count = { seen: 0 };
    fc.assert(
      fc.property(actions, (text) => {
        const plain = plainAction(text, tools);
        if (!read(count, plain)) return;
        expect(jsonAction(text, tools)).toEqual(plain);
        expect(chatAction(text, tools)).toEqual(plain);
      }),
      { numRuns: 4000 },
    );
    expect(count.seen).toBeGreaterThan(20);
    expect(plainAction("stock  q1", tools)).toBeUndefined();
    expect(plainAction("I look it up.\nstock q1", tools)).toBeUndefined();
    expect(plainAction("stock q1", tools)).toEqual({ tool: "stock", subGoal: "q1", raw: "stock q1" });
  });

  test("as an object", () => {
    const count = { seen: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          replies,
          fc.json(),
          fc.dictionary(fc.string(), fc.jsonValue()).map((one) => JSON.stringify(one)),
        ),
        (text) => {
          const plain = plainObject(text);
          if (read(count, plain)) expect([...objectsIn(text)]).toEqual([plain]);
        },
      ),
      { numRuns: 4000 },
    );
    expect(count.seen).toBeGreaterThan(20);
  });

  test("as an answer", () => {
    const count = { seen: 0 };
    fc.assert(
      fc.property(replies, (text) => {
        const plain = plainAnswer(text);
        if (plain !== undefined && read(count, plain)) expect(answerIn(text)).toBe(answerLine(plain));
      }),
      { numRuns: 4000 },
    );
    expect(count.seen).toBeGreaterThan(200);
    expect(plainAnswer("The answer is 42.")).toBeUndefined();
    expect(plainAnswer("42")).toBe("42");
  });
});
