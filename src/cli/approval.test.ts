import { expect, it } from "vitest";
import { callLines } from "./approval.ts";

it("shows nested values whole, a line a key", () => {
  expect(callLines({ tool: "send", input: { to: { host: "a.example", ports: [1, null] } } }, 80)).toEqual([
    " 1 | {",
    ' 2 |   "tool": "send",',
    ' 3 |   "input": {',
    ' 4 |     "to": {',
    ' 5 |       "host": "a.example",',
    ' 6 |       "ports": [',
    " 7 |         1,",
    " 8 |         null",
    " 9 |       ]",
    "10 |     }",
    "11 |   }",
    "12 | }",
  ]);
});

it("lets no value pose as a key", () => {
  const lines = callLines({ a: `x",\n  "to": "me${" ".repeat(13)}  "to": "you"` }, 30);
  expect(lines).toEqual([
    "1 | {",
    '2 |   "a": "x\\",\\n  \\"to\\": \\"',
    '  | me               \\"to\\": \\',
    '  | "you\\""',
    "3 | }",
  ]);
});

it("tells look-alikes apart, and marks what may look like something else", () => {
  expect(callLines({ "t\u043e": "h\u00f6he\u00a0\u200b", ["__proto__"]: 1 }, 80)).toEqual([
    "1 | {",
    '2!|   "t\\u043e": "höhe\\u00a0\\u200b",',
    '3 |   "__proto__": 1',
    "4 | }",
  ]);
});
