import { dateOf, MONTH_NAMES, WEEKDAY_NAMES } from "../dates.ts";
import { isRate } from "./unit-names.ts";

/** A piece of a question that names something. */
export interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface Word extends Span {
  /** First word of a sentence, where a capital says nothing. */
  readonly opens: boolean;
  /** Between this word and the one before stands a space, and nothing else. */
  readonly follows: boolean;
}

const LENGTH_LIMIT = 80;

/** Small words that can stand inside a name: Isle of Man, Rio de Janeiro, Newcastle upon Tyne. */
const PARTICLES = new Set(
  "of the de da do dos das del della di du des la las le les los el al y e et van von der den ter ten bin ibn upon am sur sobre sul".split(
    " ",
  ),
);

/** Words with a capital only because they open a sentence, and words of instructions. */
const OPENERS = new Set(
  (
    "i a an the this that these those it its their his her our your my we they he she you there here " +
    "what which who whom whose when where why how whether if is are was were be been do does did has have had can could should would will may might must shall " +
    "of in on at by for from to with without between among after before since until during under over above below across about into than as per via within and or but nor not no yes both either neither each every all any some " +
    "find give name tell state list count compute calculate determine work take add subtract sum divide multiply compare convert consider suppose assume say look let show report write answer get use using " +
    "first second next then else otherwise instead unless because while whereas depending provided failing so finally also only please given following according counting starting taken together altogether overall combined " +
    "one two three four five six seven eight nine ten"
  ).split(" "),
);

const TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
  .split(" ")
  .map((word, i) => [word, 20 + 10 * i] as const);
const SMALL =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    .split(" ")
    .map((word, i) => [word, i] as const);
/** Numbers in words, up to ninety-nine. */
const NUMBER_WORDS = new Map<string, number>([
  ...SMALL,
  ...TENS,
  ...TENS.flatMap(([tens, value]) => SMALL.slice(1, 10).map(([one, i]) => [`${tens}-${one}`, value + i] as const)),
]);

/** A number in words is one to compare with only after these: "fewer than five" has one, "the two of them" has none. */
const BEFORE_BOUND = new Set("than least most over under above below exactly exceed exceeds".split(" "));

/** Capitalised words that name a unit, a scale or a form and not a thing. */
const FORMS = new Set("celsius fahrenheit kelvin utc gmt iso english true false ok".split(" "));

/** In "the price in EUR" a unit, in "the rate of EUR" a thing. */
const CURRENCIES = new Set("EUR USD GBP CHF JPY".split(" "));

/** After a code, these make it an adjective: in "the IATA code LOS" only LOS is asked about. */
const HEADS = new Set(
  "code codes identifier identifiers number numbers symbol symbols version versions format standard region regions subregion subregions line lines classification".split(
    " ",
  ),
);

/** Words whose full stop ends no sentence. */
const ABBREVIATIONS = new Set("st ste mt ft dr mr mrs ms jr sr no vs gen col capt lt".split(" "));

/** Quoted texts, and addresses of mail and web, which are one thing each. */
const WHOLE =
  /"([^"\n]{1,200})"|“([^”\n]{1,200})”|«([^»\n]{1,200})»|([\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,4}|https?:\/\/[^\s"<>]{1,200}[^\s"<>.,;:!?)\]'])/gu;
const WORD =
  /\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\p{L}\p{N}])|\d+,\d+(?![\p{L}\p{N},])|[\p{L}\p{M}\p{N}]+(?:[.'’\-/+_][\p{L}\p{M}\p{N}]+)*(?:\+\+|#)?(?:['’](?=\s|$))?|&/gu;

/** Entities of a question, in order of appearance: quoted strings, names, codes, identifiers, addresses, numbers, dates. */
export const findEntities = (text: string): Span[] => {
  const spans: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(WHOLE)) {
    spans.push(...inPlain(text, end, match.index));
    end = match.index + match[0].length;
    const inner = withoutStop(
      (match.slice(1).find((part) => part !== undefined) ?? "").trim(),
      text.slice(end, end + 3),
    );
    if (inner !== "") spans.push({ text: inner.slice(0, LENGTH_LIMIT), start: match.index, end });
  }
  spans.push(...inPlain(text, end, text.length));
  return spans;
};

