/**
 * What a terminal obeys, or does not show, or shows as something else: controls (C0, DEL, C1), format characters (bidi,
 * zero-width, tag letters, soft hyphen), fillers, variation selectors, line and paragraph separators, lone surrogates,
 * private and unassigned characters. The selector that makes a pictograph colourful stays; of marks stacked on one letter
 * six stay.
 */
const HIDDEN =
  /(?<!\p{Extended_Pictographic})\ufe0f|(?!\ufe0f)[\p{C}\p{Zl}\p{Zp}\p{DI}]|((?:(?!\p{DI})\p{M}){6})\p{M}+/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Untrusted text, with nothing in it that a terminal obeys: each such character is written as JSON writes it, `\u001b`. */
export const visible = (text: string): string =>
  // Most texts are ASCII, which is not looked at letter by letter.
  text.replace(/[^ -~]+/gu, (run) =>
    run.replace(HIDDEN, (found, marks = "") => `${marks}${escaped(found.slice(marks.length))}`),
  );

/** A text whose every letter is ASCII: names that must not be taken for each other. */
export const ascii = (text: string): string => text.replace(/[^ -~]+/gu, escaped);

/** Code units as JSON writes them, two for a letter beyond U+FFFF. */
const escaped = (text: string): string => {
  let written = "";
  for (let i = 0; i < text.length; i += 1)
    written += SHORT[text.charAt(i)] ?? `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return written;
};
