import { NUMBER, TRUTH } from "./fits.ts";
import { isRate, shortForm, UNITS } from "./unit-names.ts";

const NAMES = [...UNITS.keys()].sort((a, b) => b.length - a.length).join("|");

/** A unit, or a rate of two: "litres per second". */
const UNIT = `(?:${NAMES})(?:\\s{1,3}per\\s{1,3}(?:${NAMES}))?(?![\\p{L}\\p{N}])`;
/** What may be a rate in short, "in km/h", or an area or a volume where nothing more is said of it. */
const RATE = /(?:\bin|\bhow many|\bexpressed as|\()\s{0,3}([\p{L}\d²³]{1,5}\/[\p{L}\d²³]{1,5})(?![\p{L}\p{N}/])/iu;
const SIZED = /\bin (k?m[23²³])(?=\s{0,3}(?:[?.,;)]|$))/u;

const COUNTED = new RegExp(
  `\\b(?:how many|count the|(?:what|which|the|total) number of|number of)\\s+(?:\\p{L}+\\s+)??(${UNIT})`,
  "iu",
);
const MEASURED = new RegExp(`(?:\\bin|\\bexpressed as|\\()\\s*(?:whole |full |complete )?(${UNIT})`, "iu");
const WEEKDAY = /\b(?:days? of the week|(?:which|what) weekday|name the weekday|the weekday)\b/iu;
/** "When it is …" is a condition: only before its verb does "when" ask. */
const DATE =
  /\b(?:(?:what|which) (?:calendar )?(?:date|day) |(?:give|state|name|find) the (?:\p{L}+ )?date|what (?:is|was) the (?:\p{L}+ )?date)|^when\b(?! (?:it|he|she|they|we|you|there|the|an?|its|this|that|q\d+)\b)|[.?!,;:] when (?:was|were|did|is|does)\b/iu;
const YEAR = /\b(?:what|which) year\b/iu;
const PERCENTAGE = /\bwhat (?:percentage|share)\b/iu;
/** "The number of rooms", and not "the telephone number of whoever …". */
const COUNT =
  /\b(how many|count the|(?<!\b(?:telephone|phone|mobile|fax|serial|account|order|room|house|flight|part|model|tracking|registration|licence|license) )number of)\s+(\p{L}+(?:\s+\p{L}+){0,3})/giu;
const AUXILIARIES = new Set(
  "does do did is are was were has have had can could will would shall should must may might".split(" "),
);
/** Words after "how many" that are not what is counted, some of which end in an s. */
const UNCOUNTED = new Set("his its this these those them us more fewer less plus always of".split(" "));
const RELATIVES = new Set("who whoever whom whose which that where when".split(" "));
/** "…, in packs?" and "In packs, …": a unit of one's own, where nothing else can stand. */
const APART =
  /(?:^|[,;(]\s*|\b(?:capacity|stock|size|amount|quantity|volume|supply|total|length|width|height|depth|distance|weight|age|duration|time) )(?:measured |counted |given )?in (\p{Ll}{2,}s)(?=\s*(?:[?.,;)]|$))/iu;
const SIZE =
  /\bhow (?:much|long|deep|high|tall|far|wide|broad|thick|large|big|heavy|old|fast|hot|cold|warm|expensive|strong|loud)\b/iu;
const NAME =
  /\b(?:whom?\b|(?:what|which) (?:city|country|territory|region|subregion|continent|capital|currency|language|airport|element|person|company|place|town|state|name|symbol|code)\b|(?:what|which) (?:is|was) the name|(?:name|give) the (?:name|city|country|territory|region|capital|currency|element|airport)\b|called\?)/iu;

const YES_NO =
  /(?:^|[.?!:;]\s)(?:(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\s(?!you\b|we\b|i\b)|(?:say|tell(?: me)?|check|find out|determine|state) whether\b)[^.?!]*[.?!]?$/iu;

/** What decides between two questions, up to its comma or the end of its sentence. */
const CONDITION = /\b(?:if not|if|unless|in case|provided(?: that)?|depending on)\b[^,.?!;:]*/giu;
const OTHERWISE = /\b(?:otherwise|or else|else)\b/iu;

/**
 * The unit or kind of the answer that a question asks for: `day`, `ft`, `date`, `weekday`, `name`, `truth` (a yes or no);
 * undefined when it does not say. What stands in a condition is not asked for, and a question that asks for one kind or
 * another does not say which.
 */
export const unitOf = (question: string): string | undefined => {
  const asked = question.split(OTHERWISE).flatMap((part) => part.split(CONDITION));
  if (asked.length === 1) return kindOf(question);
  const kinds = new Set(asked.flatMap((part) => kindOf(part.trim()) ?? []));
  return kinds.size === 1 ? [...kinds][0] : undefined;
};

const kindOf = (question: string): string | undefined => {
  if (WEEKDAY.test(question)) return "weekday";
  const rate = RATE.exec(question)?.[1];
  if (rate !== undefined && isRate(rate)) return shortForm(rate);
  const unit = COUNTED.exec(question)?.[1] ?? MEASURED.exec(question)?.[1] ?? SIZED.exec(question)?.[1];
  if (unit !== undefined) return shortForm(unit);
  if (DATE.test(question)) return "date";
  if (YEAR.test(question)) return "year";
  if (PERCENTAGE.test(question)) return "percent";
  const counted = countedIn(question);
  if (counted !== undefined) return counted;
  const apart = APART.exec(question)?.[1];
  if (apart !== undefined) return singular(apart.toLowerCase());
  if (SIZE.test(question)) return NUMBER;
  if (NAME.test(question)) return "name";
  return YES_NO.test(question) ? TRUTH : undefined;
};

/** "How many spare rooms …" counts rooms, "how many staff are …" staff: without an s, but before its verb. */
const countedIn = (question: string): string | undefined => {
  for (const [, opening = "", after = ""] of question.toLowerCase().matchAll(COUNT)) {
    let noun: string | undefined;
    for (const word of after.split(/\s+/u)) {
      if (RELATIVES.has(word)) break;
      if (AUXILIARIES.has(word)) {
        if (noun !== undefined && opening === "how many") return noun;
        break;
      }
      if (UNCOUNTED.has(word)) continue;
      if (/..s$/u.test(word)) return singular(word);
      noun = word;
    }
  }
  return undefined;
};

/** `isotopes` → `isotope`, `countries` → `country`. */
const singular = (plural: string): string =>
  plural.endsWith("ies") ? `${plural.slice(0, -3)}y` : plural.replace(/(?<=ss|sh|ch|x)es$|s$/u, "");
