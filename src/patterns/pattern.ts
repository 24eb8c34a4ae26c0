import { ConfigError } from "../errors.ts";
import {
  character,
  choice,
  complement,
  type Expression,
  type Ranges,
  repeat,
  sequence,
  text,
  union,
} from "./expression.ts";

/** An alternative of a pattern, and whether it said that the text begins and ends with it. */
export interface Alternative {
  readonly expression: Expression;
  readonly begins: boolean;
  readonly ends: boolean;
}

const LONGEST_PATTERN = 20_000;
const DEEPEST_GROUP = 100;

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]; // biome-ignore format: one line reads as a table
const SPACE: Ranges = union(
  [[9, 13], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]], // biome-ignore format: one line reads as a table
);
const ANY: Ranges = complement([[10, 10], [13, 13], [0x2028, 0x2029]]); // biome-ignore format: one line reads as a table
const SETS: Readonly<Record<string, Ranges>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, "0": 0 };
const UNSUPPORTED_GROUPS: Readonly<Record<string, string>> = {
  "(?=": "a look-ahead",
  "(?!": "a look-ahead",
  "(?<=": "a look-behind",
  "(?<!": "a look-behind",
};

/**
 * Parses the part of JavaScript's regular expressions that describes regular languages: characters, `.`, classes, `\d \w
 * \s` and their opposites, `\n`-like and `\x \u` escapes, groups, `|` and quantifiers; `^` and `$` around an alternative
 * of the whole pattern. Letters are code points, as with the flag `u`. Throws ConfigError that names anything else.
 */
