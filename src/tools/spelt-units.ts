/** A number and the unit behind it, of any spelling; texts in quotes are left alone. */
const QUANTITY =
  /"[^"]{0,400}"|((?<![\p{L}\p{N}_])\d[\d.]{0,40}(?:e[-+]?\d{1,4})?\s{0,4})([\p{L}\p{M}°€$£¥µ][\p{L}\p{M}\p{N}_°²³·'’]{0,30}(?:[/ -][\p{L}\p{M}°€$£¥µ][\p{L}\p{M}\p{N}_°²³·'’]{0,30}){0,5}|(?<=\s)%(?=\s{0,4}[,)]))(?![\p{L}\p{M}\p{N}_°²³]|\s{0,4}\()/giu;
/** What the parser of expressions reads by itself. */
const PLAIN = /^[a-z_][a-z0-9_]*$/iu;

/** Names stand for the units of an expression that are no names: `45 km/h`, `3 square metres`, `20 %`. */
export const withPlainUnits = (
  expression: string,
): { readonly plain: string; readonly unitOf: (name: string) => string } => {
  const units: string[] = [];
  const plain = expression.replace(QUANTITY, (all: string, number: string | undefined, unit: string | undefined) =>
    number === undefined || unit === undefined || PLAIN.test(unit) ? all : `${number} unit_${units.push(unit)}_`,
  );
  return { plain, unitOf: (name) => units[Number(/^unit_(\d+)_$/u.exec(name)?.[1]) - 1] ?? name };
};
