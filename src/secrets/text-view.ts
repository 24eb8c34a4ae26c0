/** A text as it reads, code unit by code unit, each with the piece of the original that it stands for. */
export interface TextView {
  readonly codes: Uint16Array;
  /** Where in the original the piece of each code begins, and where it ends. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly length: number;
}

/** A text as it stands. */
export const viewOf = (text: string): TextView => {
  const { length } = text;
  const [codes, from, to] = [new Uint16Array(length), new Uint32Array(length), new Uint32Array(length)];
  for (let i = 0; i < length; i += 1) {
    codes[i] = text.charCodeAt(i);
    from[i] = i;
    to[i] = i + 1;
  }
  return { codes, from, to, length };
};

/** The beginning of a view. */
export const beginningOf = ({ codes, from, to }: TextView, length: number): TextView => ({ codes, from, to, length });

/** One escape: the character that it stands for, and how many codes it takes up. */
interface Escape {
  readonly point: number;
  readonly size: number;
}

const [PERCENT, AMPERSAND, BACKSLASH, SEMICOLON] = [0x25, 0x26, 0x5c, 0x3b];

/**
 * One layer of escapes undone: `%41` and sequences of UTF-8, `\u0041`, `\x41`, `\n`, `\"`, `&#65;`, `&#x41;`, `&amp;`.
 * Undefined where there is none.
 */
export const decoded = (view: TextView): TextView | undefined => {
  const { codes, from, to, length } = view;
  const first = firstEscape(view);
  if (first === undefined) return undefined;
  // Nothing grows: the shortest escape of a pair of surrogates is longer than the pair.
  const [read, begin, end] = [codes.slice(0, length), from.slice(0, length), to.slice(0, length)];
  let size = first;
  const put = (code: number, at: number, last: number): void => {
    read[size] = code;
    begin[size] = from[at] ?? 0;
    end[size] = to[last] ?? 0;
    size += 1;
  };
  for (let i = first; i < length; ) {
    const found = escapeAt(view, i);
    if (found === undefined) {
      put(codes[i] ?? 0, i, i);
      i += 1;
      continue;
    }
    const last = i + found.size - 1;
    if (found.point < 0x10000) put(found.point, i, last);
    else for (const half of String.fromCodePoint(found.point).split("")) put(half.charCodeAt(0), i, last);
    i += found.size;
  }
  return { codes: read, from: begin, to: end, length: size };
};

const firstEscape = (view: TextView): number | undefined => {
  for (let i = 0; i < view.length; i += 1) if (escapeAt(view, i) !== undefined) return i;
  return undefined;
};

const escapeAt = (view: TextView, at: number): Escape | undefined => {
  const code = view.codes[at];
  if (code === PERCENT) return percentAt(view, at);
  if (code === BACKSLASH) return backslashAt(view, at);
  return code === AMPERSAND ? entityAt(view, at) : undefined;
};

const hexDigit = (code: number): number => {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
};

/** A number of `digits` hexadecimal digits; -1 where they are not there. */
const hexAt = ({ codes, length }: TextView, at: number, digits: number): number => {
  if (at + digits > length) return -1;
  let value = 0;
  for (let i = at; i < at + digits; i += 1) {
    const digit = hexDigit(codes[i] ?? 0);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
};

const LARGEST_POINT = 0x10ffff;

const percentAt = (view: TextView, at: number): Escape | undefined => {
  const first = hexAt(view, at + 1, 2);
  if (first < 0) return undefined;
  const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  let point = more === 0 ? first : first & (0x3f >> more);
  for (let i = 1; i <= more; i += 1) {
    const next = view.codes[at + 3 * i] === PERCENT ? hexAt(view, at + 3 * i + 1, 2) : -1;
    if ((next & 0xc0) !== 0x80 || next < 0) return { point: first, size: 3 };
    point = (point << 6) | (next & 0x3f);
  }
  return point > LARGEST_POINT ? { point: first, size: 3 } : { point, size: 3 * (more + 1) };
};

const shortEscapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, f: 12, v: 11 };

const backslashAt = (view: TextView, at: number): Escape | undefined => {
  const { codes, length } = view;
  if (at + 1 >= length) return undefined;
  const next = String.fromCharCode(codes[at + 1] ?? 0);
  const digits = { u: 4, x: 2, U: 8 }[next];
  if (digits !== undefined) {
    const point = hexAt(view, at + 2, digits);
    if (point >= 0 && point <= LARGEST_POINT) return { point, size: 2 + digits };
    return next === "u" ? bracedAt(view, at) : undefined;
  }
  return { point: shortEscapes[next] ?? codes[at + 1] ?? 0, size: 2 };
};

/** `\u{41}` */
const bracedAt = ({ codes, length }: TextView, at: number): Escape | undefined => {
  if (codes[at + 2] !== 0x7b) return undefined;
  let point = 0;
  for (let i = at + 3; i < Math.min(length, at + 11); i += 1) {
    if (codes[i] === 0x7d) return i > at + 3 && point <= LARGEST_POINT ? { point, size: i + 1 - at } : undefined;
    const digit = hexDigit(codes[i] ?? 0);
    if (digit < 0) return undefined;
    point = point * 16 + digit;
  }
  return undefined;
};

/** The names that HTML has for the characters of ASCII. */
const entities: Readonly<Record<string, string>> = {
  amp: "&",
  AMP: "&",
  lt: "<",
  LT: "<",
  gt: ">",
  GT: ">",
  quot: '"',
  QUOT: '"',
  apos: "'",
  nbsp: " ",
  Tab: "\t",
  NewLine: "\n",
  excl: "!",
  num: "#",
  dollar: "$",
  percnt: "%",
  lpar: "(",
  rpar: ")",
  ast: "*",
  midast: "*",
  plus: "+",
  comma: ",",
  period: ".",
  sol: "/",
  colon: ":",
  semi: ";",
  equals: "=",
  quest: "?",
  commat: "@",
  lsqb: "[",
  lbrack: "[",
  bsol: "\\",
  rsqb: "]",
  rbrack: "]",
  Hat: "^",
  lowbar: "_",
  UnderBar: "_",
  grave: "`",
  lcub: "{",
  lbrace: "{",
  verbar: "|",
  vert: "|",
  VerticalLine: "|",
  rcub: "}",
  rbrace: "}",
  shy: "\u00ad",
  zwnj: "\u200c",
  zwj: "\u200d",
}; // prettier-ignore
const LONGEST_ENTITY = 14;

const entityAt = ({ codes, length }: TextView, at: number): Escape | undefined => {
  let end = at + 1;
  while (end < length && end < at + LONGEST_ENTITY && isWord(codes[end] ?? 0)) end += 1;
  const name = String.fromCharCode(...codes.subarray(at + 1, end));
  const size = end - at + (codes[end] === SEMICOLON ? 1 : 0);
  const number = /^#(?:x([0-9a-f]{1,8})|(\d{1,8}))$/i.exec(name);
  if (number !== null) {
    const point = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
    return point <= LARGEST_POINT ? { point, size } : undefined;
  }
  const known = Object.hasOwn(entities, name) ? entities[name] : undefined;
  return known === undefined ? undefined : { point: known.codePointAt(0) ?? 0, size };
};

const isWord = (code: number): boolean =>
  code === 0x23 || (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a);

/** Where an escape begins whose end is not there yet; the length of the view where there is none. */
export const openEscapeIn = ({ codes, length }: TextView): number => {
  const tail = String.fromCharCode(...codes.subarray(Math.max(0, length - 40), length));
  const open =
    /(?:(?:%[0-9a-f]{2}){0,3}%[0-9a-f]?|(?:%[c-f][0-9a-f])(?:%[89ab][0-9a-f]){0,2}|\\(?:u\{?[0-9a-f]{0,6}|x[0-9a-f]?)?|&#?\w{0,12}|[\ud800-\udbff])$/i.exec(
      tail,
    );
  return open === null ? length : length - open[0].length;
};

/** By code: the same in lower case; 0 for what does not show or only holds other characters apart. */
let foldings: Uint16Array | undefined;
const NOTHING = /[\s\p{Cc}\p{DI}\\+]/gu;
const DOTTED_I = 0x130;

const foldingsOf = (): Uint16Array => {
  if (foldings !== undefined) return foldings;
  const all = Array.from({ length: 0x10000 }, (_, code) =>
    // The one letter that is two in lower case.
    String.fromCharCode(code === DOTTED_I ? 0x69 : code),
  ).join("");
  const lower = all.toLowerCase();
  const table = Uint16Array.from({ length: 0x10000 }, (_, code) => lower.charCodeAt(code));
  for (const { index } of all.matchAll(NOTHING)) table[index] = 0;
  foldings = table;
  return table;
};

/**
 * A view without what a reader does not see and what codecs put between: white space, invisible characters, the backslash
 * of escapes, the `+` that forms write for a space. Letters are in lower case.
 */
export const folded = ({ codes, from, to, length }: TextView): TextView => {
  const table = foldingsOf();
  const [shown, begin, end] = [new Uint16Array(length), new Uint32Array(length), new Uint32Array(length)];
  let size = 0;
  for (let i = 0; i < length; i += 1) {
    const code = codes[i] ?? 0;
    // Tags and further variation selectors are pairs of surrogates.
    if (code >= 0xdb40 && code <= 0xdb43) {
      i += 1;
      continue;
    }
    const fold = table[code] ?? 0;
    if (fold === 0) continue;
    shown[size] = fold;
    begin[size] = from[i] ?? 0;
    end[size] = to[i] ?? 0;
    size += 1;
  }
  return { codes: shown, from: begin, to: end, length: size };
};