export const parsePattern = (pattern: string): readonly Alternative[] => {
  const letters = Array.from(pattern);
  let at = 0;
  const refuse = (what: string): never => {
    throw new ConfigError(
      `The pattern /${pattern.length > 200 ? `${pattern.slice(0, 200)}…` : pattern}/ has ${what} at ${at}. Accepted: characters, classes, \\d \\w \\s, groups, |, ? * + {m,n}, and ^ $ around the whole.`,
    );
  };
  if (pattern.length > LONGEST_PATTERN) refuse(`${pattern.length} characters, more than ${LONGEST_PATTERN},`);
  const looking = (prefix: string): boolean => letters.slice(at, at + prefix.length).join("") === prefix;
  const take = (prefix: string): boolean => {
    if (!looking(prefix)) return false;
    at += prefix.length;
    return true;
  };
  const point = (letter: string): number => letter.codePointAt(0) as number; // A letter of a string has one.

  const hexadecimal = (digits: string | undefined): number => {
    const value = digits !== undefined && /^[\da-f]+$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
    return value <= 0x10ffff ? value : refuse("a wrong hexadecimal escape");
  };
  const fixed = (length: number): number => {
    const digits = letters.slice(at, at + length).join("");
    at += length;
    return hexadecimal(digits.length === length ? digits : undefined);
  };
  /** What follows a backslash, which was taken. */
  const escaped = (inClass: boolean): Ranges => {
    const letter = letters[at] ?? refuse("a lone \\");
    const single = (value: number): Ranges => [[value, value]];
    if (SETS[letter] || CONTROLS[letter] !== undefined) {
      if (letter === "0" && /\d/.test(letters[at + 1] ?? "")) refuse("an octal escape");
      at += 1;
      return SETS[letter] ?? single(CONTROLS[letter] as number);
    }
    if (/[1-9k]/.test(letter)) refuse(`the back-reference \\${letter}`);
    if (/[bB]/.test(letter) && !inClass) refuse(`the word boundary \\${letter}`);
    if (/[pP]/.test(letter)) refuse(`the Unicode property \\${letter}`);
    at += 1;
    if (letter === "b") return single(8);
    if (letter === "x") return single(fixed(2));
    if (letter === "u" && take("{")) {
      const close = letters.indexOf("}", at);
      const value = hexadecimal(close < 0 ? undefined : letters.slice(at, close).join(""));
      at = close + 1;
      return single(value);
    }
    if (letter === "u") {
      const value = fixed(4);
      // Two escapes of surrogates are one character.
      if (value < 0xd800 || value > 0xdbff || !take("\\u")) return single(value);
      const low = fixed(4);
      if (low < 0xdc00 || low > 0xdfff) refuse("half a surrogate pair");
      return single(0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00));
    }
    if (/[a-zA-Z0-9]/.test(letter)) refuse(`the escape \\${letter}`);
    return single(point(letter));
  };
  /** A class whose bracket was taken. */
  const bracket = (): Expression => {
    const negated = take("^");
    const ranges: (readonly [number, number])[] = [];
    const member = (): Ranges => {
      if (take("\\")) return escaped(true);
      const value = point(letters[at] ?? refuse("a class without its ]"));
      at += 1;
      return [[value, value]];
    };
    const one = (set: Ranges): number =>
      set.length === 1 && set[0] && set[0][0] === set[0][1] ? set[0][0] : refuse("a range of classes");
    while (!take("]")) {
      const low = member();
      if (looking("-") && letters[at + 1] !== "]" && letters[at + 1] !== undefined) {
        at += 1;
        const range = [one(low), one(member())] as const;
        if (range[0] > range[1]) refuse("a range that runs backwards");
        ranges.push(range);
      } else ranges.push(...low);
    }
    return character(negated ? complement(ranges) : ranges);
  };
  const atom = (depth: number): Expression => {
    for (const [opening, name] of Object.entries(UNSUPPORTED_GROUPS)) if (looking(opening)) refuse(name);
    if (take("(")) {
      if (depth > DEEPEST_GROUP) refuse(`more than ${DEEPEST_GROUP} nested groups`);
      if (take("?") && !take(":")) {
        const name = /^<[\p{L}_$][\p{L}\d_$]*>/u.exec(letters.slice(at, at + 100).join(""));
        if (!name) refuse(`the group (?${letters[at] ?? ""}`);
        at += Array.from(name?.[0] ?? "").length;
      }
      const inner = alternatives(depth + 1);
      if (!take(")")) refuse("a group without its )");
      return choice(...inner.map(({ expression }) => expression));
    }
    if (take("[")) return bracket();
    if (take("\\")) return character(escaped(false));
    if (take(".")) return character(ANY);
    const letter = letters[at] as string; // The caller saw that there is one.
    if (/[*+?{}\]^$]/.test(letter)) refuse(`an unexpected ${letter}`);
    at += 1;
    return text(letter);
  };
  const quantified = (depth: number): Expression => {
    const of = atom(depth);
    const counts = /^\{(\d+)(?:(,)(\d*))?\}/.exec(letters.slice(at, at + 40).join(""));
    let out = of;
    if (take("?")) out = repeat(of, 0, 1);
    else if (take("*")) out = repeat(of, 0);
    else if (take("+")) out = repeat(of, 1);
    else if (counts) {
      const [all, least, comma, most] = counts;
      const bounds = [
        Number(least),
        comma === undefined ? Number(least) : most === "" ? undefined : Number(most),
      ] as const;
      if (bounds[1] !== undefined && bounds[1] < bounds[0]) refuse("counts out of order");
      at += all.length;
      out = repeat(of, ...bounds);
    } else return of;
    take("?"); // A lazy quantifier describes the same texts.
    return out;
  };
  const alternatives = (depth: number): Alternative[] => {
    const out: Alternative[] = [];
    do {
      const begins = depth === 0 && take("^");
      const parts: Expression[] = [];
      let ends = false;
      while (at < letters.length && !looking("|") && !looking(")") && !ends) {
        ends = depth === 0 && take("$");
        if (!ends) parts.push(quantified(depth));
      }
      out.push({ expression: sequence(...parts), begins, ends });
    } while (take("|"));
    return out;
  };

  const out = alternatives(0);
  if (at < letters.length) refuse(`an unexpected ${letters[at]}`);
  return out;
};
