import { expect, it } from "vitest";
import { sharesOf } from "./command-options.ts";

it("reads a share of calls, of all tools or by tool", () => {
  expect([sharesOf("0.3"), sharesOf(".25"), sharesOf("0")]).toEqual([0.3, 0.25, 0]);
  expect(sharesOf("web_search=0.3, web_page=.1")).toEqual({ web_search: 0.3, web_page: 0.1 });
});

it.each(["", "1", "-0.1", "1.5", "x", "0.1.2", "1e-1", "web_search=", "web_search=1", "web_search=0.3,0.1", "=0.3"])(
  "refuses %j, which is no share",
  (text) => expect(() => sharesOf(text)).toThrow(/Accepted is a share from 0 to less than 1/),
);
