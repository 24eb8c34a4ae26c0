import { describe, expect, it } from "vitest";
import { type MadeTurn, number, stateOf, text } from "../../test/planner-state.ts";
import { random, randomKey } from "../random.ts";
import type { Trajectory } from "../trajectory.ts";
import { fragmentsIn, isNoun, nounsIn, placedIn } from "./fragments.ts";
import { recombinationsOf, recombined } from "./recombined.ts";

const hotel = { price: number(90, "crown"), city: text("Ost") };
const booking = { hotel: text("Palace"), guests: number(2, "guest") };
const last = (action: string): MadeTurn => ({ action, fields: { value: number(1) } });
const placesOf = (routes: readonly Trajectory[]) => placedIn(routes, (tool) => tool === "calculate");

const routeOf = (template: string, entities: readonly string[], turns: readonly MadeTurn[]): Trajectory => ({
  schemaVersion: 1,
  id: "t",
  query: { id: "q", question: template },
  analysis: { entities, template, unit: "crown" },
  memory: stateOf(entities, turns).memory,
  turns: [],
  status: "solved",
  stopReason: "answered",
});

const apart = (a: string, b: string, ...entities: readonly string[]): Trajectory =>
  routeOf(`By how much do the price of ${a} and the price of ${b} differ?`, entities, [
    { action: "hotel q1", fields: hotel },
    { action: "hotel q2", fields: hotel },
    last("calculate difference @1.price @2.price"),
  ]);
const stay = (phrase: string, entity: string): Trajectory =>
  routeOf(
    `How much does a night in ${phrase} cost?`,
    [entity],
    [
      { action: "booking q1", fields: booking },
      { action: "hotel @1.hotel", fields: hotel },
      last("calculate value @2.price"),
    ],
  );

const routes = [
  apart("q1", "q2", "Elm", "Fox"),
  apart("the hotel q1", "q2", "Iris", "Dove"),
  stay("the hotel of q1", "b-1"),
  stay("the hotel that q1 is for", "b-2"),
];

describe("fragments of routes", () => {
  const found = fragmentsIn(placesOf(routes)).map(([, places]) =>
    places.map(({ text: words, calls, brings }) => [words, calls.map(({ step }) => step.raw).join("; "), brings]),
  );

  it("are the words by which questions name a thing, with the calls that bring it", () => {
    expect(found[0]).toEqual([
      ["{1}", "hotel q1", "hotel"],
      ["{1}", "hotel q1", "hotel"],
    ]);
    expect(found[1]).toContainEqual(["the hotel {1}", "hotel q1", "hotel"]);
    // A bare mention names what is looked up by it, and not what that leads to.
    expect(found[2]).toEqual([
      // A noun says what it brings.
      ["the hotel of {1}", "booking q1; hotel @1.hotel", "hotel"],
      ["of {1}", "booking q1; hotel @1.hotel", "hotel"],
      ["{1}", "booking q1", "booking"],
    ]);
    expect(found[3]).toEqual([
      ["that {1} is for", "booking q1; hotel @1.hotel", "hotel"],
      ["{1}", "booking q1", "booking"],
    ]);
  });

  it("are none where other calls mention what is named again, or nothing takes what is looked up by it", () => {
    const fragmentsOf = (...actions: readonly string[]) =>
      fragmentsIn(
        placesOf([
          routeOf(
            "How much do q1 and its city cost?",
            ["Elm"],
            [...actions.map((action) => ({ action, fields: hotel })), last("calculate sum @2.price @2.price")],
          ),
        ]),
      )[0]?.[1].map(({ text: words }) => words);
    expect(fragmentsOf("hotel q1", "city @1.city")).toEqual(["{1}"]);
    expect(fragmentsOf("hotel q1", "city q1")).toEqual([]);
    expect(fragmentsOf("hotel q1", "city Ost")).toEqual([]);
  });
});

