import {
  atom,
  BeyondAlgebra,
  dividedBy,
  type Expression,
  fromDecimal,
  isSame,
  minus,
  nameOf,
  number,
  plus,
  power,
  times,
} from "./algebra.ts";
import { one, rational } from "./rational.ts";

/** Longer texts are not formulas. */
const LONGEST = 1000;
const MOST_TOKENS = 160;
const DEEPEST = 24;

const functions = new Set("arcsin arccos arctan sinh cosh tanh sin cos tan cot sec csc log ln exp".split(" "));
const TOKEN =
  /\\[a-zA-Z]{1,20}|\\.|\d{1,400}(?:\.\d{1,400})?|\.\d{1,400}|\*\*|<=|>=|!=|(?:sqrt|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|infty|infinity)(?![a-z])|[a-zA-Z]|\S/gu;
/** One name for each sign; what is only dress has none. */
const names: Readonly<Record<string, string>> = {
  ...{
    "\\left": "",
    "\\right": "",
    "\\,": "",
    "\\;": "",
    "\\:": "",
    "\\!": "",
    "\\ ": "",
    "\\displaystyle": "",
    $: "",
  },
  ...{
    "\\dfrac": "\\frac",
    "\\tfrac": "\\frac",
    "\\cfrac": "\\frac",
    "\\{": "{set",
    "\\}": "set}",
    "\\lbrace": "{set",
    "\\rbrace": "set}",
  },
  ...{
    "\\cdot": "*",
    "\\times": "*",
    "·": "*",
    "⋅": "*",
    "×": "*",
    "\\div": "/",
    "÷": "/",
    "**": "^",
    "−": "-",
    "–": "-",
  },
  ...{ "\\pi": "π", pi: "π", "\\infty": "∞", infty: "∞", infinity: "∞", sqrt: "√" },
  ...{
    "\\le": "≤",
    "\\leq": "≤",
    "<=": "≤",
    "\\ge": "≥",
    "\\geq": "≥",
    ">=": "≥",
    "\\ne": "≠",
    "\\neq": "≠",
    "!=": "≠",
  },
  ...{ "\\lt": "<", "\\gt": ">", "\\in": "∈", "\\cup": "∪", "\\cap": "∩", "\\circ": "°" },
};
const powers = (text: string): string =>
  text.replace(/[⁻⁰¹²³⁴-⁹]{1,20}/g, (digits) => `^{${digits.normalize("NFKC").replace("−", "-")}}`);

/** The signs of a formula in one way of writing; undefined for a text that is too long to be one. */
const tokensOf = (text: string): readonly string[] | undefined => {
  if (text.length > LONGEST) return undefined;
  const found = (powers(text).match(TOKEN) ?? [])
    .map((token) => {
      const called = functions.has(token.slice(1)) ? token.slice(1) : token;
      return Object.hasOwn(names, called) ? (names[called] ?? "") : called;
    })
    .filter((token) => token !== "");
  // Braces around one sign say nothing: ^{2} is ^2, and _{8} is _8.
  const isOpening = (at: number): boolean =>
    found[at] === "{" && found[at + 2] === "}" && /^[\^_]$/.test(found[at - 1] ?? "");
  const tokens = found.filter((_, i) => !isOpening(i) && !isOpening(i - 2));
  return tokens.length > MOST_TOKENS ? undefined : tokens;
};