const inPlain = (text: string, from: number, to: number): Span[] => {
  const words = wordsOf(text, from, to);
  const spans: Span[] = [];
  let at = 0;
  while (at < words.length) {
    const bound = boundAt(words, at);
    const next = bound === undefined ? endOfRun(words, at) : at + 1;
    const span = bound ?? (next > at ? spanOf(text, words, at, next) : undefined);
    if (span !== undefined) spans.push(span);
    at = Math.max(next, at + 1);
  }
  return spans;
};

/** Whether the first word after the start, or after a quoted text that ends at `from`, opens a sentence. */
const opensAt = (text: string, from: number, start: number): boolean =>
  from === 0 || /[.?!:]["”»)]?\s+$/u.test(text.slice(Math.max(0, from - 2), start));

/** A name in quotes, without the stop of the sentence around it: American usage puts it inside. */
const withoutStop = (inner: string, after: string): string =>
  inner.replace(/(?:,|(?<=\p{L}{5})\.)$/u, (stop) => (stop === "." && /^\s+\P{Lu}/u.test(after) ? stop : ""));

const wordsOf = (text: string, from: number, to: number): Word[] => {
  const words: Word[] = [];
  let end = from;
  for (const match of text.slice(from, to).matchAll(WORD)) {
    const start = from + match.index;
    const gap = text.slice(end, start);
    const before = words.at(-1);
    const abbreviated = gap === ". " && before !== undefined && ABBREVIATIONS.has(before.text.toLowerCase());
    const opens = before === undefined ? opensAt(text, from, start) : /[.?!:]["”»)]?\s+$/u.test(gap) && !abbreviated;
    const possessive = /['’]s?$/u.exec(match[0]);
    const word = possessive === null ? match[0] : match[0].slice(0, possessive.index);
    // "Lagos's code" and "Lagos' code": the name ends here. "St. Anne's Garden" continues.
    const broken = before !== undefined && end > before.end && !isTitle(word);
    words.push({
      text: word,
      start,
      end: start + word.length,
      opens,
      follows: before !== undefined && !broken && (/^[  ]+$/u.test(gap) || abbreviated),
    });
    end = start + match[0].length;
  }
  return words;
};

/** A word of a name and nothing else: a capital, and small letters after it. */
const isTitle = (word: string): boolean => {
  const lower = word.toLowerCase();
  return (
    /^\p{Lu}\p{Ll}{2,}$/u.test(word) && ![OPENERS, FORMS, MONTH_NAMES, WEEKDAY_NAMES].some((words) => words.has(lower))
  );
};

const isNumber = (word: string): boolean => /^[vV]?\d/u.test(word) && !/^\d+(?:st|nd|rd|th)$/iu.test(word);
const isOrdinal = (word: string): boolean => /^\d+(?:st|nd|rd|th)$/iu.test(word);
const isCode = (word: string): boolean => /^[\p{Lu}\p{N}]{2,4}$/u.test(word) && /\p{Lu}/u.test(word);
/** An identifier in small letters, such as `o-1042` or `sku_9f3`: letters first, a digit among them. Units are none. */
const isIdentifier = (word: string): boolean =>
  /^\p{Ll}[\p{Ll}\p{N}_/+.-]*$/u.test(word) && /\p{N}/u.test(word) && !/^[a-z]{1,2}[23]$/u.test(word);
const isName = (word: string): boolean =>
  isIdentifier(word) || (/\p{Lu}/u.test(word) && !/^[YMDHS]+(?:[-/:.][YMDHS]+)+$/u.test(word));
const isMonth = (word: string): boolean => MONTH_NAMES.has(word.toLowerCase()) && isName(word);

/** "Fewer than five": 5. */
const boundAt = (words: readonly Word[], at: number): Span | undefined => {
  const word = words[at];
  const value = NUMBER_WORDS.get(word?.text.toLowerCase() ?? "");
  if (word === undefined || value === undefined || !word.follows) return undefined;
  if (!BEFORE_BOUND.has(words[at - 1]?.text.toLowerCase() ?? "")) return undefined;
  return { text: String(value), start: word.start, end: word.end };
};

/** Index after the last word of the run that starts at `at`; `at` itself when no name starts there. */
const endOfRun = (words: readonly Word[], at: number): number => {
  const first = words[at];
  if (first === undefined) return at;
  const date = endOfDate(words, at);
  if (date > at) return date;
  if (isNumber(first.text)) return isRounding(words, at) ? at : at + 1;
  if (!isName(first.text) || opensOnly(words, at)) return at;
  let end = at + 1;
  while (end < words.length) {
    const next = endOfLink(words, end);
    if (next === end) break;
    end = next;
  }
  return end;
};

/** One more part of a name: another capitalised word, one after particles or `&`, or a number. */
const endOfLink = (words: readonly Word[], at: number): number => {
  let i = at;
  while (
    i < words.length &&
    i - at < 3 &&
    words[i]?.follows &&
    (PARTICLES.has(words[i]?.text ?? "") || words[i]?.text === "&")
  )
    i += 1;
  const word = words[i];
  if (!word?.follows) return at;
  if (isName(word.text) && !OPENERS.has(word.text.toLowerCase())) return i + 1;
  return i === at && isNumber(word.text) ? i + 1 : at;
};

const endOfDate = (words: readonly Word[], at: number): number => {
  const texts = words.slice(at, at + 3).map(({ text }) => text);
  if (texts.length === 3 && words[at + 1]?.follows && dateOf(texts.join(" ")) !== undefined) return at + 3;
  // "March 2024" names a month of a year.
  return isMonth(texts[0] ?? "") && words[at + 1]?.follows && /^\d{4}$/u.test(texts[1] ?? "") ? at + 2 : at;
};

/** "to 2 decimal places" is about the form of the answer. */
const isRounding = (words: readonly Word[], at: number): boolean =>
  /^(?:decimals?|digits?|significant|places?)$/iu.test(words[at + 1]?.text ?? "") && words[at + 1]?.follows === true;

/** Kinds of things that go by a number: "Order 1042 was paid" is about 1042, as "was order 1042 paid?" is. */
const NUMBERED = new Set(
  "order invoice ticket customer client patient account item article parcel shipment booking reservation claim case job lot batch barrel bed box crate pallet container locker tank machine pump sensor vehicle truck van file record request message".split(
    " ",
  ),
);

/** After a plural that opens a sentence: "Visitors ask about …" names no visitor. */
const PLURAL_VERBS = new Set("are were have ask call want need wish wait say report complain come".split(" "));

/** A code with a digit: `TGHU-967214`, `M3-PUMP`, `B204`. */
const isMixedCode = (word: string): boolean =>
  isIdentifier(word) || (/^[\p{Lu}\p{N}][\p{L}\p{N}_/.-]*$/u.test(word) && /\p{Lu}/u.test(word) && /\p{N}/u.test(word));

/** A capital that only opens the sentence: a function word, a kind of thing before a code of one, or an imperative before a determiner. */
const opensOnly = (words: readonly Word[], at: number): boolean => {
  const word = words[at];
  if (word === undefined) return false;
  if (word.text === "I") return true;
  if (!word.opens || !/^\p{Lu}[\p{Ll}'’]*$/u.test(word.text)) return false;
  const after = words[at + 1];
  if (OPENERS.has(word.text.toLowerCase())) return true;
  if (after?.follows !== true) return false;
  if (/s$/u.test(word.text) && PLURAL_VERBS.has(after.text)) return true;
  if (isCode(after.text) || isMixedCode(after.text)) return true;
  if (NUMBERED.has(word.text.toLowerCase()) && isNumber(after.text)) return true;
  return /^(?:the|a|an|all|how|by|up|which|what|whose|its|their|with)$/u.test(after.text);
};

const spanOf = (text: string, words: readonly Word[], at: number, end: number): Span | undefined => {
  const first = words[at];
  const last = words[end - 1];
  if (first === undefined || last === undefined) return undefined;
  if (end - at === 1 && isForm(words, at)) return undefined;
  const name = text.slice(first.start, last.end).replace(/\s+/gu, " ");
  if (name.length > LENGTH_LIMIT) return undefined;
  return { text: name, start: first.start, end: last.end };
};

const isForm = (words: readonly Word[], at: number): boolean => {
  const word = words[at]?.text ?? "";
  const lower = word.toLowerCase();
  if (MONTH_NAMES.has(lower) || WEEKDAY_NAMES.has(lower) || FORMS.has(lower) || isOrdinal(word)) return true;
  const before = words[at - 1]?.text.toLowerCase();
  if ((CURRENCIES.has(word) || isRate(word)) && (before === "in" || before === "many")) return true;
  return isCode(word) && words[at + 1]?.follows === true && HEADS.has(words[at + 1]?.text.toLowerCase() ?? "");
};
