import { hundredths, percentOf } from "../percent.ts";
import type { Interval } from "../train/index.ts";
import { cellsOf, pad, padStart } from "./text-width.ts";

/** A share in percent, at least four wide: ` 7 %`, `7.3 %`. */
export const percent = (share: number, digits = 0): string => percentOf(share, digits).padStart(4);

/** An interval of shares in percent: `[9, 16]`. */
export const percentInterval = ([low, high]: Interval, digits = 0): string =>
  `[${hundredths(low, digits)}, ${hundredths(high, digits)}]`;

/** A difference of shares in points: `+72 [67, 76]`. */
export const points = (difference: number, interval: Interval, digits = 0): string => {
  const figure = hundredths(difference, digits);
  return `${figure.startsWith("−") ? "" : "+"}${figure} ${percentInterval(interval, digits)}`;
};

/** Seconds for people: `45 s`, `12 min`, `1 h 20 min`. */
export const duration = (seconds: number): string => {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

/** A size for people: `12 kB`, `271 MB`, `1.25 GB`. */
export const bytes = (size: number): string => {
  if (size < 1e6) return `${Math.ceil(size / 1e3)} kB`;
  return size < 1e9 ? `${Math.round(size / 1e6)} MB` : `${(size / 1e9).toFixed(2)} GB`;
};

/** A number of parameters for people: `135 M`, `1.7 B`. */
export const count = (number: number): string => {
  if (number < 1e6) return `${Math.round(number / 1e3)} k`;
  return number < 1e9 ? `${Math.round(number / 1e6)} M` : `${(number / 1e9).toFixed(1)} B`;
};

/** Columns that line up: the first to the left, the others to the right; `gap` spaces between. */
export const columns = (rows: readonly (readonly string[])[], gap = 2): string[] => {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, i) => Math.max(known[i] ?? 0, cellsOf(cell))).concat(known.slice(row.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? pad(cell, widths[i] ?? 0) : padStart(cell, widths[i] ?? 0)))
      .join(" ".repeat(gap))
      .trimEnd(),
  );
};

/** A number of things in words: `1 turn`, `2 turns`. */
export const counted = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? "" : "s"}`;

export const countedTrajectories = (number: number): string =>
  `${number} ${number === 1 ? "trajectory" : "trajectories"}`;
