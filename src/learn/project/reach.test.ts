import { describe, expect, it } from "vitest";
import type { Brought, FamilyReach } from "../explore/seen.ts";
import { checkReach, type Luck, partsOf } from "./reach.ts";

const calculators = new Set(["calculate"]);
const reachOf = (routes: readonly (readonly string[])[], changes: Partial<FamilyReach> = {}): FamilyReach => ({
  walked: 4,
  tried: 0,
  answered: routes.length,
  turns: 5,
  routes,
  brought: [],
  early: [],
  unanswered: [],
  vain: undefined,
  ...changes,
});
const check = (
  trained: Readonly<Record<string, FamilyReach>>,
  luck: Readonly<Record<string, Luck>>,
  heldOut: Readonly<Record<string, FamilyReach>> = {},
  tools: ReadonlySet<string> = calculators,
): readonly string[] =>
  checkReach({
    trained: new Map(Object.entries(trained)),
    heldOut: new Map(Object.entries(heldOut)),
    luck: new Map(Object.entries(luck)),
    calculators: tools,
  }).map(({ level, message }) => `${level}: ${message}`);

const never: Luck = { tried: 24, solved: 0 };
const often: Luck = { tried: 24, solved: 9 };
const price = ["booking q1", "hotel @1.hotel", "calculate value @2.price"];
const apart = ["hotel q1", "hotel q2", "calculate difference @1.price @2.price"];

describe("a family that is trained", () => {
  it("is not spoken of where random plans solve it, and is learnt from its end where longer walks did", () => {
    expect(check({ price: reachOf([price]) }, { price: often })).toEqual([]);
    expect(check({ price: reachOf([price, price, price, price]) }, { price: never })).toEqual([
      "ok: price: 0 of 24 tasks were ever solved by random plans, but longer walks came to what answers 4 of 4: it is learnt from the end of these",
    ]);
    // So few are coincidences.
    expect(check({ price: reachOf([price, price], { walked: 20 }) }, { price: never })[0]).toMatch(
      /^warning: price: 0 of 24 .* out of reach: no walk/,
    );
  });

  it("is out of reach where its plans take more calls than a question has turns", () => {
    const [found] = check({ price: reachOf([price, apart], { turns: 2 }) }, { price: never });
    expect(found).toBe(
      "warning: price is out of reach: what answers it took 3 calls, and a question has 2 turns. Raise budget.turns to 5, or let a tool do several of these at once: booking q1; hotel @1.hotel; calculate value @2.price.",
    );
    expect(check({ price: reachOf([price], { turns: 3 }) }, { price: often })).toEqual([]);
  });

  it("is out of reach where nothing that answers it ever comes by", () => {
    const rare: Brought = { field: "hotel.rooms", kind: "in room", asked: "crown", fits: false };
    for (const brought of [[], [rare]])
      expect(check({ price: reachOf([], { brought, walked: 20 }) }, { price: never })).toEqual([
        expect.stringMatching(
          /^warning: price: 0 of 24 .* out of reach: no walk over 20 of them brought what answers them, nor two values/,
        ),
      ]);
  });

  it("is out of reach where what answers it is not of the kind that its questions ask for, or is never stated", () => {
    const broughtAs = (fits: boolean) =>
      reachOf([], {
        brought: Array.from({ length: 9 }, () => ({ field: "hotel.price", kind: "in crown", asked: "euro", fits })),
      });
    expect(check({ price: broughtAs(false) }, { price: never })[0]).toMatch(
      /what answers it comes by as hotel\.price, which is in crown, and its questions are read as asking for euro\. State the unit/,
    );
    expect(check({ price: broughtAs(true) }, { price: never })[0]).toMatch(
      /Look whether calculate takes its value, or name it in the tool's metadata/,
    );
    expect(check({ price: broughtAs(true) }, { price: never }, {}, new Set())[0]).toMatch(/Add calculate of agentflow/);
  });
});

describe("a wording", () => {
  const unanswered = (changes: Partial<FamilyReach>): FamilyReach =>
    reachOf([price, price, price], {
      unanswered: [
        reachOf([], {
          walked: 6,
          vain: { question: "Dune Rest: how many euro does it ask?", entities: ["Dune Rest"] },
          ...changes,
        }),
      ],
    });

  it("that stays behind its family is named, with what is read of it and what it lacks", () => {
    const asks: Brought = { field: "hotel.price", kind: "in euro", asked: "doe", fits: false };
    const opened =
      'warning: price: what answers its other questions answers none of 6 worded like "Dune Rest: how many euro does it ask?": ';
    expect(check({ price: unanswered({ brought: [asks, asks, asks] }) }, { price: often })).toEqual([
      `${opened}what answers it comes by as hotel.price, which is in euro, and its questions are read as asking for doe. State the unit that they use, in the singular, or word them differently.`,
    ]);
    const [never = ""] = check({ price: unanswered({}) }, { price: often });
    expect(never).toContain(`${opened}no walk over 6 of them`);
    expect(never).toContain('"Dune Rest: how many euro does it ask?" is read as naming "Dune Rest".');
  });

  it("and a family, is out of reach where a tool states a value before the answer comes by", () => {
    const early = Array.from({ length: 4 }, () => "booking");
    const why =
      "its questions would end at booking, which states a value of the kind that they are read as asking for, before what answers them comes by.";
    expect(check({ price: unanswered({ early }) }, { price: often })[0]).toContain(why);
    expect(check({ price: reachOf([], { early }) }, { price: never })[0]).toContain(why);
    // One branch of a decision is met by luck.
    expect(check({ price: reachOf([], { early }) }, { price: often })[0]).toContain(
      `price is solved by luck alone: ${why}`,
    );
    expect(check({ price: reachOf([price], { early }) }, { price: often })).toEqual([]);
  });
});

describe("a family that is never trained", () => {
  const stays = ["booking q1", "hotel @1.hotel", "hotel q2", "calculate difference @2.price @3.price"];

  it("is within reach where each part of its plans is trained, in whatever family", () => {
    expect(
      check(
        { price: reachOf([price]), apart: reachOf([apart]) },
        { price: often, apart: often },
        { stays: reachOf([stays]) },
      ),
    ).toEqual(["ok: stays (never trained): each part of its plans is part of a family that is trained"]);
  });

  it("is out of reach where a part is trained nowhere: of several ways the one counts that lacks least", () => {
    const chance = ["visa q1", "calculate sum @1.fee @1.days"];
    expect(check({ price: reachOf([price]) }, { price: often }, { stays: reachOf([chance, stays]) })).toEqual([
      "warning: stays (never trained) is out of reach: no family that is trained shows hotel by the question, calculate difference. Add a family with them, or hold out another one.",
    ]);
    expect(check({}, {}, { stays: reachOf([stays], { turns: 3 }) })[0]).toMatch(
      /took 4 calls, and a question has 3 turns/,
    );
    expect(check({}, {}, { stays: reachOf([]) })[0]).toMatch(
      /^warning: stays \(never trained\) is out of reach: no walk/,
    );
  });
});

it("a plan's parts are lookups with what they are called by, operations, and what is calculated with", () => {
  expect(partsOf(["sorted q1 down", "logs @1.service @1.day", "calculate less @2.errors q2"], calculators)).toEqual([
    "sorted by the question and down",
    "logs by sorted.service and sorted.day",
    "calculate less",
    "a calculation with logs.errors",
  ]);
});
