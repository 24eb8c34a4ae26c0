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

/** A screen on a stream. Colour and redrawing are for terminals; NO_COLOR turns colour off, TERM=dumb both. */
export const screenOn = ({ stream, environment, quiet = false }: ScreenOptions): Screen => {
  const interactive = stream.isTTY === true && environment.TERM !== "dumb";
  const colour = interactive && (environment.NO_COLOR ?? "") === "";
  const paint =
    (code: number, end: number) =>
    (text: string): string =>
      colour ? `\u001b[${code}m${text}\u001b[${end}m` : text;
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
      write(`${cleared()}${text}\n`);
      isLive = false;
    },
    live: (text) => {
      if (!interactive) return;
      write(`${cleared()}${clip(text, width - 1)}`);
      isLive = true;
    },
    clear: () => {
      write(cleared());
      isLive = false;
    },
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    bad: paint(31, 39),
  };
};

/** At most `width` characters, the last one an ellipsis where something was cut. Without line breaks. */
export const clip = (text: string, width: number): string => {
  const flat = text.replace(/[\r\n\t]+/gu, " ");
  return flat.length > width ? `${flat.slice(0, Math.max(0, width - 1))}…` : flat;
};
