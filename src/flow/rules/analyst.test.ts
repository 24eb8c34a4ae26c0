import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyse } from "./analyse.ts";

describe("entities, in order of appearance", () => {
  test.each<[string, readonly string[]]>([
    [
      "How many days passed between the release of Node.js 18.0.0 and Node.js 20.0.0?",
      ["Node.js 18.0.0", "Node.js 20.0.0"],
    ],
    ["What is the elevation in feet of the airport with the IATA code LOS?", ["LOS"]],
    ["Which country is Chicago O'Hare International Airport in?", ["Chicago O'Hare International Airport"]],
    ["What is the distance in kilometres between St. Louis and N'Djamena?", ["St. Louis", "N'Djamena"]],
    ["Find the population of the Democratic Republic of the Congo.", ["Democratic Republic of the Congo"]],
    [
      "Between São Tomé & Príncipe and Côte d’Ivoire, what is the difference?",
      ["São Tomé & Príncipe", "Côte d’Ivoire"],
    ],
    ["What is Lagos's elevation minus Accra’s, in feet?", ["Lagos", "Accra"]],
    ["What is the atomic mass, in u, of the element with number 26?", ["26"]],
    ["When was the element with symbol U discovered?", ["U"]],
    ['Who sang “Águas de Março” and "la mer"?', ["Águas de Março", "la mer"]],
    ["Airport LOS lies in which country?", ["LOS"]],
    ["Subtract the elevation of JFK from that of Port-au-Prince, to 2 decimal places.", ["JFK", "Port-au-Prince"]],
    ["Lagos is in which UN region?", ["Lagos"]],
    ["How many days are there from 12 March 2024 to 2024-04-01?", ["12 March 2024", "2024-04-01"]],
    ["Did it rain on a Monday in March?", []],
    ["What is the area of 1,250 fields? Give the date as YYYY-MM-DD.", ["1,250"]],
    [
      "Does Rio de Janeiro lie north of Frankfurt am Main? And of Rio de Janeiro?",
      ["Rio de Janeiro", "Frankfurt am Main"],
    ],
    ["Is C++ older than C#?", ["C++", "C#"]],
    ["How much does anna.k+shop@mail.example.org owe for o-1042?", ["anna.k+shop@mail.example.org", "o-1042"]],
    ["Who opened ticket t_77/b, and was it before sku9f3?", ["t_77/b", "sku9f3"]],
    ["What does https://shop.example/items?id=7 cost?", ["https://shop.example/items?id=7"]],
    ["Container TGHU-967214 came on which ship? Ward W-12 is full.", ["TGHU-967214", "W-12"]],
    ["Visitors are at Saint Anne's Garden in Anna's March shift.", ["Saint Anne's Garden", "Anna"]],
    ["What does Grippex cost in EUR, and at which rate is EUR bought?", ["Grippex", "EUR"]],
    [
      'We move "The Glass Ferry". How many cans are that? And “X”! Who says "The End." When?',
      ["The Glass Ferry", "X", "The End."],
    ],
    [
      'Taken together, how long are "The Glass Ferry," and "Elm."? Who wrote "The Glass Ferry."',
      ["The Glass Ferry", "Elm."],
    ],
    ["Order 1042 was paid by whom? Apollo 11 was not.", ["1042", "Apollo 11"]],
    ["Are fewer than five beds free, or at least Twenty-one of the two hundred?", ["5", "21"]],
    ["How many km2 or m3 is the 2nd field?", []],
    [
      "If o-1042 holds fewer than 5 items, who packed it? Otherwise, who drove it? Unless Accra did: then nobody.",
      ["o-1042", "5", "Accra"],
    ],
  ])("%s", (question, entities) => {
    expect(analyse(question).entities).toEqual(entities);
  });

  test("the same name is the same reference", () => {
    expect(analyse("Is Lagos larger than Accra, and Accra wetter than Lagos?").template).toBe(
      "Is q1 larger than q2, and q2 wetter than q1?",
    );
  });
});

describe("unit or kind of the answer", () => {
  test.each<[string, string | undefined]>([
    ["How many whole days lie between q1 and q2?", "day"],
    ["In feet, what is the elevation of q1?", "ft"],
    ["What is the distance (in kilometres) between q1 and q2?", "km"],
    ["What number of people live in q1?", "person"],
    ["How many euro does a night at q1 cost?", "EUR"],
    ["What is the price of q1 in EUR?", "EUR"],
    ["Check the stock of q1, in packs.", "pack"],
    ["Find the telephone number of whoever grows q1.", undefined],
    ["Count the days from q1 to q2.", "day"],
    ["For q1, what is the capacity in beds?", "bed"],
    ["How many kilowatt hours has q1 used?", "kWh"],
    ["How many crates does q1 hold?", "crate"],
    ["How many of its rooms are free?", "room"],
    ["How many does q1 hold?", undefined],
    ["How many staff are on duty in q1?", "staff"],
    ["How deep is q1, and is it safe?", "number"],
    ["How long is the stay of q1, in days?", "day"],
    ["By whom was q1 signed?", "name"],
    ["State how many isotopes q1 has.", "isotope"],
    ["How many countries are in q1?", "country"],
    ["On what date was q1 born?", "date"],
    ["When was q1 released?", "date"],
    ["Give the date of the birth of q1.", "date"],
    ["When it is later than q1, how many crowns does q2 cost?", "crown"],
    ["When q1 is closed, who has its key?", "name"],
    ["On which day of the week was q1 released?", "weekday"],
    ["Which country is q1 in?", "name"],
    ["Who discovered q1?", "name"],
    ["In which year was q1 founded?", "year"],
    ["What, in dollars, is the economic output of q1?", "USD"],
    ["Say something about q1.", undefined],
    ["Is q1 larger than q2?", "truth"],
    ["Say whether q1 has a pool.", "truth"],
    ["Could you tell me the price of q1?", undefined],
    ["Do you know who runs q1?", "name"],
    ["If q1 hit fewer than q2 customers, who is on call? Otherwise, who wrote it?", "name"],
    ["Who is on call if fewer than q2 customers were hit by q1, and if not, who wrote it?", "name"],
    ["If the lead time of q1 in days exceeds q2, how many units are left?", "unit"],
    [
      "How many units of q1 are left if its price in dollars is below q2, otherwise how many days does it take?",
      undefined,
    ],
    ["Give the price of q1 in dollars, unless it is sold out.", "USD"],
  ])("%s", (question, unit) => {
    expect(analyse(question).unit).toBe(unit);
  });
});

test("any text is read: bounded, every reference of the template is an entity", () => {
  const words = fc.constantFrom(
    "Lagos",
    "the",
    "of",
    "q1",
    "18.0.0",
    "March",
    "2024",
    '"',
    "’s",
    "&",
    "?",
    ".",
    "O'Hare",
    "LOS",
    "-",
    "\n",
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 400 }),
    fc.array(words, { maxLength: 60 }).map((list) => list.join(" ")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const { entities, template } = analyse(text);
      expect(entities.length).toBeLessThanOrEqual(12);
      for (const entity of entities) expect(entity.length).toBeLessThanOrEqual(80);
      for (const [i] of entities.entries()) expect(template).toContain(`q${i + 1}`);
    }),
  );
});

test("long hostile texts are read in linear time and bounded", () => {
  for (const piece of ["A", "A ", "A of ", '"', "1,111", "A.", "how many a "]) {
    expect(analyse(piece.repeat(100_000)).template.length).toBeLessThan(4000);
  }
});
