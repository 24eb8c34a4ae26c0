/** Code points from the first to the last of each pair; ascending and apart. */
export type Ranges = readonly (readonly [number, number])[];

/** A language named by a function, so that it can contain itself. Called once; its identity is its name. */
export type Rule = () => Expression;

/** A language of texts: what patterns and schemas are translated to, and automata are made from. */
export type Expression =
  | { readonly kind: "character"; readonly ranges: Ranges }
  | { readonly kind: "sequence"; readonly parts: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  | { readonly kind: "repeat"; readonly of: Expression; readonly least: number; readonly most: number }
  | { readonly kind: "call"; readonly rule: Rule };

const LAST = 0x10ffff;

/** Ranges in any order, made ascending and apart. */
export const union = (ranges: Ranges): Ranges => {
  const out: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else out.push([low, high]);
  }
  return out;
};

/** All other code points. */
export const complement = (ranges: Ranges): Ranges => {
  const out: [number, number][] = [];
  let next = 0;
  for (const [low, high] of union(ranges)) {
    if (low > next) out.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= LAST) out.push([next, LAST]);
  return out;
};

export const character = (ranges: Ranges): Expression => ({ kind: "character", ranges: union(ranges) });

/** One of the characters of a string, in which `a-z` is a range. */
export const oneOf = (set: string): Expression =>
  character(
    [...set.matchAll(/(.)-(.)|(.)/gsu)].map(([, low, high, single]) => {
      const point = (text = "") => text.codePointAt(0) as number; // The pattern matched one character.
      return [point(low ?? single), point(high ?? single)];
    }),
  );

/** Exactly this text. */
export const text = (content: string): Expression => ({
  kind: "sequence",
  parts: Array.from(content, (letter) => {
    const point = letter.codePointAt(0) as number; // A letter of a string has one.
    return { kind: "character", ranges: [[point, point]] };
  }),
});

/** One after the other; a string stands for its text. */
export const sequence = (...parts: readonly (Expression | string)[]): Expression => ({
  kind: "sequence",
  parts: parts.map((part) => (typeof part === "string" ? text(part) : part)),
});

export const choice = (...options: readonly Expression[]): Expression => ({ kind: "choice", options });

export const repeat = (of: Expression, least: number, most = Number.POSITIVE_INFINITY): Expression => ({
  kind: "repeat",
  of,
  least,
  most,
});

export const optional = (of: Expression): Expression => repeat(of, 0, 1);

export const call = (rule: Rule): Expression => ({ kind: "call", rule });

/** The same language with each character written differently. Rules are left as they are. */
export const mapCharacters = (expression: Expression, write: (ranges: Ranges) => Expression): Expression => {
  switch (expression.kind) {
    case "character":
      return write(expression.ranges);
    case "sequence":
      return { kind: "sequence", parts: expression.parts.map((part) => mapCharacters(part, write)) };
    case "choice":
      return { kind: "choice", options: expression.options.map((option) => mapCharacters(option, write)) };
    case "repeat":
      return { ...expression, of: mapCharacters(expression.of, write) };
    case "call":
      return expression;
  }
};
