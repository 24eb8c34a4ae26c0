import { listOf, text } from "../options.ts";
import { type SecretSearch, secretSearch } from "./search.ts";

/** Removes secrets from untrusted text, in whatever form they appear. */
export interface Redactor {
  (text: string): string;
  /** The same of data: all texts, numbers and names in it. What holds no secret is given back as it is, the same object. */
  value<Value>(value: Value): Value;
  /** An error without secrets in its message, its stack and its causes: the same object. */
  error<Thrown>(thrown: Thrown): Thrown;
  /** For a text that comes in parts: holds back what may be the beginning of a secret. `end` gives what is left. */
  readonly stream: () => RedactedStream;
}

export interface RedactedStream {
  push(part: string): string;
  end(): string;
}

/** What stands in a secret's place. */
const MARK = "[redacted]";

/** Deeper data is nobody's: it is left out. */
const DEEPEST = 200;
const MOST_CAUSES = 8;
/** A text that holds back more than this many characters is not a beginning of a secret, but an attempt to be waited for. */
const LONGEST_HELD = 65_536;

/**
 * Replaces each secret, and more than half of a long one: plain, in any case, split by white space or invisible
 * characters, escaped for JSON, HTML or an address, in base64 or hexadecimal. Secrets of fewer than six characters are
 * left.
 *
 * @example
 * ```ts
 * import { redactor, secretsOf } from "agentflow/secrets";
 *
 * const redact = redactor(secretsOf(process.env));
 * console.log(redact("a text that may repeat a key"));
 * ```
 */
export const redactor = (secrets: readonly string[]): Redactor => {
  listOf(text)(secrets, "redactor: secrets");
  let opened: SecretSearch | undefined;
  const search = (): SecretSearch => {
    opened ??= secretSearch(secrets);
    return opened;
  };
  const numbers = new Set(secrets.map(Number).filter(Number.isFinite));
  const redact = (text: string): string => {
    const spans = search().find(text);
    if (spans.length === 0) return text;
    let [clean, at] = ["", 0];
    for (const { from, to } of spans) {
      clean += text.slice(at, from) + MARK;
      at = to;
    }
    return clean + text.slice(at);
  };
  const value = (given: unknown, depth: number): unknown => {
    if (typeof given === "string") return redact(given);
    if (typeof given === "number" || typeof given === "bigint")
      return numbers.has(Number(given)) || redact(String(given)) !== String(given) ? MARK : given;
    if (typeof given !== "object" || given === null) return given;
    if (depth > DEEPEST) return MARK;
    if (given instanceof Error) return error(given, depth + 1);
    if (Array.isArray(given)) {
      const clean = given.map((one) => value(one, depth + 1));
      return clean.every((one, i) => Object.is(one, given[i])) ? given : clean;
    }
    if (!isPlain(given)) return given;
    let changed = false;
    const clean = Object.entries(given).map(([name, one]): [string, unknown] => {
      const entry: [string, unknown] = [redact(name), value(one, depth + 1)];
      changed ||= entry[0] !== name || !Object.is(entry[1], one);
      return entry;
    });
    return changed ? Object.fromEntries(clean) : given;
  };
  const error = (thrown: unknown, depth = 0): unknown => {
    if (!(thrown instanceof Error)) return value(thrown, depth);
    write(thrown, "message", redact(textOf(thrown.message)));
    if (thrown.stack !== undefined) write(thrown, "stack", redact(textOf(thrown.stack)));
    if (thrown.cause !== undefined)
      write(thrown, "cause", depth < MOST_CAUSES ? causeOf(thrown.cause, depth) : undefined);
    return thrown;
  };
  // An error of somebody else's holds what it likes (requests, headers, bodies): of it its words are kept.
  const causeOf = (cause: unknown, depth: number): unknown => {
    if (!(cause instanceof Error)) return value(cause, depth);
    const kept = new Error(redact(textOf(cause.message)));
    kept.name = redact(textOf(cause.name));
    kept.stack = redact(textOf(cause.stack ?? ""));
    if (cause.cause !== undefined && depth < MOST_CAUSES) kept.cause = causeOf(cause.cause, depth + 1);
    return kept;
  };
  return Object.assign(redact, {
    value: <Value>(given: Value) => value(given, 0) as Value,
    error: <Thrown>(thrown: Thrown) => error(thrown) as Thrown,
    stream: () => redactedStream(redact, search()),
  });
};

/** The redactor of these secrets and of those that another one takes out already. */
export const redactors = (...all: readonly (Redactor | undefined)[]): Redactor | undefined => {
  const [first, ...rest] = all.filter((one) => one !== undefined);
  return first === undefined ? undefined : rest.reduce<Redactor>(both, first);
};

const both = (one: Redactor, other: Redactor): Redactor =>
  one === other
    ? one
    : Object.assign((text: string) => other(one(text)), {
        value: <Value>(given: Value) => other.value(one.value(given)),
        error: <Thrown>(thrown: Thrown) => other.error(one.error(thrown)),
        stream: () => {
          const [inner, outer] = [one.stream(), other.stream()];
          return {
            push: (part: string) => outer.push(inner.push(part)),
            end: () => outer.push(inner.end()) + outer.end(),
          };
        },
      });

const redactedStream = (redact: (text: string) => string, search: SecretSearch): RedactedStream => {
  let held = "";
  let fresh = "";
  return {
    push: (part) => {
      fresh += part;
      // Much that is held back is not looked at again for every letter.
      if (fresh.length * 8 < held.length) return "";
      const text = held + fresh;
      fresh = "";
      const from = search.openFrom(text);
      if (text.length - from > LONGEST_HELD) {
        held = "";
        return redact(text.slice(0, from)) + MARK;
      }
      held = text.slice(from);
      return redact(text.slice(0, from));
    },
    end: () => {
      const text = redact(held + fresh);
      held = "";
      fresh = "";
      return text;
    },
  };
};

const isPlain = (value: object): value is Record<string, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

const textOf = (value: unknown): string => (typeof value === "string" ? value : String(value));

/** Errors may be frozen, or have getters in place of what is usual. */
const write = (error: Error, name: "message" | "stack" | "cause", value: unknown): void => {
  if (Object.is(error[name], value)) return;
  Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
};
