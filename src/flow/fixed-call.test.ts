import { expect, it } from "vitest";
import { fixedCall } from "./fixed-call.ts";

it("is what was shown, whatever happens to the original", () => {
  const input = { to: { host: "a.example" }, list: [1] };
  const call = fixedCall({ tool: "send", input });
  input.to.host = "b.example";
  input.list.push(2);
  expect(call).toEqual({ tool: "send", input: { to: { host: "a.example" }, list: [1] } });
  if ("error" in call) throw new Error("it is a call");
  expect(() => Object.assign((call.input as typeof input).to, { host: "c.example" })).toThrow(TypeError);
});

it("calls with what JSON tells: no number beyond it, no value that is another each time", () => {
  let asked = 0;
  const input = {
    amount: Number.POSITIVE_INFINITY,
    get to() {
      asked += 1;
      return asked;
    },
  };
  expect(fixedCall({ tool: "send", input })).toEqual({ tool: "send", input: { amount: null, to: 1 } });
  expect(fixedCall({ tool: "send", input: JSON.parse('{"__proto__":{"x":1}}') })).toEqual({
    tool: "send",
    input: JSON.parse('{"__proto__":{"x":1}}'),
  });
});

it("refuses what JSON cannot tell", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const input of [undefined, 1n, circle])
    expect(fixedCall({ tool: "send", input })).toMatchObject({ status: "refused", reason: "bad-arguments" });
});
