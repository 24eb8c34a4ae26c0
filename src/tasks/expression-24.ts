import { anything, text as aText, listOf, required } from "../options.ts";
import { bareAnswer } from "../reply.ts";
import { add, divide, multiply, negate, type Rational, rational } from "./rational.ts";

const MOST_TOKENS = 64;

/** The four operations as people and LaTeX write them, in one way of writing. */
const inSigns = (text: string): string =>
  text
    .replace(/\\(?:left|right|,|;|!|quad)/g, " ")
    .replace(/\\[dt]?frac\s?\{([^{}]*)\}\s?\{([^{}]*)\}/g, "(($1)/($2))")
    .replace(/\\(?:times|cdot|ast)|[×·⋅•∙xX]/g, "*")
    .replace(/\\div|[÷:∕]/g, "/")
    .replace(/[−–]/g, "-")
    .replace(/[[{]/g, "(")
    .replace(/[\]}]/g, ")");

/** Without the equation that says what it is: `… = 24`, `24 = …`. */
const oneSide = (text: string): string =>
  text
    .trim()
    .replace(/^24\s?=(?!=)/, "")
    .replace(/(?<!=)=\s?24\s?\.?$/, "");

/**
 * Whether an expression uses each of the given numbers exactly once, with + − × ÷ and parentheses alone, and is 24. It is
 * parsed and computed in fractions: nothing is evaluated.
 *
 * @example
 * ```ts
 * import { solvesTwentyFour } from "agentflow/tasks";
 *
 * console.log(solvesTwentyFour("24 = (10 - 4) \\times (7 - 3)", [3, 4, 7, 10]));
 * ```
 */
export const solvesTwentyFour = (text: string, numbers: readonly number[]): boolean => {
  required(aText)(text, "solvesTwentyFour: the text");
  required(listOf(anything))(numbers, "solvesTwentyFour: the numbers");
  const tokens = inSigns(oneSide(bareAnswer(text))).match(/\d+|\S/g) ?? [];
  if (tokens.length > MOST_TOKENS || tokens.some((token) => !/^(?:\d{1,9}|[-+*/()])$/.test(token))) return false;
  const used: number[] = [];
  let at = 0;
  const take = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at += 1;
    return true;
  };

  const factor = (): Rational | undefined => {
    if (take("(")) {
      const inner = sum();
      return take(")") ? inner : undefined;
    }
    const token = tokens[at];
    if (token === undefined || !/^\d/.test(token)) return undefined;
    at += 1;
    used.push(Number(token));
    return rational(BigInt(token));
  };
  const product = (): Rational | undefined => {
    let left = factor();
    while (left !== undefined) {
      const divided = take("/");
      // (8 - 2)(6 - 2) is a product too.
      if (!divided && !take("*") && tokens[at] !== "(") return left;
      const right = factor();
      if (right === undefined || (divided && right.top === 0n)) return undefined;
      left = divided ? divide(left, right) : multiply(left, right);
    }
    return left;
  };
  const sum = (): Rational | undefined => {
    let left = product();
    while (left !== undefined && (tokens[at] === "+" || tokens[at] === "-")) {
      const isMinus = take("-");
      if (!isMinus) take("+");
      const right = product();
      if (right === undefined) return undefined;
      left = add(left, isMinus ? negate(right) : right);
    }
    return left;
  };

  const value = sum();
  const sorted = (list: readonly number[]): string => [...list].sort((a, b) => a - b).join(" ");
  return (
    at === tokens.length &&
    value?.top === 24n &&
    value.bottom === 1n &&
    numbers.length > 0 &&
    sorted(used) === sorted(numbers)
  );
};
