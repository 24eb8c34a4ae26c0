import { clip, pad, wrap } from "./text-width.ts";
import { visible } from "./visible.ts";

const styles = { bold: [1, 22], dim: [2, 22], good: [32, 39], bad: [31, 39] } as const;

/** A text in one of our styles. As a string it is the text alone, so that a style that is lost costs colour and nothing else. */
class Styled {
  readonly text: string;
  readonly style: keyof typeof styles;

  constructor(text: string, style: keyof typeof styles) {
    this.text = text;
    this.style = style;
  }

  toString(): string {
    return this.text;
  }
}

export type Part = string | Styled;

/**
 * Where people and programs read, and the only code that writes to a terminal. It takes texts and styles apart from each
 * other: every text is made `visible`, also its line breaks, and what a terminal obeys is added by the screen.
 */
export interface Screen {
  readonly width: number;
  /** A terminal, in which a line can be redrawn. */
  readonly interactive: boolean;
  /** Writes one line, which stays. */
  line(...parts: readonly Part[]): void;
  /** Writes a text line by line. */
  text(text: string): void;
  /** Writes a value as one line of JSON. Escapes keep it the same value. */
  json(value: unknown): void;
  /** Writes a line without its end: what is typed follows it. */
  ask(text: string): void;
  /** Redraws the live line, in a terminal only. */
  live(text: string): void;
  /** Takes the live line away. */
  clear(): void;
  bold(text: string): Styled;
  dim(text: string): Styled;
  good(text: string): Styled;
  bad(text: string): Styled;
}

export interface ScreenOptions {
  readonly stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Nothing is written. @default false */
  readonly quiet?: boolean;
}

/** Of pipes and files, unless COLUMNS says how wide they are. */
const USUAL_WIDTH = 80;
const WIDEST = 500;
const ESCAPE = "\u001b";
const TAKE_BACK = `\r${ESCAPE}[2K`;

/** A screen on a stream. Colour and redrawing are for terminals; NO_COLOR turns colour off, TERM=dumb both. */
export const screenOn = ({ stream, environment, quiet = false }: ScreenOptions): Screen => {
  const interactive = stream.isTTY === true && environment.TERM !== "dumb";
  const colour = interactive && (environment.NO_COLOR ?? "") === "";
  const asked = (interactive && stream.columns) || Number(environment.COLUMNS) || USUAL_WIDTH;
  const width = Math.max(40, Math.min(asked, WIDEST));
  let isLive = false;
  const shown = (part: Part): string => {
    if (typeof part === "string") return visible(part);
    const [on, off] = styles[part.style];
    return colour ? `${ESCAPE}[${on}m${visible(part.text)}${ESCAPE}[${off}m` : visible(part.text);
  };
  const write = (parts: readonly Part[], end: "" | "\n"): void => {
    const taken = isLive ? TAKE_BACK : "";
    isLive = false;
    if (!quiet) stream.write(`${taken}${parts.map(shown).join("")}${end}`);
  };
  return {
    width,
    interactive,
    line: (...parts) => write(parts, "\n"),
    text: (text) => {
      for (const line of linesOf(text)) write([line], "\n");
    },
    json: (value) => write([JSON.stringify(value)], "\n"),
    ask: (text) => write([text], ""),
    live: (text) => {
      if (!interactive) return;
      write([clip(visible(text), width - 1)], "");
      isLive = true;
    },
    clear: () => {
      if (isLive) write([], "");
    },
    bold: (text) => new Styled(text, "bold"),
    dim: (text) => new Styled(text, "dim"),
    good: (text) => new Styled(text, "good"),
    bad: (text) => new Styled(text, "bad"),
  };
};

/** The lines of a text, with spaces for tabs. */
const linesOf = (text: string): string[] => text.replaceAll("\t", "    ").split(/\r?\n/);

/** Cells of the labels before what is said. */
export const LABEL = 10;

/** Longest text that is wrapped, in characters. */
const WRAPPED = 4000;

/** Writes a label and beside it a text, wrapped; at most `most` lines of it, and at most 4,000 characters. */
export const labelled = (
  screen: Screen,
  label: string,
  text: string,
  { paint = (line) => line, most = 3 }: { readonly paint?: (line: string) => Part; readonly most?: number } = {},
): void => {
  // Made visible before it is measured: an escape is wider than what it stands for.
  const lines = wrap(linesOf(text.slice(0, WRAPPED)).map(visible).join("\n"), screen.width - LABEL);
  const fits = lines.length <= most && text.length <= WRAPPED;
  const first = lines.slice(0, most - 1);
  const left = text.length > WRAPPED ? `${text.length} characters in all` : `${lines.length - most + 1} more lines`;
  const shown = fits ? lines : [...first, `… ${left}`];
  for (const [i, line] of shown.entries()) screen.line(paint(`${pad(i === 0 ? label : "", LABEL)}${line}`));
};
