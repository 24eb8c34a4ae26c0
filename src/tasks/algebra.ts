/**
 * Expressions as quotients of sums of products, over exact numbers: a normal form, so that two expressions are equal only
 * if they are the same number or function. What it cannot tell (√(x²), sums of sines) counts as different.
 */
import {
  add,
  decimal,
  divide,
  equals,
  isWhole,
  multiply,
  negate,
  one,
  type Rational,
  rational,
  toNumber,
  zero,
} from "./rational.ts";

/** A product: a number times atoms (a variable, π, a prime under a root, sin(…)) to rational powers. */
interface Term {
  readonly factor: Rational;
  readonly powers: ReadonlyMap<string, Rational>;
}

/** A sum of products by what tells them apart. */
type Sum = ReadonlyMap<string, Term>;

export interface Expression {
  readonly over: Sum;
  readonly under: Sum;
}

/** Beyond a limit no answer is given: time and memory stay small whatever is asked. */
const MOST_TERMS = 48;
const LARGEST = 1n << 1024n;
const MOST_POWER = 64;
const MOST_ROOT = 12;
const LARGEST_PRIME = 10_000n;

export class BeyondAlgebra extends RangeError {}

const keyOf = (powers: ReadonlyMap<string, Rational>): string =>
  [...powers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([atom, { top, bottom }]) => `${atom}^${top}/${bottom}`)
    .join("*");

const sumOf = (terms: readonly Term[]): Sum => {
  const sum = new Map<string, Term>();
  for (const term of terms) {
    const key = keyOf(term.powers);
    const factor = add(sum.get(key)?.factor ?? zero, term.factor);
    if (factor.top > LARGEST || factor.top < -LARGEST || factor.bottom > LARGEST)
      throw new BeyondAlgebra("a number is too large");
    if (factor.top === 0n) sum.delete(key);
    else sum.set(key, { factor, powers: term.powers });
  }
  if (sum.size > MOST_TERMS) throw new BeyondAlgebra("a sum has too many terms");
  return sum;
};

const IMAGINARY = "i";
const isPrime = (atom: string): boolean => /^\d+$/.test(atom);

/** A product in which each prime stands under a root only, and i at most once. */
const tidied = (factor: Rational, powers: ReadonlyMap<string, Rational>): Term => {
  let size = factor;
  const left = new Map<string, Rational>();
  for (const [atom, power] of powers) {
    if (power.top === 0n) continue;
    if (atom === IMAGINARY) {
      if (!isWhole(power)) throw new BeyondAlgebra("a root of i");
      const turns = ((power.top % 4n) + 4n) % 4n;
      if (turns >= 2n) size = negate(size);
      if (turns % 2n === 1n) left.set(atom, one);
    } else if (isPrime(atom)) {
      const whole = (power.top - (((power.top % power.bottom) + power.bottom) % power.bottom)) / power.bottom;
      size = multiply(size, wholePower(rational(BigInt(atom)), whole));
      const rest = add(power, rational(-whole));
      if (rest.top !== 0n) left.set(atom, rest);
    } else left.set(atom, power);
  }
  return { factor: size, powers: left };
};

const wholePower = ({ top, bottom }: Rational, power: bigint): Rational => {
  if (power > 1024n || power < -1024n) throw new BeyondAlgebra("a power is too large");
  const [over, under] = power < 0n ? [bottom, top] : [top, bottom];
  const times = power < 0n ? -power : power;
  if (under === 0n) throw new BeyondAlgebra("a division by 0");
  if (BigInt(over.toString(2).length + under.toString(2).length) * times > 4096n)
    throw new BeyondAlgebra("a number is too large");
  return rational(over ** times, under ** times);
};

const timesTerm = (a: Term, b: Term): Term => {
  const powers = new Map(a.powers);
  for (const [atom, power] of b.powers) powers.set(atom, add(powers.get(atom) ?? zero, power));
  return tidied(multiply(a.factor, b.factor), powers);
};

const timesSum = (a: Sum, b: Sum): Sum => {
  if (a.size * b.size > MOST_TERMS * 8) throw new BeyondAlgebra("a product has too many terms");
  return sumOf([...a.values()].flatMap((left) => [...b.values()].map((right) => timesTerm(left, right))));
};

const numberSum = (value: Rational): Sum => sumOf([{ factor: value, powers: new Map() }]);
const unity = numberSum(one);
const inverse = ({ factor, powers }: Term): Term =>
  tidied(divide(one, factor), new Map([...powers].map(([atom, power]) => [atom, negate(power)])));

/** A divisor of one product is multiplied into the sum above it. */
const quotient = (over: Sum, under: Sum): Expression => {
  const [only, ...more] = under.values();
  if (only === undefined) throw new BeyondAlgebra("a division by 0");
  return more.length > 0
    ? { over, under }
    : { over: sumOf([...over.values()].map((term) => timesTerm(term, inverse(only)))), under: unity };
};

export const number = (value: Rational): Expression => ({ over: numberSum(value), under: unity });
export const atom = (name: string, power = one): Expression => ({
  over: sumOf([{ factor: one, powers: new Map([[name, power]]) }]),
  under: unity,
});

