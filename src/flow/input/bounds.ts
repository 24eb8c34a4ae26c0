/** What an input may hold, whatever its schema says. */
const DEEPEST = 32;
const MOST_VALUES = 10_000;
const MOST_LETTERS = 1_000_000;

/** One line about what makes an input too large to be checked, or with `json` no JSON; undefined for one that can be. */
export const boundsProblem = (input: unknown, json: boolean): string | undefined => {
  let values = 0;
  let letters = 0;
  const visit = (value: unknown, depth: number): string | undefined => {
    values += 1;
    if (values > MOST_VALUES) return `input holds more than ${MOST_VALUES} values`;
    if (json && !isJson(value))
      return `input holds ${typeof value === "number" ? value : typeof value}, which JSON does not have`;
    if (typeof value === "string") letters += value.length;
    if (letters > MOST_LETTERS) return `input has more than ${MOST_LETTERS} characters`;
    if (typeof value !== "object" || value === null) return undefined;
    if (depth >= DEEPEST) return `input is nested deeper than ${DEEPEST} levels`;
    for (const [name, inner] of Object.entries(value)) {
      letters += name.length;
      const problem = visit(inner, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return visit(input, 0);
};

const isJson = (value: unknown): boolean =>
  typeof value === "number" ? Number.isFinite(value) : ["string", "boolean", "object"].includes(typeof value);