describe("recombined routes", () => {
  const known = recombinationsOf(placesOf(routes));
  const made = Array.from({ length: 200 }, (_, i) => recombined(known, random(randomKey("recombined", i)))).flatMap(
    (one) => one ?? [],
  );
  const texts = made.map(({ analysis, memory }) => [analysis.template, ...memory.map(({ step }) => step.raw)]);

  it("ask what no route asked: the price of one hotel and that of a booking's", () => {
    expect(texts).toContainEqual([
      "By how much do the price of the hotel of q1 and the price of q2 differ?",
      "booking q1",
      "hotel @1.hotel",
      "hotel q2",
      "calculate difference @2.price @3.price",
    ]);
    const crossed = made.find(({ memory }) => memory.length === 4);
    expect(crossed?.analysis.entities.filter((entity) => entity.startsWith("b-"))).toHaveLength(1);
    expect(crossed?.memory.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    // A call more, a turn more: how many are left at the end stays.
    expect(crossed?.memory.at(-1)?.turnsLeft).toBe(routes[0]?.memory.at(-1)?.turnsLeft);
    expect(crossed?.memory.find(({ step }) => step.tool === "booking")?.observation).toMatchObject({ fields: booking });
  });

  it("put a thing in the middle of what leads on from it", () => {
    const owner = { name: text("Ada"), years: number(7, "crown") };
    const more = [
      ...routes,
      routeOf(
        "How much does a night in q1 cost?",
        ["Elm"],
        [{ action: "hotel q1", fields: hotel }, last("calculate value @1.price")],
      ),
      routeOf(
        "By how much do the price of the hotel of q1 and the price of q2 differ?",
        ["b-1", "Elm"],
        [
          { action: "booking q1", fields: booking },
          { action: "hotel @1.hotel", fields: hotel },
          { action: "hotel q2", fields: hotel },
          last("calculate difference @2.price @3.price"),
        ],
      ),
      routeOf(
        "How long has the owner of q1 had it?",
        ["Elm"],
        [
          { action: "hotel q1", fields: hotel },
          { action: "owner @1.city", fields: owner },
          last("calculate value @2.years"),
        ],
      ),
    ];
    const known = recombinationsOf(placesOf(more));
    const shown = Array.from({ length: 400 }, (_, i) => recombined(known, random(randomKey("deeper", i)))).flatMap(
      (one) => (one === undefined ? [] : [[one.analysis.template, ...one.memory.map(({ step }) => step.raw)]]),
    );
    expect(shown).toContainEqual([
      "How long has the owner of the hotel of q1 had it?",
      "booking q1",
      "hotel @1.hotel",
      "owner @2.city",
      "calculate value @3.years",
    ]);
  });

  it("may name two things of a question in the same way, each with its own calls", () => {
    const named = apart("the hotel q1", "the hotel q2", "Iris", "Dove");
    const bookings = ["b-5", "b-6"].map((code) => stay("the hotel of q1", code));
    const known = recombinationsOf(placesOf([...routes, named, ...bookings]));
    const drawn = Array.from({ length: 200 }, (_, i) => recombined(known, random(randomKey("both", i))));
    const both = drawn.find(
      (one) =>
        one?.analysis.template ===
        "By how much do the price of the hotel of q1 and the price of the hotel of q2 differ?",
    );
    expect(both?.memory.map(({ step }) => step.raw)).toEqual([
      "booking q1",
      "hotel @1.hotel",
      "booking q2",
      "hotel @3.hotel",
      "calculate difference @2.price @4.price",
    ]);
    expect(new Set(both?.analysis.entities).size).toBe(2);
  });

  it("go by the noun of a phrase, and by the word before it", () => {
    const nouns = (words: string) => nounsIn(words.split(" "));
    expect(nouns("the label of the album q1")).toEqual(["label"]);
    expect(nouns("the spare part for valve q1")).toEqual(["part", "spare"]);
    expect(nouns("hotel q1")).toEqual(["hotel"]);
    // Without an article the word before may be anything.
    expect(nouns("whether hotel q1")).toEqual(["whether"]);
    expect(nouns("between birth of q1")).toEqual(["between"]);
    for (const words of ["the hotel that q1 is for", "q1", "hotel of q1 and q2"]) expect(nouns(words)).toEqual([]);
  });

  it("put no second article in front of a thing, and by nouns only where these are asked for", () => {
    const price = (template: string, entity: string, ...turns: readonly MadeTurn[]) =>
      routeOf(template, [entity], turns);
    const plain = [{ action: "hotel q1", fields: hotel }, last("calculate value @1.price")];
    const questions = [
      price("How much does the q1 cost?", "Elm", ...plain),
      price("What is the price of q1?", "Fox", ...plain),
      price(
        "What is the price of the hotel of q1?",
        "b-4",
        { action: "booking q1", fields: booking },
        { action: "hotel @1.hotel", fields: hotel },
        last("calculate value @2.price"),
      ),
    ];
    const madeOf = (nouns: boolean): readonly string[] => {
      const known = recombinationsOf(placesOf(questions), { nouns });
      const drawn = Array.from({ length: 60 }, (_, i) => recombined(known, random(randomKey("article", i))));
      return [...new Set(drawn.flatMap((one) => one?.analysis.template ?? []))].sort();
    };
    for (const nouns of [true, false])
      for (const template of madeOf(nouns)) expect(template).not.toMatch(/\bthe the\b/);
    expect(madeOf(true)).toContain("What is the price of the hotel of q1?");
    expect(madeOf(false)).not.toContain("How much does the hotel of q1 cost?");
  });

  it("tool and field names may be written in any way", () => {
    const bare = (tool: string) =>
      fragmentsIn(
        placesOf([
          routeOf(
            "q1 costs how much?",
            ["Elm"],
            [{ action: `${tool} q1`, fields: hotel }, last("calculate value @1.price")],
          ),
        ]),
      ).flatMap(([, places]) => places.map(({ text: words }) => words));
    for (const tool of ["hotel", "_hotel", "hotel-", "__hotel__"]) expect(bare(tool)).toEqual(["{1}"]);
    expect(isNoun("city", "address.city")).toBe(true);
    expect(isNoun("", "_id")).toBe(false);
  });

  it("put no words where they do not fit, and make no call twice", () => {
    for (const [template = "", ...plan] of texts) {
      expect(template).not.toMatch(/hotel the hotel|of of|that of q/);
      expect(new Set(plan).size).toBe(plan.length);
    }
  });

  it("number things as the new question mentions them", () => {
    for (const { analysis } of made) {
      const numbers = [...analysis.template.matchAll(/q(\d)/g)].map(([, n]) => Number(n));
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      expect(analysis.entities).toHaveLength(numbers.length);
    }
  });

  it("are none where there is nothing to exchange, and none with what lacks a field that is asked", () => {
    expect(recombined(recombinationsOf(placesOf([])), random(randomKey(1)))).toBeUndefined();
    const bare = stay("the hotel of q1", "b-3");
    const poor = {
      ...bare,
      memory: bare.memory.map((entry) =>
        entry.step.tool === "hotel" && entry.observation.status === "ok"
          ? { ...entry, observation: { ...entry.observation, fields: { city: text("Ost") } } }
          : entry,
      ),
    };
    const { crossing } = recombinationsOf(placesOf([apart("the hotel q1", "q2", "Elm", "Fox"), poor]));
    const put = crossing
      .flat()
      .filter(({ route }) => route.memory.length === 3 && route.analysis.entities.length === 2);
    expect(put).toEqual([]);
  });
});
