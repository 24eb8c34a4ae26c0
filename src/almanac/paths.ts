import type { Page } from "./page.ts";

/** How a question leads to a page: it names an entry page, and fields of each page name the next one. */
export interface Path {
  readonly entry: string;
  /** What the question calls the entry page; undefined when the page has no such name. */
  readonly clue: (page: Page) => string | undefined;
  /** Fields that are followed, from the entry page on. */
  readonly hops: readonly (keyof typeof hopKinds)[];
  /** Noun phrases for the last page; `{}` is the clue. */
  readonly phrases: readonly string[];
}

/** The kind of page that a text field names. */
export const hopKinds = {
  country: "territory",
  currency: "currency",
  region: "region",
  line: "line",
  first: "release",
  latest: "release",
} as const;

/** The title, when it has at most `words` words and no quotation marks inside. */
const title =
  (words: number) =>
  (page: Page): string | undefined =>
    /["“”‘’]/.test(page.title) || page.title.split(" ").length > words ? undefined : page.title;

const named = (pattern: RegExp) => (page: Page) => page.names.find((name) => pattern.test(name));

/** A path that starts with another one and is longer. */
const beyond = (from: Path, hops: Path["hops"], phrases: readonly string[]): Path => ({
  ...from,
  hops: [...from.hops, ...hops],
  phrases: phrases.flatMap((phrase, i) => phrase.replace("{}", from.phrases[i % from.phrases.length] ?? "{}")),
});

const airport: Path = {
  entry: "airport",
  clue: title(4),
  hops: [],
  phrases: ["{}", "the airport {}", "the airfield {}"],
};
const code: Path = {
  entry: "airport",
  clue: named(/^[A-Z]{3}$/),
  hops: [],
  phrases: ["the airport with code {}", "the airport coded {}", "the airport whose code is {}"],
};
const territory: Path = {
  entry: "territory",
  clue: title(5),
  hops: [],
  phrases: ["{}", "the territory {}", "the territory called {}"],
};
const release: Path = {
  entry: "release",
  clue: title(5),
  hops: [],
  phrases: ["{}", "the version {}", "the software {}"],
};
const line: Path = {
  entry: "line",
  clue: named(/^Node\.js \d+$/),
  hops: [],
  phrases: ["the {} line", "the release line {}", "the line called {}"],
};

const country = ["the country of {}", "the country where {} lies", "the country that has {}"];
const money = ["the currency of {}", "the money of {}", "the currency used in {}"];
const region = ["the region of {}", "the region around {}", "the region that contains {}"];
const ofLine = ["the release line of {}", "the line that {} belongs to", "the line with {}"];
const first = ["the first version of {}", "the earliest version of {}", "the first member of {}"];
const latest = ["the latest version of {}", "the newest version of {}", "the latest member of {}"];

const airportCountry = beyond(airport, ["country"], country);
const codeCountry = beyond(code, ["country"], country);
const releaseLine = beyond(release, ["line"], ofLine);

/** All ways to name a page, one to three hops. From the words of each, kind, hops and order can be read. */
export const paths = {
  airport,
  code,
  "airport-country": airportCountry,
  "code-country": codeCountry,
  "airport-country-currency": beyond(airportCountry, ["currency"], money),
  "code-country-currency": beyond(codeCountry, ["currency"], money),
  "airport-country-region": beyond(airportCountry, ["region"], region),
  "code-country-region": beyond(codeCountry, ["region"], region),
  territory,
  "territory-currency": beyond(territory, ["currency"], money),
  "territory-region": beyond(territory, ["region"], region),
  element: {
    entry: "element",
    clue: title(5),
    hops: [],
    phrases: ["{}", "the element {}", "the element called {}"],
  },
  symbol: {
    entry: "element",
    // Not iodine: its symbol reads as a pronoun.
    clue: named(/^(?!I$)[A-Z][a-z]?$/),
    hops: [],
    phrases: ["the element with symbol {}", "the element whose symbol is {}", "the element written as {}"],
  },
  number: {
    entry: "element",
    clue: named(/^\d+$/),
    hops: [],
    phrases: ["element number {}", "the element with atomic number {}", "the element numbered {}"],
  },
  release,
  "release-line": releaseLine,
  line,
  "line-first": beyond(line, ["first"], first),
  "line-latest": beyond(line, ["latest"], latest),
  person: { entry: "person", clue: title(5), hops: [], phrases: ["{}", "the person {}", "the person called {}"] },
  event: {
    entry: "event",
    clue: title(7),
    hops: [],
    phrases: ["the event {}", "the event described as {}", "the moment of {}"],
  },
} as const satisfies Readonly<Record<string, Path>>;

/** Name of a path. */
export type PathName = keyof typeof paths;

/** The kind of page at the end of a path. */
export const targetKind = (name: PathName): string => {
  const { entry, hops }: Path = paths[name];
  const last = hops.at(-1);
  return last === undefined ? entry : hopKinds[last];
};
