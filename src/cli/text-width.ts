/** Cells of a terminal: how wide a text is there, and how it fits. */

/** Letters of East Asia and pictures take two cells. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f000}-\u{1fbff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What a person sees as letters, each with its cells. */
const letters = (text: string): { readonly letter: string; readonly cells: number }[] =>
  Array.from(segmenter.segment(text), ({ segment }) => ({
    letter: segment,
    cells: INVISIBLE.test(segment) ? 0 : WIDE.test(segment) ? 2 : 1,
  }));

const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/** How many cells a text fills. */
export const cellsOf = (text: string): number =>
  isPlain(text) ? text.length : letters(text).reduce((sum, { cells }) => sum + cells, 0);

/** Filled up with spaces to so many cells. */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - cellsOf(text)));

/** Filled up in front. */
export const padStart = (text: string, width: number): string => " ".repeat(Math.max(0, width - cellsOf(text))) + text;

/** The longest beginning that fits into `width` cells, and the rest. No letter is cut apart. */
const cut = (text: string, width: number): readonly [string, string] => {
  if (isPlain(text)) return [text.slice(0, width), text.slice(width)];
  let used = 0;
  let end = 0;
  for (const { letter, cells } of letters(text)) {
    if (used + cells > width) break;
    used += cells;
    end += letter.length;
  }
  return [text.slice(0, end), text.slice(end)];
};

/** At most `width` cells, the last one an ellipsis where something was cut. Without line breaks. */
export const clip = (text: string, width: number): string => {
  const flat = text.replace(/[\r\n\t]+/gu, " ");
  return cellsOf(flat) > width ? `${cut(flat, Math.max(0, width - 1))[0]}…` : flat;
};

/** The end of a text that is still growing, in at most `width` cells. */
export const tail = (text: string, width: number): string => {
  const flat = text.replace(/\s+/gu, " ");
  if (cellsOf(flat) <= width) return flat;
  let [used, start] = [1, flat.length];
  for (const { letter, cells } of letters(flat).reverse()) {
    if (used + cells > width) break;
    used += cells;
    start -= letter.length;
  }
  return `…${flat.slice(start)}`;
};

/** Lines of at most `width` cells, broken at spaces where there are some. */
export const wrap = (text: string, width: number): string[] =>
  text.split(/\r?\n/).flatMap((line) => {
    const lines: string[] = [];
    let rest = line.trimEnd();
    while (cellsOf(rest) > width) {
      const [head] = cut(rest, width);
      // A space right after what fits is as good a place as one in it.
      const space = rest[head.length] === " " ? head.length : head.lastIndexOf(" ");
      // What does not even begin to fit is taken whole, so that this comes to an end.
      const end = space > head.length / 2 ? space : head.length || rest.length;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).trimStart();
    }
    return rest === "" && lines.length > 0 ? lines : [...lines, rest];
  });
