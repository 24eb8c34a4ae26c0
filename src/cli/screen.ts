import { clip, pad, printable, wrap } from "./text-width.ts";

/** Where people read: lines, and in a terminal one live line that is redrawn. */
export interface Screen {
  readonly width: number;
  /** A terminal, in which a line can be redrawn. */
  readonly interactive: boolean;
  /** Writes a line, which stays. */
  line(text?: string): void;
  /** Redraws the live line, in a terminal only. */
  live(text: string): void;
  /** Takes the live line away. */
  clear(): void;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

export interface ScreenOptions {
  readonly stream: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Nothing is written. @default false */
  readonly quiet?: boolean;
}

const WIDTH_OF_A_PIPE = 100;
const ESCAPE = "\u001b";
const paints = { bold: [1, 22], dim: [2, 22], good: [32, 39], bad: [31, 39] } as const;
const known = Object.values(paints)
  .flat()
  .map((code) => `[${code}m`);

/** A line as a terminal may get it: of what it would obey, paint alone. Pages and models write whatever they like. */
const harmless = (text: string): string => {
  const [first = "", ...rest] = text.split(ESCAPE);
  return rest.reduce(
    (line, part) =>
      `${line}${known.some((code) => part.startsWith(code)) ? ESCAPE : printable(ESCAPE)}${printable(part)}`,
    printable(first),
  );
};

/** A screen on a stream. Colour and redrawing are for terminals; NO_COLOR turns colour off, TERM=dumb both. */
export const screenOn = ({ stream, environment, quiet = false }: ScreenOptions): Screen => {
  const interactive = stream.isTTY === true && environment.TERM !== "dumb";
  const colour = interactive && (environment.NO_COLOR ?? "") === "";
  const paint =
    ([code, end]: readonly [number, number]) =>
    (text: string): string =>
      colour ? `${ESCAPE}[${code}m${text}${ESCAPE}[${end}m` : text;
  const width = interactive ? Math.max(40, stream.columns || WIDTH_OF_A_PIPE) : WIDTH_OF_A_PIPE;
  let isLive = false;
  const write = (text: string): void => {
    if (!quiet) stream.write(text);
  };
  const cleared = (): string => (isLive ? "\r\u001b[2K" : "");
  return {
    width,
    interactive,
    line: (text = "") => {
      write(`${cleared()}${harmless(text)}\n`);
      isLive = false;
    },
    live: (text) => {
      if (!interactive) return;
      write(`${cleared()}${clip(printable(text), width - 1)}`);
      isLive = true;
    },
    clear: () => {
      write(cleared());
      isLive = false;
    },
    bold: paint(paints.bold),
    dim: paint(paints.dim),
    good: paint(paints.good),
    bad: paint(paints.bad),
  };
};

/** Cells of the labels before what is said. */
export const LABEL = 10;

/** Longest text that is wrapped, in characters. */
const WRAPPED = 4000;

/** Writes a label and beside it a text, wrapped; at most `most` lines of it, and at most 4,000 characters. */
export const labelled = (
  screen: Screen,
  label: string,
  text: string,
  { paint = (line) => line, most = 3 }: { readonly paint?: (line: string) => string; readonly most?: number } = {},
): void => {
  const lines = wrap(text.slice(0, WRAPPED), screen.width - LABEL);
  const fits = lines.length <= most && text.length <= WRAPPED;
  const first = lines.slice(0, most - 1);
  const left = text.length > WRAPPED ? `${text.length} characters in all` : `${lines.length - most + 1} more lines`;
  const shown = fits ? lines : [...first, `… ${left}`];
  for (const [i, line] of shown.entries()) screen.line(paint(`${pad(i === 0 ? label : "", LABEL)}${line}`));
};
