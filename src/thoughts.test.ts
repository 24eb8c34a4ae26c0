import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { thoughtReader, withoutThoughts } from "./thoughts.ts";

const inPieces = (text: string, cuts: readonly number[]): { readonly shown: string; readonly text: string } => {
  const reader = thoughtReader();
  const at = [0, ...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  const pieces = at.slice(1).map((to, i) => reader.push(text.slice(at[i], to)));
  return { shown: pieces.join("") + reader.end(), text: reader.text };
};

describe("thoughts", () => {
  it.each([
    ["<think>a</think>b", "b"],
    ["<THINK>\na\n</THINK>\n\nb", "b"],
    ["a</think>b", "b"],
    ["<think>he said 'yes'</think>b", "b"],
    ['he said "yes"</think>b', "b"],
    ["<think>a", ""],
    ["b\n<think>a", "b\n"],
    ["b <think>a</think> c", "b  c"],
    ["<think>a <thinking>b</thinking> c</think>d", "d"],
    ["<think>a</think><think>b", ""],
    ["<think>the tag `</think>` comes next</think>b", "b"],
  ])("are not the answer: %j", (reply, answer) => {
    expect(withoutThoughts(reply)).toEqual({ text: answer, thought: true });
  });

  it.each([
    "the reason is <b>bold</b>",
    "a < b and c > d",
    '{"thought": "x", "tool": "look", "subGoal": "Accra"}',
    "It is `<think>`.",
    '"</think>" closes it',
    "Use <think> first.",
    "[Thinking] is not a tag",
    "List<Thought> of one",
    "thoughts, reasoning and reflection",
  ])("are not seen where there are none: %j", (reply) => {
    expect(withoutThoughts(reply)).toEqual({ text: reply, thought: false });
    expect(inPieces(reply, [3, 7])).toEqual({ shown: reply, text: reply });
  });

  it("are the same in whatever pieces they come; what is shown is the text, but for a tag that opened in the prompt", () => {
    const token = fc.constantFrom(
      "<think>",
      "</think>",
      "<thinking>",
      "[THINK]",
      "[/THINK]",
      "`",
      '"',
      "\n",
      "a",
      " b",
      "<",
      "◁think▷",
      "◁/think▷",
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 8 }), (tokens, cuts) => {
        const reply = tokens.join("");
        const whole = inPieces(reply, []);
        const { shown, text } = inPieces(reply, cuts);
        expect(text).toBe(whole.text);
        expect(shown.endsWith(text)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("never hold back much, and many tags are read like one", () => {
    const reader = thoughtReader();
    let shown = 0;
    for (let i = 0; i < 20_000; i += 1) shown += reader.push("<think ".slice(0, (i % 7) + 1)).length;
    expect(shown).toBeGreaterThan(60_000);
    reader.end();
    expect(withoutThoughts("<think>".repeat(50_000)).text).toBe("");
    expect(withoutThoughts("</think>".repeat(50_000)).text).toBe("");
    const spoken = "`<think>` ".repeat(50_000);
    expect(withoutThoughts(spoken).text).toBe(spoken);
  }, 20_000);
});
