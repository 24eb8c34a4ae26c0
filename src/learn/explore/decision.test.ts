import { describe, expect, it } from "vitest";
import { checkDecisions, decisionIn } from "./decision.ts";
import type { Case, Seen } from "./seen.ts";

const less = {
  asked: { operation: "less", fields: ["customers", "q2"] },
  plan: ["incident q1", "calculate less @1.customers q2"],
};

const caseOf = (field: string, value: string): Case => ({ field, value, plan: ["incident q1"] });

/** What walks over twenty questions have shown, of which every other one is answered by the rota. */
const shown = (seenOf: (isFirst: boolean, i: number) => Partial<Seen>): readonly Seen[] =>
  Array.from({ length: 20 }, (_, i) => ({
    template: "who",
    accepted: new Map([[i % 2 === 0 ? "rota" : "deployment", { plan: [] }]]),
    brought: [],
    entities: [],
    early: [],
    truths: new Map(),
    cases: new Map(),
    ...seenOf(i % 2 === 0, i),
  }));

const truths = (customers: boolean, minutes: boolean): Pick<Seen, "truths"> => ({
  truths: new Map([
    ["customers 0", { ...less, holds: customers }],
    ["minutes 0", { ...less, holds: minutes }],
  ]),
});

describe("what a family decides by", () => {
  it("is the comparison that tells apart what answers", () => {
    expect(decisionIn(shown((isFirst, i) => truths(isFirst, i % 3 === 0)))).toEqual({
      decision: { between: ["rota", "deployment"], by: "comparing customers" },
      comparison: "customers 0",
      state: undefined,
    });
    // The other way round tells as well.
    expect(decisionIn(shown((isFirst) => truths(!isFirst, true))).comparison).toBe("customers 0");
  });

  it("is between the things that the same is asked of, where one tool answers all", () => {
    const byBed = (isFirst: boolean): Pick<Seen, "accepted"> => ({
      accepted: new Map([["value gardener.hours", { plan: [`bed ${isFirst ? "q1" : "q2"}`, "gardener @1.gardener"] }]]),
    });
    const told = decisionIn(shown((isFirst) => ({ ...byBed(isFirst), ...truths(isFirst, true) })));
    expect(told).toMatchObject({ comparison: "customers 0", decision: { by: "comparing customers" } });
    expect(told.decision?.between).toEqual([
      "value gardener.hours by bed q1, gardener @1.gardener",
      "value gardener.hours by bed q2, gardener @1.gardener",
    ]);
    // Walks come to the same in detours: two ways are no decision where nothing tells them apart.
    expect(decisionIn(shown((isFirst, i) => ({ ...byBed(isFirst), ...truths(i % 3 === 0, true) })))).toEqual(
      decisionIn([]),
    );
  });

  it("is what was seen of most questions, where something else tells a few apart by chance", () => {
    // It tells 19 of 20, and the price all of the 8 of which it is known.
    const seen = shown((isFirst, i) => {
      const customers = { ...less, holds: i === 1 ? !isFirst : isFirst };
      const price = { ...less, holds: isFirst };
      return {
        truths: new Map([["customers 0", customers] as const, ...(i < 8 ? [["price 0", price] as const] : [])]),
      };
    });
    expect(decisionIn(seen).comparison).toBe("customers 0");
  });

  it("is the comparison that the questions word, where both tell as much", () => {
    const both = (template: string) =>
      decisionIn(
        shown((isFirst) => ({
          template,
          truths: new Map([
            ["customers 0 less", { ...less, holds: !isFirst }],
            ["customers 0 more", { ...less, holds: isFirst }],
          ]),
        })),
      ).comparison;
    expect(both("If more than q2 customers were hit, who is on call?")).toBe("customers 0 more");
    expect(both("If at most q2 customers were hit, who wrote it?")).toBe("customers 0 more");
    expect(both("If fewer than q2 customers were hit, who wrote it?")).toBe("customers 0 less");
    expect(both("If at least q2 customers were hit, who is on call?")).toBe("customers 0 less");
  });

  it("may be a state that a planner sees, and not one of a name for each question", () => {
    const byState = shown((isFirst, i) => ({
      cases: new Map([
        ["incident q1.status", caseOf("incident.status", isFirst ? "open" : "closed")],
        ["incident q1.tag", caseOf("incident.tag", `tag${"abcdefghijklmnopqrst"[i]}`)],
      ]),
    }));
    expect(decisionIn(byState)).toEqual({
      decision: { between: ["rota", "deployment"], by: "incident.status" },
      comparison: undefined,
      state: "incident q1.status",
    });
  });

  it("may be a state of several values, of which some go together, each of them a few times", () => {
    const levels = shown((isFirst, i) => ({
      cases: new Map(
        i < 10
          ? [
              [
                "incident q1.level",
                caseOf("incident.level", isFirst ? "low" : (["fair", "high"][i % 3 === 0 ? 0 : 1] ?? "")),
              ],
            ]
          : [],
      ),
    }));
    expect(decisionIn(levels).decision?.by).toBe("incident.level");
    // Pairs that happen to agree tell nothing of the next question.
    const pairs = shown((_, i) => ({
      cases: new Map([["incident q1.tag", caseOf("incident.tag", `tag${Math.floor(i / 4)}${i % 2}`)]]),
    }));
    expect(decisionIn(pairs).decision?.by).toBeUndefined();
  });

  it("is not looked for where few questions are answered the other way, and that is said", () => {
    const rare = shown((_, i) => ({ accepted: new Map([[i % 5 === 0 ? "rota" : "deployment", { plan: [] }]]) }));
    const few = [...rare, ...rare.filter(({ accepted }) => accepted.has("deployment"))];
    const { decision } = decisionIn(few);
    expect(decision).toEqual({ between: ["deployment", "rota"], by: undefined, rare: { answered: 4, of: 36 } });
    expect(decisionIn(few.slice(1)).decision).toBeUndefined();
    // Four of a hundred may be chance.
    const most = rare.filter(({ accepted }) => accepted.has("deployment"));
    expect(decisionIn([...rare, ...most, ...most, ...most, ...most, ...most]).decision).toBeUndefined();
    const [finding] = checkDecisions({
      decisions: new Map([["whom to ask", decision ?? { between: ["", ""], by: "" }]]),
    });
    expect(finding).toMatchObject({
      level: "warning",
      message: /^whom to ask: 4 of 36 questions .* by rota, the others by deployment/,
    });
  });

  it("is unknown where nothing tells, and nothing where the words do or everything is answered alike", () => {
    expect(decisionIn(shown((_, i) => truths(i % 3 === 0, i % 5 === 0)))).toEqual({
      decision: { between: ["rota", "deployment"], by: undefined },
      comparison: undefined,
      state: undefined,
    });
    expect(
      decisionIn(shown((isFirst) => ({ template: isFirst ? "who is on call" : "who wrote it" }))).decision,
    ).toBeUndefined();
    expect(decisionIn(shown(() => ({ accepted: new Map([["rota", { plan: [] }]]) }))).decision).toBeUndefined();
    expect(decisionIn(shown((isFirst) => truths(isFirst, true)).slice(0, 7)).decision).toBeUndefined();
  });
});

it("is reported: what decides, or what could", () => {
  const between = ["rota", "deployment"] as const;
  const decisions = new Map([
    ["whom to wake", { between, by: "comparing customers" }],
    ["whom to ask", { between, by: undefined }],
  ]);
  const [first, second] = checkDecisions({ decisions });
  expect(first).toMatchObject({ check: "families", level: "ok" });
  expect(first?.message).toBe(
    "whom to wake: questions of the same words are answered by rota or by deployment, which comparing customers tells",
  );
  expect(second).toMatchObject({ check: "families", level: "warning" });
  expect(second?.message).toMatch(/^whom to ask: .* nothing that a planner sees tells which\..*calculate less/);
});
