import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Source, sha256 } from "./sources.ts";

/** One dated line of a calendar file, its year taken out of the text. */
export interface Entry {
  readonly date: string;
  /** What stood before the year. */
  readonly text: string;
  /** What stood after it. */
  readonly tail: string;
}

const files = ["calendar.birthday", "calendar.computer", "calendar.debian", "calendar.history", "calendar.music"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** From 1753 on, most of the calendar's sources count in the Gregorian calendar; before, days may be Julian. */
const firstYear = 1753;
/** Parts of `calendar.debian` about private people. */
const privateSections = /leaders|death|bug report/;
const doubtful = /\?|"|uncertain|allegedly|\bBC\b|bapti[sz]ed/;

const monthNumber = (written: string): number => (/\d/.test(written) ? Number(written) : months.indexOf(written) + 1);
const isReal = (iso: string): boolean => {
  const time = Date.parse(`${iso}T00:00:00Z`);
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(iso);
};

/** Takes the year out of an entry that states exactly one, at its end or before a remark. */
const parseEntry = (month: string, day: string, written: string): Entry | undefined => {
  const whole = written
    .replace(/"([^"]*)"|``(.*?)''|`(.*?)'/g, "‘$1$2$3’")
    .replace(/\s+/g, " ")
    .trim();
  const years = whole.match(/\b\d{4}\b/g) ?? [];
  if (years.length !== 1 || doubtful.test(whole)) return undefined;
  const [, text, year, tail] = /^(.+?)[,.]? \(?(\d{4})\)?(?:\.?$|(?:[,;.]|(?= [a-z(])) ?(.*)$)/.exec(whole) ?? [];
  if (text === undefined || year === undefined || Number(year) < firstYear) return undefined;
  const date = `${year}-${String(monthNumber(month)).padStart(2, "0")}-${day.padStart(2, "0")}`;
  return isReal(date) ? { date, text, tail: tail ?? "" } : undefined;
};

/** All dated entries of one calendar file: lines that begin with a date, with their indented continuations. */
const parseCalendar = (content: string): readonly Entry[] => {
  const entries: Entry[] = [];
  let section = "";
  for (const line of content.replace(/\n[ \t]+(?=\S)/g, " ").split("\n")) {
    section = /^\/\*(.*)\*\//.exec(line)?.[1] ?? section;
    const [, month, day, text] =
      /^(?:(?=\d\d\/)|(?=[A-Z]))(\d\d|[A-Z][a-z]{2})[/ ] *(\d{1,2})\t+(.*)$/.exec(line) ?? [];
    if (month === undefined || day === undefined || text === undefined || privateSections.test(section)) continue;
    const entry = parseEntry(month, day, text);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
};

/** Reads the files of the Debian package `calendar` from the folder that holds them (its `usr/share/calendar`). */
export const readCalendars = (folder: string): { entries: readonly Entry[]; source: Source } => {
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) {
    throw new Error(
      `no ${missing.join(", ")} in "${folder}". Fetch the Debian package and name its folder: ` +
        "apt-get download calendar && dpkg-deb -x calendar_*.deb extracted, then --calendar extracted/usr/share/calendar",
    );
  }
  const contents = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const changelog = join(folder, "../doc/calendar/changelog.gz");
  const version = existsSync(changelog)
    ? /\(([^)]+)\)/.exec(gunzipSync(readFileSync(changelog)).toString("utf8"))?.[1]
    : undefined;
  return {
    entries: contents.flatMap(parseCalendar),
    source: {
      name: "Debian calendar",
      version: version ?? "unknown",
      licence: "BSD (University of California)",
      used: "dated births, deaths and events that state a year",
      files: Object.fromEntries(files.map((file, index) => [file, sha256(contents[index] ?? "")])),
    },
  };
};