/** Whether two formulas say the same: written alike, or equal by algebra, sign by sign, side by side, element by element. */
export const sameMathematics = (key: string, given: string): boolean => {
  const [expected, found] = [tokensOf(key), tokensOf(given)];
  if (expected === undefined || found === undefined || expected.length === 0) return false;
  if (expected.join(" ") === found.join(" ")) return true;
  try {
    return sameStatement(expected, found, 0);
  } catch (error) {
    // What algebra cannot read or tell is only equal if it is written alike.
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const OPEN = ["(", "[", "{", "{set"];
const CLOSE = [")", "]", "}", "set}"];

interface Parts {
  readonly parts: readonly (readonly string[])[];
  readonly between: readonly string[];
}

/** The parts between separators that stand in no bracket, and the separators. */
const split = (tokens: readonly string[], separators: readonly string[]): Parts => {
  const parts: string[][] = [[]];
  const between: string[] = [];
  let depth = 0;
  for (const token of tokens) {
    if (OPEN.includes(token)) depth += 1;
    if (CLOSE.includes(token)) depth -= 1;
    if (depth === 0 && separators.includes(token)) {
      between.push(token);
      parts.push([]);
    } else parts.at(-1)?.push(token);
  }
  return { parts, between };
};

const RELATIONS = ["=", "<", ">", "≤", "≥", "≠", "∈"];
const mirrored: Readonly<Record<string, string>> = { "=": "=", "≠": "≠", "<": ">", ">": "<", "≤": "≥", "≥": "≤" };

const sameStatement = (key: readonly string[], given: readonly string[], depth: number): boolean => {
  if (depth > DEEPEST) throw new BeyondAlgebra("brackets are too deep");
  const [a, b] = [split(key, RELATIONS), split(given, RELATIONS)];
  if (a.between.length === 0 && b.between.length === 0) return sameCollection(key, given, depth);
  if (a.between.length === 0 || b.between.length === 0)
    return sameCollection(saidOf(a) ?? key, saidOf(b) ?? given, depth);
  const sides = (left: readonly (readonly string[])[], right: readonly (readonly string[])[]): boolean =>
    left.length === right.length && left.every((side, i) => sameCollection(side, right[i] ?? [], depth + 1));
  if (a.between.join() === b.between.join() && sides(a.parts, b.parts)) return true;
  const turned = b.between.map((relation) => mirrored[relation] ?? "").reverse();
  return a.between.join() === turned.join() && sides(a.parts, [...b.parts].reverse());
};

/** What a statement such as `x = 5` or `x ∈ [0, 1)` says of its variable; undefined for others. */
const saidOf = ({ parts, between }: Parts): readonly string[] | undefined => {
  const [name = [], value = []] = parts;
  const isNamed =
    between.length === 1 && /^[=∈]$/.test(between[0] ?? "") && name.length === 1 && /^[a-zA-Z]$/.test(name[0] ?? "");
  return isNamed && !value.includes(name[0] ?? "") ? value : undefined;
};

/** Unions, lists, tuples, intervals and sets element by element; what is none of these as one expression. */
const sameCollection = (key: readonly string[], given: readonly string[], depth: number): boolean => {
  for (const separators of [
    ["∪", "∩"],
    [",", ";"],
  ]) {
    const [a, b] = [split(key, separators), split(given, separators)];
    if (a.parts.length === 1 && b.parts.length === 1) continue;
    const isUnion = separators.includes("∪");
    if (a.parts.length !== b.parts.length || (isUnion && a.between.join() !== b.between.join())) return false;
    return a.parts.every((part, i) => sameStatement(part, b.parts[i] ?? [], depth + 1));
  }
  const [a, b] = [bracketed(key), bracketed(given)];
  if (a === undefined && b === undefined) return isSame(expressionOf(key), expressionOf(given));
  if (a === undefined || b === undefined || a.items.length !== b.items.length) return false;
  if (a.kind !== b.kind) return false;
  if (a.kind !== "set") return a.items.every((item, i) => sameStatement(item, b.items[i] ?? [], depth + 1));
  const left = [...b.items];
  return a.items.every((item) => {
    const at = left.findIndex((other) => sameStatement(item, other, depth + 1));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
};

/** Several things in brackets, and which; undefined for brackets that only hold an expression together. */
const bracketed = (
  tokens: readonly string[],
): { readonly kind: string; readonly items: readonly (readonly string[])[] } | undefined => {
  const [first = "", last = ""] = [tokens[0], tokens.at(-1)];
  if (!OPEN.includes(first) || !CLOSE.includes(last)) return undefined;
  const { parts } = split(tokens.slice(1, -1), [","]);
  const isSet = first.startsWith("{") && last.endsWith("}");
  if (parts.length === 1 && first !== "{set") return undefined;
  return { kind: isSet ? "set" : `${first}${last}`, items: parts };
};

const GREEK =
  /^\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|rho|sigma|tau|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Phi|Psi|Omega|Sigma)$/;

/** Reads a formula by descent. Throws `BeyondAlgebra` at what is no sum of products. */
const expressionOf = (tokens: readonly string[]): Expression => {
  const left = [...tokens];
  let depth = 0;
  const stop = (): never => {
    throw new BeyondAlgebra(`no formula at ${left[0] ?? "the end"}`);
  };
  const take = (token: string): boolean => left[0] === token && left.shift() !== undefined;
  const expect = (token: string): void => {
    if (!take(token)) stop();
  };
  const begins = (token: string | undefined): boolean =>
    token !== undefined &&
    (/^(?:[\d.]+|[a-zA-Z]|π|∞|°|√|\\sqrt|\\frac|\(|\[|\{)$/.test(token) || GREEK.test(token) || functions.has(token));

  const sum = (): Expression => {
    depth += 1;
    if (depth > DEEPEST) stop();
    let value = term();
    while (left[0] === "+" || left[0] === "-") value = plus(value, term());
    depth -= 1;
    return value;
  };
  const term = (): Expression => {
    if (take("-")) return minus(product());
    take("+");
    return product();
  };
  const product = (): Expression => {
    let value = signed();
    for (;;) {
      if (take("*")) value = times(value, signed());
      else if (take("/")) value = dividedBy(value, signed());
      else if (begins(left[0])) value = times(value, raised());
      else return value;
    }
  };
  const signed = (): Expression => (take("-") ? minus(signed()) : raised());
  const raised = (): Expression => {
    const base = primary();
    if (left[0] === "^" && left[1] === "°") {
      left.shift();
      return base;
    }
    return take("^") ? power(base, exponent()) : base;
  };
  const exponent = (): Expression => (take("-") ? minus(exponent()) : primary());
  /** An argument of LaTeX: a group, or one sign, of a number its first digit. */
  const argument = (): Expression => {
    const [token = "", ...rest] = left;
    if (/^\d{2,}$/.test(token)) {
      left.splice(0, left.length, token.slice(1), ...rest);
      return fromDecimal(token.slice(0, 1));
    }
    return primary();
  };
  const within = (close: string): Expression => {
    const value = sum();
    expect(close);
    return value;
  };
  const applied = (name: string): Expression => {
    const base = take("_") ? `_${nameOf(primary())}` : "";
    const height = take("^") ? exponent() : undefined;
    let value = take("(") ? within(")") : raised();
    if (tokens[tokens.length - left.length - 1] !== ")")
      while (begins(left[0]) && !functions.has(left[0] ?? "")) value = times(value, raised());
    if (name === "exp") return power(atom("e"), value);
    const whole = atom(`${name}${base}(${nameOf(value)})`);
    return height === undefined ? whole : power(whole, height);
  };
  const primary = (): Expression => {
    const token = left.shift() ?? stop();
    if (/^[\d.]+$/.test(token)) return left[0] === "_" ? stop() : fromDecimal(token);
    if (token === "(") return within(")");
    if (token === "[") return within("]");
    if (token === "{") return within("}");
    if (token === "\\frac") return dividedBy(argument(), argument());
    if (token === "√") return power(primary(), number(rational(1n, 2n)));
    if (token === "\\sqrt") {
      const index = take("[") ? within("]") : number(rational(2n));
      return power(argument(), dividedBy(number(one), index));
    }
    if (functions.has(token)) return applied(token);
    if (!/^(?:[a-zA-Z]|π|∞|°)$/.test(token) && !GREEK.test(token)) return stop();
    return take("_") ? atom(`${token}_${nameOf(primary())}`) : atom(token);
  };
  const value = sum();
  return left.length > 0 ? stop() : value;
};
