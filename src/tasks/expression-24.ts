import { anything, text as aText, listOf, required } from "../options.ts";

/** A fraction in lowest terms; integers are enough for four small numbers. */
interface Fraction {
  readonly top: number;
  readonly bottom: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));
const fraction = (top: number, bottom: number): Fraction | undefined => {
  if (bottom === 0) return undefined;
  const divisor = gcd(top, bottom) * Math.sign(bottom);
  return { top: top / divisor, bottom: bottom / divisor };
};

/**
 * Whether an expression uses each of the given numbers exactly once, with + − × ÷ and parentheses alone, and is 24. It is
 * parsed and computed in fractions: nothing is evaluated.
 *
 * @example
 * ```ts
 * import { solvesTwentyFour } from "agentflow/tasks";
 *
 * console.log(solvesTwentyFour("(10 - 4) * (7 - 3)", [3, 4, 7, 10]));
 * ```
 */
export const solvesTwentyFour = (text: string, numbers: readonly number[]): boolean => {
  required(aText)(text, "solvesTwentyFour: the text");
  required(listOf(anything))(numbers, "solvesTwentyFour: the numbers");
  const expression = text
    .trimEnd()
    .replace(/=\s*24\s*\.?$/, "")
    .replaceAll("×", "*")
    .replaceAll("·", "*")
    .replaceAll("÷", "/")
    .replaceAll("−", "-");
  const tokens = expression.match(/\d+|[-+*/()]|\S/g) ?? [];
  if (tokens.length > 64 || tokens.some((token) => !/^(?:\d+|[-+*/()])$/.test(token))) return false;
  const used: number[] = [];
  let at = 0;

  const factor = (): Fraction | undefined => {
    const token = tokens[at];
    at += 1;
    if (token === "(") {
      const inner = sum();
      if (tokens[at] !== ")") return undefined;
      at += 1;
      return inner;
    }
    if (token === undefined || !/^\d+$/.test(token)) return undefined;
    used.push(Number(token));
    return { top: Number(token), bottom: 1 };
  };
  const product = (): Fraction | undefined => {
    let left = factor();
    while (left !== undefined && (tokens[at] === "*" || tokens[at] === "/")) {
      const times = tokens[at] === "*";
      at += 1;
      const right = factor();
      if (right === undefined) return undefined;
      left = times
        ? fraction(left.top * right.top, left.bottom * right.bottom)
        : fraction(left.top * right.bottom, left.bottom * right.top);
    }
    return left;
  };
  const sum = (): Fraction | undefined => {
    let left = product();
    while (left !== undefined && (tokens[at] === "+" || tokens[at] === "-")) {
      const sign = tokens[at] === "+" ? 1 : -1;
      at += 1;
      const right = product();
      if (right === undefined) return undefined;
      left = fraction(left.top * right.bottom + sign * right.top * left.bottom, left.bottom * right.bottom);
    }
    return left;
  };

  const value = sum();
  const sorted = (list: readonly number[]): string => [...list].sort((a, b) => a - b).join(" ");
  return (
    at === tokens.length &&
    value?.top === 24 &&
    value.bottom === 1 &&
    numbers.length > 0 &&
    sorted(used) === sorted(numbers)
  );
};
