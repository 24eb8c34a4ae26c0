/** Cells of a terminal: how wide a text is there, and how it fits. */

/** Letters of East Asia and pictures take two cells. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f000}-\u{1fbff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

interface Letter {
  readonly letter: string;
  readonly cells: number;
}

/**
 * Characters between two like them that are letters of their own: of European and East Asian scripts. The segmenter takes
 * ten microseconds a letter, and is asked about the others alone.
 */
const LONE =
  /(?<=[ -~\u00a1-\u02ff\u0370-\u0482\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3])[ -~\u00a1-\u02ff\u0370-\u0482\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]+(?=[ -~\u00a1-\u02ff\u0370-\u0482\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3])/gu;

const cellsIn = (letter: string): number => (INVISIBLE.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1);

/** What a person sees as letters, each with its cells. */
const letters = (text: string): Letter[] => {
  const found: Letter[] = [];
  const segment = (part: string): void => {
    for (const { segment: letter } of segmenter.segment(part)) found.push({ letter, cells: cellsIn(letter) });
  };
  let end = 0;
  for (const { 0: run, index } of text.matchAll(LONE)) {
    segment(text.slice(end, index));
    for (const letter of run) found.push({ letter, cells: cellsIn(letter) });
    end = index + run.length;
  }
  segment(text.slice(end));
  return found;
};

const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/** How many cells a text fills. */
export const cellsOf = (text: string): number =>
  isPlain(text) ? text.length : letters(text).reduce((sum, { cells }) => sum + cells, 0);

/** Padded with spaces to `width` cells. */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - cellsOf(text)));

/** Filled up in front. */
export const padStart = (text: string, width: number): string => " ".repeat(Math.max(0, width - cellsOf(text))) + text;

/** The longest beginning that fits into `width` cells. No letter is cut apart. */
const cut = (text: string, width: number): string => {
  if (isPlain(text)) return text.slice(0, width);
  let used = 0;
  let end = 0;
  for (const { letter, cells } of letters(text)) {
    if (used + cells > width) break;
    used += cells;
    end += letter.length;
  }
  return text.slice(0, end);
};

/** This many characters hold a line of `width` cells, whatever is put above and below its letters. */
const ample = (width: number): number => 256 + 16 * width;

/** At most `width` cells, the last one an ellipsis where something was cut. Without line breaks. */
export const clip = (text: string, width: number): string => {
  const flat = text.slice(0, ample(width)).replace(/[\r\n\t]+/gu, " ");
  const isWhole = text.length <= ample(width) && cellsOf(flat) <= width;
  return isWhole ? flat : `${cut(flat, Math.max(0, width - 1))}…`;
};

/** The end of a text that is still growing, in at most `width` cells. */
export const tail = (text: string, width: number): string => {
  const flat = text.slice(-ample(width)).replace(/\s+/gu, " ");
  if (text.length <= ample(width) && cellsOf(flat) <= width) return flat;
  let [used, start] = [1, flat.length];
  for (const { letter, cells } of letters(flat).reverse()) {
    if (used + cells > width) break;
    used += cells;
    start -= letter.length;
  }
  return `…${flat.slice(start)}`;
};

/** Lines of at most `width` cells, broken at spaces where there are some. Each letter is looked at a few times at most. */
export const wrap = (text: string, width: number): string[] =>
  text.split(/\r?\n/).flatMap((line) => wrapLine(line.trimEnd(), width));

/** The same of a line that begins with a name or figures: what does not fit stands below what follows them. */
export const hanging = (line: string, width: number, indent: number): string[] =>
  wrap(line.slice(indent), width - indent).map(
    (part, i) => `${i === 0 ? line.slice(0, indent) : " ".repeat(indent)}${part}`,
  );

const wrapLine = (line: string, width: number): string[] => {
  const all = letters(line);
  const lines: string[] = [];
  let left = all.reduce((sum, { cells }) => sum + cells, 0);
  let start = 0;
  /** Takes letters up to `end` off, and returns their text. */
  const take = (end: number): string => {
    const taken = all.slice(start, end);
    start = end;
    left -= taken.reduce((sum, { cells }) => sum + cells, 0);
    return taken.map(({ letter }) => letter).join("");
  };
  while (left > width) {
    lines.push(take(endOfLine(all, start, width)));
    while (start < all.length && all[start]?.letter.trim() === "") take(start + 1);
  }
  const rest = take(all.length);
  return rest === "" && lines.length > 0 ? lines : [...lines, rest];
};

/** Where the line that begins at `start` ends: at a space in its second half, or where the cells do. */
const endOfLine = (all: readonly Letter[], start: number, width: number): number => {
  let [end, used, length] = [start, 0, 0];
  for (; end < all.length; end += 1) {
    const { letter, cells } = all[end] ?? { letter: "", cells: 0 };
    if (used + cells > width) break;
    used += cells;
    length += letter.length;
  }
  // What does not even begin to fit is taken whole, so that this comes to an end.
  if (end === start) return all.length;
  // A space right after what fits is as good a place as one in it.
  for (let [at, before] = [end, length]; at > start && before > length / 2; at -= 1) {
    if (all[at]?.letter === " ") return at;
    before -= all[at - 1]?.letter.length ?? 0;
  }
  return end;
};
