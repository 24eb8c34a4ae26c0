/** How a part of a line looks, by the codes that the command line writes (`src/cli/screen.ts`). */
export type Look = "plain" | "bold" | "dim" | "good" | "bad";

/** Letters of a line that look alike, and the column where they begin. */
export interface Run {
  readonly column: number;
  readonly text: string;
  readonly look: Look;
}

/** A line as it stood from one moment to another, in seconds; `until` is missing where it stayed. */
export interface ShownLine {
  readonly row: number;
  readonly runs: readonly Run[];
  readonly from: number;
  readonly until?: number;
}

/** What a program wrote to its terminal, and when. */
export interface Chunk {
  readonly seconds: number;
  readonly text: string;
}

interface Cell {
  readonly letter: string;
  readonly look: Look;
}

const looks: Readonly<Record<string, Look>> = { "1": "bold", "2": "dim", "32": "good", "31": "bad" };

const runsOf = (cells: readonly Cell[]): Run[] => {
  const runs: { column: number; text: string; look: Look }[] = [];
  for (const [column, { letter, look }] of cells.entries()) {
    const last = runs.at(-1);
    if (last?.look === look) last.text += letter;
    else runs.push({ column, text: letter, look });
  }
  return runs
    .map(({ column, text, look }) => ({
      column: column + text.length - text.trimStart().length,
      text: text.trim(),
      look,
    }))
    .filter(({ text }) => text !== "");
};

/**
 * Every state of every line, from what was written: letters, line ends, moves within a line, erased lines and
 * styles, which is all that npx and the command line use. Throws for anything else.
 */
export const shownLines = (chunks: readonly Chunk[]): readonly ShownLine[] => {
  const rows: Cell[][] = [[]];
  const shown: ShownLine[] = [];
  const current = new Map<number, ShownLine>();
  let column = 0;
  let look: Look = "plain";
  const snapshot = (row: number, seconds: number): void => {
    const runs = runsOf(rows[row] ?? []);
    const before = current.get(row);
    if (JSON.stringify(before?.runs ?? []) === JSON.stringify(runs)) return;
    if (before !== undefined) shown.push({ ...before, until: seconds });
    current.set(row, { row, runs, from: seconds });
  };
  for (const { seconds, text } of chunks) {
    const first = rows.length - 1;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is driven by them.
    for (const [part, codes, command] of text.matchAll(/\u001b\[([?\d;]*)([A-Za-z])|[^\u001b]/gu)) {
      const line = rows.at(-1) ?? [];
      if (command === "m") look = looks[codes ?? ""] ?? "plain";
      else if (command === "K") line.length = codes === "2" ? 0 : Math.min(line.length, column);
      else if (command === "G") column = Number(codes || 1) - 1;
      else if (command !== undefined)
        throw new Error(`A terminal command that is not known here: ${JSON.stringify(part)}`);
      else if (part === "\n") {
        rows.push([]);
        column = 0;
      } else if (part === "\r") column = 0;
      else {
        while (line.length < column) line.push({ letter: " ", look: "plain" });
        line[column] = { letter: part, look };
        column += 1;
      }
    }
    for (let row = first; row < rows.length; row += 1) snapshot(row, seconds);
  }
  return [...shown, ...current.values()].filter(({ runs }) => runs.length > 0);
};
