import { ConfigError } from "./errors.ts";

/** What one option accepts. Throws `ConfigError` for a value that it does not accept; `name` is for the message. */
export type Rule = (value: unknown, name: string) => void;

/** A rule for each option of an interface: one that is forgotten here does not compile. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

/** Rules of options that must be there; any other one may be left out or undefined. */
const needed = new WeakSet<Rule>();

/**
 * Options as a caller wrote them, checked at the door: every name is known and every value is of its kind. A misspelt
 * limit then limits nothing silently no more. Returns the options. Throws `ConfigError` with the nearest accepted name.
 */
export const checked = <Options extends object>(
  of: string,
  options: Options,
  rules: Rules<NoInfer<Options>>,
): Options => {
  ruleOf(rules)(options, of);
  return options;
};

/**
 * An object whose names all have a rule. Other names are refused, or let through unless they look like a slip
 * (`unlike`), or let through (`any`).
 */
export const ruleOf =
  <Options>(
    rules: Rules<Options>,
    { others = "refused" }: { readonly others?: "refused" | "unlike" | "any" } = {},
  ): Rule =>
  (value, of) => {
    if (!isRecord(value)) throw refusal(of, value, `an object with ${Object.keys(rules).join(", ")}`);
    const names = Object.keys(rules);
    for (const name of Object.keys(value)) {
      if (Object.hasOwn(rules, name) || others === "any") continue;
      const near = nearest(name, names, others === "unlike" ? 2 : 3);
      if (near === undefined && others === "unlike") continue;
      throw new ConfigError(
        `${of} has ${shown(name)}, which nothing reads: accepted are ${names.join(", ")}.${near === undefined ? "" : ` Did you mean ${near}?`}`,
      );
    }
    for (const [name, rule] of Object.entries<Rule>(rules)) {
      const option = value[name];
      if (option !== undefined || needed.has(rule)) rule(option, `${of}: ${name}`);
    }
  };

/** Defaults, and the options that were given: one that is undefined was not. */
export const withDefaults = <Defaults extends object, Options extends object>(
  defaults: Defaults,
  options: Options,
): Defaults & Options => {
  const filled: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(defaults)) filled[name] = value;
  for (const [name, value] of Object.entries(options)) if (value !== undefined) filled[name] = value;
  return filled as Defaults & Options;
};

/** An object with the optional properties that are there, for `...defined({ unit, label })`: none is undefined. */
export const defined = <Properties extends object>(properties: Properties): Defined<Properties> =>
  withDefaults({}, properties) as Defined<Properties>;

export type Defined<Properties> = { [Name in keyof Properties]?: Exclude<Properties[Name], undefined> };

/** The same rule for an option that must be there. */
export const required = (rule: Rule): Rule => {
  const own: Rule = (value, name) => rule(value, name);
  needed.add(own);
  return own;
};

const accepting =
  (accepted: string, fits: (value: unknown) => boolean): Rule =>
  (value, name) => {
    if (!fits(value)) throw refusal(name, value, accepted);
  };

export interface Range {
  /** @default 0 */
  readonly least?: number;
  readonly most?: number;
  /** Greater than this. */
  readonly above?: number;
  /** Less than this. */
  readonly below?: number;
  readonly whole?: boolean;
}

/** A finite number. */
export const number = ({
  above,
  least = above ?? 0,
  most = Number.MAX_VALUE,
  below,
  whole = false,
}: Range = {}): Rule => {
  const from = above === undefined ? ` from ${least}` : ` above ${above}`;
  const to = most === Number.MAX_VALUE ? (above === undefined ? " up" : "") : ` to ${most}`;
  return accepting(
    `a ${whole ? "whole " : ""}number${from}${below === undefined ? to : ` to less than ${below}`}`,
    (value) =>
      typeof value === "number" &&
      Number.isFinite(value) &&
      value >= least &&
      value <= most &&
      (above === undefined || value > above) &&
      (below === undefined || value < below) &&
      (!whole || Number.isSafeInteger(value)),
  );
};

