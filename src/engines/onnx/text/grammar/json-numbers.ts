import {
  character,
  choice,
  type Expression,
  oneOf,
  optional,
  repeat,
  sequence,
  text,
} from "../../../../patterns/expression.ts";

/** Bounds of a number; infinite where there is none. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
  /** The bound itself is left out. */
  readonly aboveLeast: boolean;
  readonly belowMost: boolean;
}

/** Integers beyond this are not told apart from their neighbours. */
const LARGEST = Number.MAX_SAFE_INTEGER;
/** Numbers of this many digits are told apart, whatever their size. */
const EXACT_DIGITS = 15;
/** Bounds of numbers with decimals stay below this, so that at least one decimal is exact. */
export const LARGEST_BOUND = 10 ** (EXACT_DIGITS - 1);

const digit = oneOf("0-9");

/** Digit strings of the same length, from one to the other. */
const digitsBetween = (low: string, high: string): Expression => {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit, low.length, low.length);
  const first = low.charCodeAt(0);
  const last = high.charCodeAt(0);
  const nines = "9".repeat(low.length - 1);
  const zeros = "0".repeat(low.length - 1);
  if (first === last) return sequence(low.slice(0, 1), digitsBetween(low.slice(1), high.slice(1)));
  const options = [
    sequence(low.slice(0, 1), digitsBetween(low.slice(1), nines)),
    sequence(high.slice(0, 1), digitsBetween(zeros, high.slice(1))),
  ];
  if (first + 1 < last) options.push(sequence(character([[first + 1, last - 1]]), repeat(digit, nines.length, nines.length))); // biome-ignore format: one line
  return choice(...options);
};

/** Whole numbers of at least 0, without leading zeros. */
const wholeBetween = (low: number, high: number): Expression => {
  const options: Expression[] = [];
  for (let length = 1; length <= String(high).length; length += 1) {
    const from = Math.max(low, length === 1 ? 0 : 10 ** (length - 1));
    const to = Math.min(high, 10 ** length - 1);
    if (from <= to) options.push(digitsBetween(String(from), String(to)));
  }
  return choice(...options);
};

/** Integers within bounds, and where doubles hold every integer. */
export const integer = ({ least, most, aboveLeast, belowMost }: Bounds): Expression => {
  const low = Math.max(-LARGEST, aboveLeast ? Math.floor(least) + 1 : Math.ceil(least));
  const high = Math.min(LARGEST, belowMost ? Math.ceil(most) - 1 : Math.floor(most));
  const options: Expression[] = [];
  if (high >= 0) options.push(wholeBetween(Math.max(low, 0), high));
  if (low < 0) options.push(sequence("-", wholeBetween(Math.max(1, -high), -low)));
  return choice(...options);
};

const anyNumber = sequence(
  optional(text("-")),
  choice(text("0"), sequence(oneOf("1-9"), repeat(digit, 0, 20))),
  optional(sequence(".", repeat(digit, 1, 25))),
  // Small enough to stay finite with all the digits before.
  optional(
    sequence(
      oneOf("eE"),
      choice(
        sequence(
          optional(text("+")),
          choice(repeat(digit, 1, 2), sequence("1", digit, digit), sequence("2", oneOf("0-7"), digit)),
        ),
        sequence("-", repeat(digit, 1, 3)),
      ),
    ),
  ),
);

/** Numbers of at least 0 between whole bounds, with few enough decimals that none is rounded to a bound. */
const magnitude = ({ least, most, aboveLeast, belowMost }: Bounds): Expression => {
  const finite = Number.isFinite(most);
  const digits = Math.max(1, EXACT_DIGITS - String(finite ? most : least).length);
  const zero = optional(sequence(".", repeat(text("0"), 1, digits)));
  const some = optional(sequence(".", repeat(digit, 1, digits)));
  const notZero = sequence(
    ".",
    choice(
      ...Array.from({ length: digits }, (_, zeros) =>
        sequence("0".repeat(zeros), oneOf("1-9"), repeat(digit, 0, digits - 1 - zeros)),
      ),
    ),
  );
  if (least > most) return choice();
  if (least === most) return aboveLeast || belowMost ? choice() : sequence(String(least), zero);
  const options = [sequence(String(least), aboveLeast ? notZero : some)];
  const last = finite ? most - 1 : LARGEST;
  if (least + 1 <= last) options.push(sequence(wholeBetween(least + 1, last), some));
  if (finite && !belowMost) options.push(sequence(String(most), zero));
  return choice(...options);
};

/**
 * Numbers within whole bounds. Without bounds: up to 21 digits, 25 decimals and an exponent (10^-999 … 10^279); with
 * bounds no exponent, and as many decimals as are exact beside the bound.
 */
export const number = ({ least, most, aboveLeast, belowMost }: Bounds): Expression => {
  if (least === Number.NEGATIVE_INFINITY && most === Number.POSITIVE_INFINITY) return anyNumber;
  const positive = { least: Math.max(least, 0), most, aboveLeast: least >= 0 && aboveLeast, belowMost };
  const negative = {
    least: Math.max(-most, 0),
    most: -least,
    aboveLeast: most <= 0 && belowMost,
    belowMost: aboveLeast,
  };
  return choice(
    ...(most >= 0 ? [magnitude(positive)] : []),
    ...(least < 0 ? [sequence("-", magnitude(negative))] : []),
  );
};
