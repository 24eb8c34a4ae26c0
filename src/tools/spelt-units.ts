/** Texts in quotes; directly after a number, one is its unit. */
const QUANTITY =
  /"(?:[^"\\]|\\.){0,400}"|'(?:[^'\\]|\\.){0,400}'|((?<![\p{L}\p{N}_.])\d[\d.]{0,40}(?:e[-+]?\d{1,4})?\s{0,4})"([^"\\]{1,100})"/giu;

/** Names stand for the units of an expression that are in quotes, `45 "km/h"`, since the parser reads none of these. */
export const withPlainUnits = (
  expression: string,
): { readonly plain: string; readonly unitOf: (name: string) => string } => {
  const units: string[] = [];
  const plain = expression.replace(QUANTITY, (all: string, number: string | undefined, unit: string | undefined) =>
    number === undefined || unit === undefined ? all : `${number} unit_in_quotes_${units.push(unit)}`,
  );
  return { plain, unitOf: (name) => units[Number(/^unit_in_quotes_(\d+)$/u.exec(name)?.[1]) - 1] ?? name };
};
