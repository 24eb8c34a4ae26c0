import { EngineError, messageOf } from "../../../errors.ts";
import { optionalPackage } from "../../../optional-package.ts";

/** What `String` methods ask of a pattern, so that one of ours stands where a library expects a `RegExp`. */
export interface LinearPattern {
  readonly flags: string;
  [Symbol.match](text: string): string[] | null;
  [Symbol.matchAll](text: string): Iterable<{ readonly 0: string; readonly index: number }>;
  [Symbol.split](text: string): string[];
  /** The replacement is taken as it is. */
  [Symbol.replace](text: string, replacement: string): string;
}

const LONGEST = 10_000;
/** White space that another one follows: of a run, all but the one that belongs to the next word. */
const BLANKS = "\\s+(?!\\S)";

/**
 * A pattern of somebody else's tokenizer on an engine whose time grows as the text does (RE2), whatever the pattern is.
 * Classes are Unicode's, as in the tokenizers that such patterns are written for. RE2 has no look-ahead; the one that they
 * use, `\s+(?!\S)` as an alternative of its own with `\s+` behind it, is done here. Throws `EngineError` for any other.
 */
export const linearPattern = async (source: string): Promise<LinearPattern> => {
  const refuse = (what: string, cause?: unknown): EngineError =>
    new EngineError(
      `The tokenizer's pattern ${JSON.stringify(source.slice(0, 200))} cannot be used: ${what}. Accepted are patterns that RE2 can run, and ${BLANKS} before \\s+.`,
      { cause },
    );
  if (source.length > LONGEST) throw refuse(`it has ${source.length} characters, more than ${LONGEST}`);
  const { RE2JS } = await optionalPackage("re2js", () => import("re2js"));
  const parts = alternatives(source);
  const blanks = parts.indexOf(BLANKS);
  if (blanks >= 0 && blanks + 1 < parts.length && parts[blanks + 1] !== "\\s+")
    throw refuse(`${BLANKS} stands before ${parts[blanks + 1]}`);
  const spelled = parts.map((part, i) =>
    i === blanks ? "(?P<blanks>\\p{White_Space}+)" : unicodeClasses(part, refuse),
  );
  const pattern = (() => {
    try {
      return RE2JS.compile(spelled.join("|"));
    } catch (cause) {
      throw refuse(messageOf(cause), cause);
    }
  })();

  const find = function* (text: string): Generator<readonly [start: number, end: number]> {
    const matcher = pattern.matcher(text);
    let from = 0;
    while (from <= text.length && matcher.find(from)) {
      const start = matcher.start();
      let end = matcher.end();
      // The last blank before a word is the word's, unless it stands alone.
      if (blanks >= 0 && matcher.group("blanks") !== null && end < text.length && end - start > 1) end -= 1;
      yield [start, end];
      from = end > start ? end : end + 1;
    }
  };
  const pieces = (text: string): { readonly 0: string; readonly index: number }[] =>
    Array.from(find(text), ([start, end]) => ({ 0: text.slice(start, end), index: start }));
  /** The texts between the matches. */
  const between = (text: string): string[] => {
    const out: string[] = [];
    let last = 0;
    for (const [start, end] of find(text)) {
      out.push(text.slice(last, start));
      last = end;
    }
    return [...out, text.slice(last)];
  };
  return {
    flags: "gu",
    [Symbol.match]: (text) => {
      const found = pieces(text).map((piece) => piece[0]);
      return found.length === 0 ? null : found;
    },
    [Symbol.matchAll]: pieces,
    [Symbol.split]: between,
    [Symbol.replace]: (text, replacement) => between(text).join(replacement),
  };
};

/** The alternatives of a pattern that are in no group. */
const alternatives = (source: string): string[] => {
  const parts: string[] = [""];
  let depth = 0;
  let inClass = 0;
  for (let at = 0; at < source.length; at += 1) {
    const letter = source.charAt(at);
    const last = parts.length - 1;
    if (letter === "\\") {
      parts[last] += letter + source.charAt(at + 1);
      at += 1;
      continue;
    }
    if (letter === "[") inClass += 1;
    else if (letter === "]") inClass = Math.max(0, inClass - 1);
    else if (inClass === 0 && letter === "(") depth += 1;
    else if (inClass === 0 && letter === ")") depth -= 1;
    if (letter === "|" && depth === 0 && inClass === 0) parts.push("");
    else parts[last] += letter;
  }
  return parts;
};

const OUTSIDE: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  w: "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
  W: "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
  h: "[0-9A-Fa-f]",
  H: "[^0-9A-Fa-f]",
};
const INSIDE: Readonly<Record<string, string>> = {
  ...OUTSIDE,
  w: "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}",
  h: "0-9A-Fa-f",
};

/** `\s`, `\d` and `\w` mean Unicode's classes in a tokenizer's pattern, and ASCII's in RE2. */
const unicodeClasses = (part: string, refuse: (what: string) => EngineError): string => {
  let out = "";
  let inClass = false;
  for (let at = 0; at < part.length; at += 1) {
    const letter = part.charAt(at);
    if (letter === "\\") {
      const next = part.charAt(at + 1);
      at += 1;
      if (next === "b" || next === "B") throw refuse(`\\${next} is not supported`);
      if (inClass && (next === "W" || next === "H")) throw refuse(`\\${next} in a class is not supported`);
      const classes = inClass ? INSIDE : OUTSIDE;
      out += Object.hasOwn(classes, next) ? classes[next] : letter + next;
      continue;
    }
    if (inClass && letter === "&" && part.charAt(at + 1) === "&") throw refuse("&& in a class is not supported");
    if (inClass && letter === "[" && part.charAt(at + 1) !== ":") throw refuse("a class in a class is not supported");
    if (letter === "[") inClass = true;
    else if (letter === "]") inClass = false;
    out += letter;
  }
  return out;
};
