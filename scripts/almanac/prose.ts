import type { Page } from "../../src/almanac/page.ts";
import type { Field } from "../../src/tool.ts";
import type { Entry } from "./calendar.ts";
import { groupBy, namesOf, slugOf } from "./sources.ts";

interface Life {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly role: string;
  readonly event: "born" | "died";
  readonly date: string;
  readonly place: string;
}

/** Entries that are wrong in the calendar, judge instead of stating, or are about no person or event. */
const leftOut = new RegExp(
  [
    ...["de Broglie", "De Rochon", "Appleseed", "Rosa Parks", "^Battle of Gettysburg$", "through the Suez", "Enewet"],
    ...["West Germany", "Victoria crowned", "Unix-based mallet", "^Cloudy", "UNIX is 10000", "terrorist", "fanatic"],
    ...["Gentile", "Yeti", "Jesus Christ,", "NetBSD", "FreeBSD", "US Navy", "Winnie", "quintuplets", "Harriet"],
  ].join("|"),
);
/** One person under two names or spellings. */
const sameAs: Readonly<Record<string, string>> = {
  "Berdrich Smetana": "Bedrich Smetana",
  "Duke Ellington": "Edward Kennedy Ellington",
  "Edvard Grieg": "Edvard Hagerup Grieg",
  "Joseph Vissarionnovich Djugashvili": "Joseph Stalin",
  "M.C. Escher": "Maurits Cornelis Escher",
  "Pau Casals": "Pablo Casals",
  Lenin: "Vladimir Ilich Ulyanov",
};
const offices =
  /^(?:Jazz great|Blues great|Blues guitarist|US President|Soviet President|Chinese Communist Party Chairman|Sir|Lord|Dr\.(?= \S+ \S)) /;
const particles = "de|del|della|da|di|du|des|la|le|van|von|der|den|of|the|and";
const properName = new RegExp(`^\\p{Lu}[\\p{L}.'-]*(?: (?:${particles}|\\p{Lu}[\\p{L}.'-]*))*(?:, [JS]r\\.?)?$`, "u");

/** "4 January 1785". */
const longDate = (iso: string): string =>
  new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }).format(
    new Date(`${iso}T00:00:00Z`),
  );

/** Where, if the words after "born" or "dies" begin with a place; what follows about the cause is cut. */
const placeOf = (rest: string): string => {
  const place =
    /^,? ((?:in|at|near) (?!a |an |his |her |car |motorcycle |tragic |age |the age |\d)[^(;]+)/.exec(rest)?.[1] ?? "";
  return place
    .replace(/ (?:from|due|of a|after|before|shortly|within|en route|while|by) .*$/, "")
    .replace(/[,. ]+$/, "");
};

/** Reads "NAME, ROLE, is born in PLACE" and its like. */
const parseLife = ({ text, tail, date }: Entry): Life | undefined => {
  const [, subject, verb, rest] = /^(.+?),? (?:is |was )?(born|dies|died)\b(.*)$/.exec(text) ?? [];
  if (subject === undefined || verb === undefined || leftOut.test(text)) return undefined;
  const [before = "", ...after] = subject.replace(/ ?\([^)]*\)/g, "").split(/, (?![JS]r\b)/);
  const bare = before
    .replace(/ ?‘[^’]+’(?= )/g, "")
    .replace(offices, "")
    .replace(offices, "")
    .trim();
  if (!properName.test(bare)) return undefined;
  const remark = after.join(", ") || tail.replace(/^[,;. ]+/, "").replace(/[.; ]+$/, "");
  const role =
    remark.length <= 70 &&
    /^[\p{L}\d .,&'‘’-]+$/u.test(remark) &&
    !/^(?:age|observed|named|author$|to |Alice)/.test(remark)
      ? remark
      : "";
  return {
    name: sameAs[bare] ?? bare,
    aliases: namesOf(bare, before.trim(), /\((?:then|a\.k\.a\.) ([^)]*)\)/.exec(subject)?.[1]).filter(
      (alias) => alias !== (sameAs[bare] ?? bare),
    ),
    role,
    event: verb === "born" ? "born" : "died",
    date,
    place: placeOf(rest ?? ""),
  };
};

