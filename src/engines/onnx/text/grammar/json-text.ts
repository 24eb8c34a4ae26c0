import {
  call,
  character,
  choice,
  complement,
  type Expression,
  mapCharacters,
  oneOf,
  optional,
  type Ranges,
  type Rule,
  repeat,
  sequence,
  text,
} from "../../../../patterns/expression.ts";
import { number } from "./json-numbers.ts";

/** Code points that a JSON string never holds as they are: controls, `"` and `\`. */
const ESCAPED: Ranges = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];

const hex = oneOf("0-9a-fA-F");
const plain = character(complement(ESCAPED));

/** One character of any string: as it is or escaped in any way, but no half of a surrogate pair. */
const stringCharacter = choice(
  plain,
  sequence("\\", oneOf('"\\/bfnrt')),
  sequence("\\u", choice(sequence(oneOf("0-9a-cA-CefEF"), hex), sequence(oneOf("dD"), oneOf("0-7"))), hex, hex),
  sequence("\\u", oneOf("dD"), oneOf("89abAB"), hex, hex, "\\u", oneOf("dD"), oneOf("c-fC-F"), hex, hex),
);

/** Strings of a number of characters (code points). */
export const string = (least = 0, most = Number.POSITIVE_INFINITY): Expression =>
  sequence('"', repeat(stringCharacter, least, most), '"');

/** Strings whose value is of a language; written as `JSON.stringify` writes them. */
export const stringOf = (value: Expression): Expression => {
  const write = (ranges: Ranges): Expression => {
    const special = ESCAPED.flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => low + i)).filter(
      (point) => ranges.some(([low, high]) => point >= low && point <= high),
    );
    const outside = complement(ranges);
    return choice(
      character(complement([...outside, ...ESCAPED])),
      ...special.map((point) => text(JSON.stringify(String.fromCodePoint(point)).slice(1, -1))),
    );
  };
  return sequence('"', mapCharacters(value, write), '"');
};

/** Exactly this value, as `JSON.stringify` writes it. */
export const literal = (value: unknown): Expression => text(JSON.stringify(value));

const comma = sequence(",", optional(text(" ")));
const colon = sequence(":", optional(text(" ")));

/** Between brackets, this many of an element, after given ones. */
export const list = (
  [open, close]: readonly [string, string],
  element: Expression,
  {
    first = [],
    least = 0,
    most = Number.POSITIVE_INFINITY,
  }: { first?: readonly Expression[]; least?: number; most?: number } = {},
): Expression => {
  const given = first.flatMap((each, i) => (i === 0 ? [each] : [comma, each]));
  const more = (from: number, to: number): Expression => repeat(sequence(comma, element), from, to);
  if (most <= 0) return sequence(open, ...given, close);
  if (given.length > 0) return sequence(open, ...given, more(least, most), close);
  const some = sequence(element, more(Math.max(least - 1, 0), most - 1));
  return sequence(open, least > 0 ? some : optional(some), close);
};

export const member = (name: Expression, value: Expression): Expression => sequence(name, colon, value);

/** An object with these members in this order, some of which may be left out. */
export const object = (members: readonly { readonly member: Expression; readonly required: boolean }[]): Expression => {
  /** What can follow once a member was written: of the members from `i` on. */
  const tails: Expression[] = [];
  tails[members.length] = text("}");
  for (let i = members.length - 1; i >= 0; i -= 1) {
    const { member, required } = members[i] as (typeof members)[number]; // i is inside.
    const next = sequence(comma, member);
    tails[i] = sequence(required ? next : optional(next), tails[i + 1] as Expression);
  }
  const beginnings: Expression[] = [];
  for (const [i, { member, required }] of members.entries()) {
    beginnings.push(sequence(member, tails[i + 1] as Expression));
    if (required) return sequence("{", choice(...beginnings));
  }
  return sequence("{", choice(text("}"), ...beginnings));
};

/** Any JSON value. */
export const anyValue: Rule = () =>
  choice(
    string(),
    number({ least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY, aboveLeast: false, belowMost: false }),
    text("true"),
    text("false"),
    text("null"),
    list(["[", "]"], call(anyValue)),
    list(["{", "}"], member(string(), call(anyValue))),
  );
