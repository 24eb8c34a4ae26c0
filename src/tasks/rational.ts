/** An exact number: whole numbers of any size, the lower one positive and without a common divisor. */
export interface Rational {
  readonly top: bigint;
  readonly bottom: bigint;
}

const gcd = (a: bigint, b: bigint): bigint => {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
};

/** Throws `RangeError` for a lower number of 0. */
export const rational = (top: bigint, bottom = 1n): Rational => {
  if (bottom === 0n) throw new RangeError("A fraction is divided by 0.");
  const divisor = gcd(top, bottom) * (bottom < 0n ? -1n : 1n);
  return { top: top / divisor, bottom: bottom / divisor };
};

export const zero = rational(0n);
export const one = rational(1n);
export const add = (a: Rational, b: Rational): Rational =>
  rational(a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom);
export const multiply = (a: Rational, b: Rational): Rational => rational(a.top * b.top, a.bottom * b.bottom);
export const divide = (a: Rational, b: Rational): Rational => rational(a.top * b.bottom, a.bottom * b.top);
export const negate = ({ top, bottom }: Rational): Rational => ({ top: -top, bottom });
export const equals = (a: Rational, b: Rational): boolean => a.top === b.top && a.bottom === b.bottom;
export const isWhole = ({ bottom }: Rational): boolean => bottom === 1n;
export const toNumber = ({ top, bottom }: Rational): number => Number(top) / Number(bottom);

/** Digits with at most one point, such as `12.50` or `.5`, times a power of ten. */
export const decimal = (digits: string, exponent = 0): Rational => {
  const [whole = "", fraction = ""] = digits.split(".");
  const power = exponent - fraction.length;
  const value = BigInt(`${whole}${fraction}` || "0");
  return power < 0 ? rational(value, 10n ** BigInt(-power)) : rational(value * 10n ** BigInt(power));
};