/** A whole number from 1 up. */
export const count = number({ least: 1, whole: true });
/** Seconds that a timer can wait: longer ones would go off at once. */
export const seconds = number({ above: 0, most: 2_000_000 });
/** The seed of a run. */
export const seed = number({ least: Number.MIN_SAFE_INTEGER, whole: true });
export const truth = accepting("true or false", (value) => typeof value === "boolean");
export const text = accepting("a text", (value) => typeof value === "string");
export const name = accepting("a text that is not empty", (value) => typeof value === "string" && value.trim() !== "");
export const callback = accepting("a function", (value) => typeof value === "function");
export const anything: Rule = () => undefined;

export const oneOf = (...values: readonly unknown[]): Rule =>
  accepting(values.map(shown).join(", "), (value) => values.includes(value));

/** An address of the web. */
export const address = accepting(
  "an address such as https://example.org",
  (value) => typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
);
/** A language as addresses and files name it. */
export const languageCode = accepting(
  "the code of a language, such as en",
  (value) => typeof value === "string" && /^[a-z]{2,12}(?:-[a-z0-9]{1,12})*$/i.test(value),
);

/** A list of which every item keeps a rule. */
export const listOf =
  (rule: Rule, { least = 0 }: { readonly least?: number } = {}): Rule =>
  (value, name) => {
    if (!Array.isArray(value) || value.length < least)
      throw refusal(name, value, least === 0 ? "a list" : `a list of ${least} or more`);
    for (const [i, item] of value.entries()) rule(item, `${name}[${i}]`);
  };

/** A record of which every value keeps a rule. */
export const recordOf =
  (rule: Rule): Rule =>
  (value, name) => {
    if (!isRecord(value)) throw refusal(name, value, "an object");
    for (const [key, item] of Object.entries(value)) rule(item, `${name}.${key}`);
  };

/** One of several kinds; the last rule words the refusal. */
export const either =
  (first: Rule, second: Rule): Rule =>
  (value, name) => {
    try {
      first(value, name);
    } catch {
      // Not the first kind: the second one decides.
      second(value, name);
    }
  };

/** An object with these methods, such as a model or a clock, whatever else it has. */
export const objectWith = (what: string, ...methods: readonly string[]): Rule =>
  accepting(
    `${what}${methods.length === 0 ? "" : ` (an object with ${methods.join(", ")})`}`,
    (value) =>
      ((typeof value === "object" && value !== null && !Array.isArray(value)) || typeof value === "function") &&
      methods.every((method) => typeof (value as Readonly<Record<string, unknown>>)[method] === "function"),
  );

export const abortSignal = accepting("an AbortSignal", (value) => value instanceof AbortSignal);

/** A refusal in the words that all have: what was received and what is accepted. */
export const refusal = (name: string, value: unknown, accepted: string): ConfigError =>
  new ConfigError(
    `${name} is ${value === undefined ? "missing" : shown(value)}: accepted is ${accepted}.${value === Number.POSITIVE_INFINITY ? " Leave it out for no limit." : ""}`,
  );

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value for a message: bounded, and without what an object holds. */
const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
};

/** The accepted name that a slip of the pen was most likely meant to be: at most a third of its letters differ. */
const nearest = (written: string, names: readonly string[], atMost: number): string | undefined => {
  const most = Math.min(atMost, Math.ceil(written.length / 3));
  const [best] = names
    .map((accepted) => ({ accepted, edits: edits(written.slice(0, 64).toLowerCase(), accepted.toLowerCase()) }))
    .filter((one) => one.edits <= most)
    .sort((a, b) => a.edits - b.edits);
  return best?.accepted;
};

/** Letters to insert, delete or replace to make one word of the other (Levenshtein). */
const edits = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(
        Math.min(
          (row[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          (row[j - 1] ?? 0) + (a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1),
        ),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
};