const lastName = (name: string): string =>
  name
    .replace(/,? [JS]r\.?$/, "")
    .split(" ")
    .at(-1) ?? name;
const clause = (life: Life): string =>
  `${life.event === "born" ? "was born" : "died"} on ${longDate(life.date)}${life.place === "" ? "" : ` ${life.place}`}`;

/** One person's page; `undefined` when two entries contradict each other. */
const personPage = (lives: readonly Life[]): Page | undefined => {
  const title = lives.map(({ name }) => name).sort((a, b) => b.length - a.length)[0];
  const of = (event: Life["event"]) => lives.filter((life) => life.event === event);
  if (title === undefined || [of("born"), of("died")].some((same) => new Set(same.map(({ date }) => date)).size > 1)) {
    return undefined;
  }
  const [born] = of("born").sort((a, b) => b.place.length - a.place.length);
  const [died] = of("died").sort((a, b) => b.place.length - a.place.length);
  if (born !== undefined && died !== undefined && born.date >= died.date) return undefined;
  const role = lives.map((life) => life.role).find((words) => words !== "") ?? "";
  const known = [born, died].filter((life) => life !== undefined);
  return {
    id: `person/${slugOf(title)}`,
    kind: "person",
    title,
    names: namesOf(title, ...lives.map(({ name }) => name), ...lives.flatMap(({ aliases }) => aliases)),
    form: "prose",
    text: `${title}${role === "" ? "" : ` (${role})`} ${known.map(clause).join(" and ")}.`,
    fields: Object.fromEntries(known.map((life): [string, Field] => [life.event, { kind: "date", value: life.date }])),
  };
};

/** Brings together the entries of each person: the same name, or the same last name with the same date. */
const groupLives = (lives: readonly Life[]): readonly (readonly Life[])[] => {
  const groups: Life[][] = [];
  for (const life of lives) {
    const same = groups.find((group) =>
      group.some(
        (other) =>
          other.name === life.name ||
          (other.event === life.event && other.date === life.date && lastName(other.name) === lastName(life.name)),
      ),
    );
    if (same === undefined) groups.push([life]);
    else same.push(life);
  }
  return groups;
};

const eventPage = ({ text, date }: Entry): Page | undefined => {
  const title = text.replace(/[,.; ]+$/, "");
  const closed = (title.match(/\(/g)?.length ?? 0) === (title.match(/\)/g)?.length ?? 0);
  if (title.length < 12 || title.length > 90 || !closed || leftOut.test(title) || !/^[‘\p{Lu}]/u.test(title)) {
    return undefined;
  }
  return {
    id: `event/${slugOf(title).slice(0, 80).replace(/-$/, "")}`,
    kind: "event",
    title,
    names: [],
    form: "prose",
    text: `On ${longDate(date)}: ${title}.`,
    fields: { date: { kind: "date", value: date } },
  };
};

/** Keeps one of several equal pages, and none of several that share an address or a title but not the facts. */
const withoutConflicts = (pages: readonly Page[]): readonly Page[] =>
  [...groupBy(pages, ({ id }) => id).values()].flatMap((same) =>
    new Set(same.map(({ fields }) => JSON.stringify(fields))).size === 1 ? same.slice(0, 1) : [],
  );

/** Prose pages about people and events. */
export const writeProse = (entries: readonly Entry[]) => {
  const lives = entries.map(parseLife).filter((life) => life !== undefined);
  const people = groupLives(lives)
    .map(personPage)
    .filter((page) => page !== undefined);
  const events = entries
    .filter(({ text }) => !/\b(?:born|dies|died|death)\b/i.test(text))
    .map(eventPage)
    .filter((page) => page !== undefined);
  return { people: withoutConflicts(people), events: withoutConflicts(events) };
};
