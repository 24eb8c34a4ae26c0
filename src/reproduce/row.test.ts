import { describe, expect, it } from "vitest";
import { trajectoryOf } from "../../test/learn-double.ts";
import { chainOf, depthOf, rowOf, toolOf } from "./row.ts";

describe("a chain", () => {
  it("says of each action the tool and how far back it refers, whatever it is about", () => {
    const chain = "web_search q → web_page −1.hit → web_search −1.country → calculate value −1.population";
    expect(chainOf(["web_search q1", "web_page @1.2", "web_search @2.country", "calculate value @3.population"])).toBe(
      chain,
    );
    expect(chainOf(["web_search q2", "web_page @1.1 ", "web_search @2.country", "calculate value @3.population"])).toBe(
      chain,
    );
  });

  it("tells fields from hits, and keeps whole entries", () => {
    expect(chainOf(["look @1", "look @1.13", "look @1.born"])).toBe("look −0 → look −1.hit → look −2.born");
  });

  it("names the tool of an action", () => {
    expect(toolOf("web_search @2.country")).toBe("web_search");
    expect(toolOf("")).toBe("");
  });
});

describe("a row", () => {
  const sealed = { family: "red", role: "trained", answer: "left" } as const;
  const task = { id: "red", question: "which lever opens red", turnLimit: 2, sealed };

  it("has what was done in a solve, and what came of it", async () => {
    const trajectory = await trajectoryOf(["look nowhere", "press left"]);
    expect(rowOf("heldOutPages", task, trajectory, 1)).toEqual({
      set: "heldOutPages",
      task: "red",
      family: "red",
      depth: 0,
      reward: 1,
      stop: "answered",
      turns: [
        { action: "look nowhere", status: "ok" },
        { action: "press left", status: "ok" },
      ],
      tokens: 0,
    });
  });

  it("has the reason of what failed, and null for what is no sample", async () => {
    const trajectory = await trajectoryOf(["jump left", "press left"]);
    const row = rowOf("heldOutPages", task, trajectory, undefined);
    expect(row.turns[0]).toEqual({ action: "jump left", status: "refused", reason: "unknown-tool" });
    expect(row.reward).toBeNull();
  });

  it("is as deep as the plan of its task, where one is known", () => {
    const planned = { ...task, sealed: { ...sealed, plan: ["look left", "press left"] } };
    expect(depthOf(planned)).toBe(2);
    expect(depthOf(task)).toBe(0);
  });
});
