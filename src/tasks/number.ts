import { text as aText } from "../options.ts";
import { plainLatex } from "./latex.ts";
import {
  add,
  decimal,
  divide,
  isWhole,
  multiply,
  negate,
  type Rational,
  rational,
  toNumber,
  zero,
} from "./rational.ts";
import { isMega, isUnit, unitOf } from "./units.ts";

/** What a text says that is one number as a whole. */
export interface Quantity {
  /** As written: of 7 % it is 7. */
  readonly value: Rational;
  readonly percent: boolean;
  /** What stands behind the number, known or not; empty if nothing. */
  readonly unit: string;
}

const LONGEST = 400;
/** Powers of ten beyond this are no number that anyone asks for. */
const LARGEST_POWER = 400;

/** Digits, in groups of three behind a comma, a space or an apostrophe, or in none. */
const DIGITS =
  /^(?:(?:\d{1,3}(?:,\d{3}){1,99}(?!\d)|\d{1,3}(?: \d{3}){1,99}(?![\d/])|\d{1,3}(?:['’]\d{3}){1,99}(?!\d)|\d{1,400})(?:\.\d{1,400})?|\.\d{1,400})/;
const MIXED = /^(\d{1,400}) (\d{1,400})\/(\d{1,400})(?![\d/.])/;
const DIVISOR = /^ ?\/ ?(-?\d{1,400}(?:\.\d{1,400})?)(?![\d/.])/;
const POWER_OF_TEN = /^10 ?(?:\^|\*\*) ?\(?([-+]?\d{1,4})\)?(?!\d)/;
const TIMES_POWER = /^(?:e([-+]?\d{1,4})(?!\d)| ?[×x*] ?10 ?\^ ?\(?([-+]?\d{1,4})\)?(?!\d))/i;
const SCALE =
  /^(?:[ ]?(hundred|thousand|million|billion|trillion|quadrillion|lakh|crore|dozen|bn|mn)(?!\p{L})|([kKMB])(?![\p{L}\d]))/u;
const scales: Readonly<Record<string, Rational>> = {
  ...{ hundred: decimal("1", 2), thousand: decimal("1", 3), k: decimal("1", 3), dozen: decimal("12") },
  ...{
    million: decimal("1", 6),
    mn: decimal("1", 6),
    m: decimal("1", 6),
    lakh: decimal("1", 5),
    crore: decimal("1", 7),
  },
  ...{ billion: decimal("1", 9), bn: decimal("1", 9), b: decimal("1", 9) },
  ...{ trillion: decimal("1", 12), quadrillion: decimal("1", 15) },
};
const SIGN_AND_CURRENCY = /^([-+]?)[ ]?((?:US)?\$|[€£¥₹]|(?:USD|EUR|GBP|JPY|INR)[ ])?[ ]?([-+]?)[ ]?/;
/** No seconds. */
const DECADE = /^(?:1\d|20)\d0['’]?s$/;
const PERCENT = /^[ ]?(?:%|percent|per cent|pct\.?)(?!\p{L})/u;

const small =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** With a number that begins in words (`twenty-one`, `a dozen`) in digits. */
const inDigits = (text: string): string => {
  const [both = "", first = "", second = ""] = /^(\p{L}{1,10})(?:[- ](\p{L}{1,10}))?/u.exec(text.toLowerCase()) ?? [];
  if (/^an?$/.test(first) && Object.hasOwn(scales, second)) return `1${text.slice(first.length)}`;
  const [ten, single, only] = [tens.indexOf(first), small.indexOf(second), small.indexOf(first)];
  if (ten >= 0 && single > 0 && single < 10) return `${20 + 10 * ten + single}${text.slice(both.length)}`;
  const value = ten >= 0 ? 20 + 10 * ten : only;
  return value < 0 ? text : `${value}${text.slice(first.length)}`;
};

/** What may stand around a number without being part of it. */
const surrounded = (text: string): string => {
  const equation = text
    .trim()
    .replace(/^(?:[a-z]|answer)?[ ]?=[ ]?(?!=)/i, "")
    .replace(/^(?:minus|negative) (?=[\p{L}\d.])/iu, "-");
  const inner = /^(?:\([^()]*\)|\[[^[\]]*\]|\{[^{}]*\})$/.test(equation) ? equation.slice(1, -1) : equation;
  return inner.trim().replace(/(?<=[\p{L}\p{N}%°)]) ?[.?。,;:]$/u, "");
};

/**
 * A text that is one number, with or without a unit: exact, and read as a whole or not at all. Digits of other scripts
 * look like ours and are none.
 */
export const readQuantity = (text: string): Quantity | undefined => {
  if (text.length > LONGEST) return undefined;
  if (/^\d{1,15}$/.test(text)) return { value: { top: BigInt(text), bottom: 1n }, percent: false, unit: "" };
  const bare = surrounded(plainLatex(text).replace(/\s{1,400}/g, " "));
  if (/[^\P{Nd}0-9]/u.test(bare) || DECADE.test(bare)) return undefined;
  const [signs = "", before = "", currency = "", after = ""] = SIGN_AND_CURRENCY.exec(bare) ?? [];
  if (before !== "" && after !== "") return undefined;
  const body = inDigits(bare.slice(signs.length));
  const found = sizeAt(body);
  if (found === undefined) return undefined;
  let [size, rest] = found;
  for (let scale = SCALE.exec(rest); scale !== null; scale = SCALE.exec(rest)) {
    size = multiply(size, scales[(scale[1] ?? scale[2] ?? "").toLowerCase()] ?? zero);
    rest = rest.slice(scale[0].length);
  }
  const percent = PERCENT.exec(rest)?.[0];
  const behind = rest.slice(percent?.length ?? 0).trim();
  const sign = currency.trim();
  const more = sign === "" && percent === undefined ? addedTo(size, behind) : undefined;
  if (more !== undefined)
    return { ...more, value: `${before}${after}`.includes("-") ? negate(more.value) : more.value };
  const repeated = sign !== "" && unitOf(behind)?.dimension === unitOf(sign)?.dimension;
  return {
    value: `${before}${after}`.includes("-") ? negate(size) : size,
    percent: percent !== undefined,
    unit: sign === "" ? behind : behind === "" || repeated ? sign : `${sign} ${behind}`,
  };
};

/** A size whose unit is followed by so much in a smaller one, in the larger: `1 hour 30 minutes`, `5 ft 10 in`. */
const addedTo = (size: Rational, behind: string): Quantity | undefined => {
  const [, unit = "", rest = ""] = /^(\p{L}{1,20}),? (?:and )?(\d.*)$/u.exec(behind) ?? [];
  const [larger, less] = [unitOf(unit), rest === "" ? undefined : readQuantity(rest)];
  const smaller = less === undefined ? undefined : unitOf(less.unit);
  if (larger === undefined || less === undefined || larger.dimension !== smaller?.dimension) return undefined;
  const part = divide(multiply(less.value, smaller.factor), larger.factor);
  return toNumber(part) < 1 ? { value: add(size, part), percent: false, unit } : undefined;
};

/** The number that a text begins with, and what follows it: a mixed one, a power of ten, a fraction, or digits. */
const sizeAt = (text: string): [size: Rational, rest: string] | undefined => {
  const [mixed, whole = "", part = "", of = ""] = MIXED.exec(text) ?? [];
  if (mixed !== undefined)
    return BigInt(of) === 0n
      ? undefined
      : [add(decimal(whole), rational(BigInt(part), BigInt(of))), text.slice(mixed.length)];
  const [power, ten] = POWER_OF_TEN.exec(text) ?? [];
  if (power !== undefined) return scaled("1", ten, text.slice(power.length));
  const [digits] = DIGITS.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const rest = text.slice(digits.length);
  const plain = digits.replace(/[, '’]/g, "");
  const [divided, under = ""] = DIVISOR.exec(rest) ?? [];
  if (divided !== undefined) {
    const divisor = under.startsWith("-") ? negate(decimal(under.slice(1))) : decimal(under);
    return divisor.top === 0n ? undefined : [divide(decimal(plain), divisor), rest.slice(divided.length)];
  }
  const [multiplied = "", exponent, times] = TIMES_POWER.exec(rest) ?? [];
  return scaled(plain, exponent ?? times, rest.slice(multiplied.length));
};

const scaled = (digits: string, exponent: string | undefined, rest: string): [Rational, string] | undefined => {
  const power = Number(exponent ?? 0);
  return Math.abs(power) > LARGEST_POWER ? undefined : [decimal(digits, power), rest];
};

/** Whether a text is one number in digits, alone or with a unit that is known: no equation, and not the film "Seven". */
export const isNumber = (text: string): boolean => {
  const found = /[\d¼-¾⅐-⅞]/.test(text) && !text.includes("=") ? readQuantity(text) : undefined;
  return found !== undefined && (found.unit === "" || (!found.percent && isUnit(found.unit)));
};

/** One of a unit is the same unit: `day` and `days`. */
const singular = (unit: string): string => (isMega(unit) ? unit : unit.toLowerCase().replace(/(?<=\p{L}{2})s$/u, ""));

/** Whether a quantity is the expected one: its unit is that of the key, convertible to it, or absent. */
export const sameQuantity = (
  key: Quantity,
  found: Quantity,
  { unit, tolerance }: { readonly unit?: string | undefined; readonly tolerance?: number | undefined } = {},
): boolean => {
  const expected = key.unit === "" && !key.percent && unit !== undefined ? { ...key, unit } : key;
  const near = (a: Rational, b: Rational): boolean => isNear(a, b, tolerance);
  if (expected.percent !== found.percent) {
    const [share, plain] = expected.percent ? [expected, found] : [found, expected];
    const part = multiply(share.value, rational(1n, 100n));
    const isShare = plain.unit === "" || plain.unit === "%";
    return (
      isShare && share.unit === "" && (near(plain.value, share.value) || (plain.unit === "" && near(plain.value, part)))
    );
  }
  if (found.unit === "") return near(expected.value, found.value) && (isUnit(expected.unit) || isWord(expected.unit));
  const [wanted, written] = [unitOf(expected.unit), unitOf(found.unit)];
  if (expected.unit === "") return written !== undefined && near(expected.value, found.value);
  if (wanted === undefined || written === undefined)
    return singular(expected.unit) === singular(found.unit) && near(expected.value, found.value);
  if (wanted.dimension !== written.dimension) return false;
  return near(multiply(expected.value, wanted.factor), multiply(found.value, written.factor));
};

/** A word that may be a unit, and not what makes a number part of a name. */
const isWord = (unit: string): boolean => /^(?:\p{Ll}{1,30}(?: \p{Ll}{1,30}){0,2})?$/u.test(unit);

/** Of whole numbers: room for the noise of floating point, and for nothing else. */
const NOISE = 1e-9;
const RELATIVE = 1e-9;
const ABSOLUTE = 1e-6;

/** Two whole numbers are compared exactly, others within 1e-9 of their size. */
const isNear = (expected: Rational, found: Rational, tolerance: number | undefined): boolean => {
  if (tolerance === undefined && isWhole(expected) && isWhole(found)) return expected.top === found.top;
  const difference = add(expected, negate(found));
  if (difference.top === 0n) return true;
  const distance = Math.abs(toNumber(difference));
  if (tolerance !== undefined) return distance <= tolerance * (1 + RELATIVE);
  if (isWhole(expected) || isWhole(found)) return distance <= NOISE;
  return distance <= Math.min(ABSOLUTE, RELATIVE * Math.abs(toNumber(expected)));
};

/**
 * A number as people and models write it: `1,234`, `$5`, `12 %`, `\frac{1}{2}`, `2 1/2`, `1.5 million`, `3 ft`; undefined
 * for a text that is not a number as a whole. With a unit the number is in that unit.
 *
 * @example
 * ```ts
 * import { readNumber } from "agentflow/tasks";
 *
 * console.log(readNumber("1,200 m", "km"));
 * ```
 */
export const readNumber = (text: string, unit?: string): number | undefined => {
  aText(text, "readNumber: the text");
  const found = readQuantity(text);
  if (found === undefined) return undefined;
  if (found.unit === "" || singular(found.unit) === singular(unit ?? "")) return toNumber(found.value);
  const [wanted, written] = [unitOf(unit ?? ""), unitOf(found.unit)];
  if (written === undefined || (unit !== undefined && wanted?.dimension !== written.dimension)) return undefined;
  return toNumber(wanted === undefined ? found.value : divide(multiply(found.value, written.factor), wanted.factor));
};
