/**
 * The words of questions. A question is a template of its operation, filled with the words of its fields and the noun
 * phrases of its paths. The last template of each list is held out: no training question uses it.
 */

/** The words of a field. Measures state their unit, counts are a number of things, dates stand for a day. */
export type FieldWords =
  | { readonly type: "measure"; readonly nouns: readonly string[]; readonly unit: string }
  | { readonly type: "count"; readonly things: string }
  | { readonly type: "date"; readonly of: readonly string[] }
  | { readonly type: "position" };

/** By name of the field; a date's phrases contain the noun phrase of its page as `{}`. */
export const fieldWords = {
  elevation: { type: "measure", nouns: ["elevation", "height above sea level"], unit: "feet" },
  latitude: { type: "measure", nouns: ["latitude", "geographic latitude"], unit: "degrees" },
  position: { type: "position" },
  population: { type: "measure", nouns: ["population", "total population"], unit: "people" },
  gdp: { type: "measure", nouns: ["economic output", "gross domestic product"], unit: "dollars" },
  literacy: { type: "measure", nouns: ["literacy rate", "rate of literacy"], unit: "percent" },
  mass: { type: "measure", nouns: ["average mass", "mean atomic mass"], unit: "atomic mass units" },
  isotopes: { type: "count", things: "isotopes" },
  neutrons: { type: "count", things: "neutrons" },
  territories: { type: "count", things: "territories" },
  releases: { type: "count", things: "releases" },
  adopted: { type: "date", of: ["the currency adoption in {}", "the adoption of its currency by {}"] },
  introduced: { type: "date", of: ["the introduction of {}", "the launch of {}"] },
  date: { type: "date", of: ["the release of {}", "the publication of {}"] },
  happened: { type: "date", of: ["{}"] },
  started: { type: "date", of: ["the start of {}", "the beginning of {}"] },
  end: { type: "date", of: ["the end of {}", "the end of life of {}"] },
  born: { type: "date", of: ["the birth of {}", "the day of birth of {}"] },
  died: { type: "date", of: ["the death of {}", "the day of death of {}"] },
} as const satisfies Readonly<Record<string, FieldWords>>;

/** Templates by operation and type of field: `{a}`, `{b}` entities, `{n}` noun, `{u}` unit, `{t}` things counted. */
export const templates: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  value: {
    measure: [
      "What is the {n} of {a} in {u}?",
      "Give the {n} of {a} in {u}.",
      "In {u}, what is the {n} of {a}?",
      "Find the {n} of {a}, measured in {u}.",
      "What, in {u}, is the {n} of {a}?",
      "State, in {u}, the {n} of {a}.",
    ],
    count: [
      "How many {t} does {a} have?",
      "What is the number of {t} of {a}?",
      "Give the number of {t} of {a}.",
      "Find the number of {t} that {a} has.",
      "What number of {t} does {a} have?",
      "State how many {t} belong to {a}.",
    ],
    date: [
      "On what date was {a}?",
      "On which date did {a} take place?",
      "Give the date of {a}.",
      "What is the date of {a}?",
      "What was the exact date of {a}?",
      "State the date of {a}.",
    ],
  },
  weekday: {
    date: [
      "On which day of the week was {a}?",
      "On what day of the week did {a} fall?",
      "What day of the week was the date of {a}?",
      "Which day of the week saw {a}?",
      "Give the day of the week of {a}.",
      "Name the day of the week on which {a} fell.",
    ],
  },
  difference: {
    measure: [
      "What is the difference in {n} between {a} and {b}, in {u}?",
      "By how many {u} do {a} and {b} differ in {n}?",
      "In {u}, by how much does the {n} of {a} differ from that of {b}?",
      "Give the difference in {u} between the {n} of {a} and that of {b}.",
      "How many {u} lie between the {n} of {a} and that of {b}?",
      "Find how many {u} apart the {n} of {a} and that of {b} are.",
    ],
    count: [
      "What is the difference in the number of {t} between {a} and {b}?",
      "By how many {t} do {a} and {b} differ?",
      "Give the difference between the number of {t} of {a} and that of {b}.",
      "Find the difference between {a} and {b} in their number of {t}.",
      "How many {t} make the difference between {a} and {b}?",
      "State by how many {t} {a} differs from {b}.",
    ],
  },
  sum: {
    measure: [
      "What is the sum of the {n} of {a} and that of {b}, in {u}?",
      "In {u}, what is the combined {n} of {a} and {b}?",
      "Give the {n} of {a} and {b} added together, in {u}.",
      "How many {u} is the {n} of {a} plus that of {b}?",
      "What is the total in {u} of the {n} of {a} and {b}?",
      "How many {u} come out when the {n} of {a} and that of {b} are added?",
    ],
    count: [
      "How many {t} do {a} and {b} have together?",
      "What is the sum of the number of {t} of {a} and {b}?",
      "Give the combined number of {t} of {a} and {b}.",
      "Find the total number of {t} of {a} plus {b}.",
      "What number of {t} do {a} and {b} have in sum?",
      "All in all, how many {t} have {a} and {b}?",
    ],
  },
  days: {
    date: [
      "How many days lie between {a} and {b}?",
      "How many days apart are {a} and {b}?",
      "What is the number of days between {a} and {b}?",
      "Count the number of days between {a} and {b}.",
      "How many days separate {a} from {b}?",
      "By how many days do {a} and {b} differ?",
    ],
  },
  distance: {
    position: [
      "How many kilometres lie between {a} and {b}?",
      "What is the distance in kilometres between {a} and {b}?",
      "How far apart, in kilometres, are {a} and {b}?",
      "In kilometres, how far is {a} from {b}?",
      "Give the distance between {a} and {b} in kilometres.",
      "How many kilometres is it from {a} to {b}?",
    ],
  },
};