export const times = (a: Expression, b: Expression): Expression =>
  quotient(timesSum(a.over, b.over), timesSum(a.under, b.under));
export const dividedBy = (a: Expression, b: Expression): Expression =>
  quotient(timesSum(a.over, b.under), timesSum(a.under, b.over));
export const plus = (a: Expression, b: Expression): Expression =>
  quotient(
    sumOf([...timesSum(a.over, b.under).values(), ...timesSum(b.over, a.under).values()]),
    timesSum(a.under, b.under),
  );
export const minus = (a: Expression): Expression => times(number(rational(-1n)), a);
export const isSame = (a: Expression, b: Expression): boolean => plus(a, minus(b)).over.size === 0;

/** A name that equal expressions share, as far as they are written as one sum. */
export const nameOf = ({ over, under }: Expression): string => {
  const told = (sum: Sum): string =>
    [...sum]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { factor }]) => `${factor.top}/${factor.bottom}*${key}`)
      .join("+");
  return under === unity || nameOfSum(under) === nameOfSum(unity) ? told(over) : `(${told(over)})/(${told(under)})`;
};
const nameOfSum = (sum: Sum): string => [...sum.keys()].join("+");

/** The number that an expression is; undefined for one with atoms. */
const constantOf = ({ over, under }: Expression): Rational | undefined => {
  if (under.size !== 1 || over.size > 1 || !under.has("")) return undefined;
  const [only] = over.values();
  if (only === undefined) return zero;
  return only.powers.size === 0 ? only.factor : undefined;
};

export const power = (base: Expression, exponent: Expression): Expression => {
  const constant = constantOf(exponent);
  if (constant === undefined) return symbolicPower(base, exponent);
  if (!isWhole(constant)) return rootOf(base, constant);
  const size = Math.abs(toNumber(constant));
  if (size > MOST_POWER && constantOf(base) === undefined) throw new BeyondAlgebra("a power is too large");
  const value = constantOf(base);
  if (value !== undefined) return number(wholePower(value, constant.top));
  let raised = number(one);
  for (let i = 0; i < size; i += 1) raised = times(raised, base);
  return constant.top < 0n ? dividedBy(number(one), raised) : raised;
};

/** e^(2x + 1) is (e^x)² · e: so 2^n · 2 is 2^(n + 1). */
const symbolicPower = (base: Expression, exponent: Expression): Expression => {
  const positive = constantOf(base);
  const isOne = exponent.under.size === 1 && exponent.under.has("");
  if (!isOne || (nameOf(base) !== nameOf(atom("e")) && (positive === undefined || positive.top <= 0n)))
    return atom(`(${nameOf(base)})^(${nameOf(exponent)})`);
  let raised = number(one);
  for (const [key, { factor, powers }] of exponent.over) {
    if (powers.size === 0) raised = times(raised, power(base, number(factor)));
    else raised = times(raised, atom(`(${nameOf(base)})^(${key})`, factor));
  }
  return raised;
};

/** A power that is no whole number: of a positive number prime by prime, of anything else as an atom of its own. */
const rootOf = (base: Expression, exponent: Rational): Expression => {
  if (exponent.bottom > BigInt(MOST_ROOT)) throw new BeyondAlgebra("a root is too high");
  const [only, ...more] = base.over.values();
  if (only === undefined && exponent.top > 0n) return number(zero);
  const simple = more.length === 0 && base.under.size === 1 && base.under.has("");
  if (only !== undefined && simple) {
    const [[name, height] = [undefined, undefined], ...others] = only.powers;
    const isPlain =
      name === undefined || (others.length === 0 && height !== undefined && equals(height, one) && !isPrime(name));
    if (isPlain) {
      const inner = name === undefined ? number(one) : atom(name, exponent);
      if (only.factor.top > 0n && name !== IMAGINARY) return times(rootOfNumber(only.factor, exponent), inner);
      if (name === undefined) {
        const root = rootOfNumber(negate(only.factor), exponent);
        if (exponent.bottom === 2n) return times(root, power(atom(IMAGINARY), number(rational(exponent.top))));
        if (exponent.bottom % 2n === 1n) return exponent.top % 2n === 0n ? root : minus(root);
      }
    }
  }
  return atom(`(${nameOf(base)})`, exponent);
};

const rootOfNumber = (value: Rational, exponent: Rational): Expression => {
  const powers = new Map<string, Rational>();
  for (const [part, sign] of [
    [value.top, exponent],
    [value.bottom, negate(exponent)],
  ] as const) {
    let left = part;
    for (let prime = 2n; prime * prime <= left; prime += 1n) {
      if (prime > LARGEST_PRIME) throw new BeyondAlgebra("a number under a root is too large");
      for (; left % prime === 0n; left /= prime) powers.set(`${prime}`, add(powers.get(`${prime}`) ?? zero, sign));
    }
    if (left > 1n) powers.set(`${left}`, add(powers.get(`${left}`) ?? zero, sign));
  }
  return { over: sumOf([tidied(one, powers)]), under: unity };
};

export const fromDecimal = (digits: string): Expression => number(decimal(digits));
