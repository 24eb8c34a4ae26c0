import { type Markup, markup } from "../markup.ts";
import { bar, type Chart, chartOf, circle, colour, line, path, smoothed, text } from "../review/charts/chart.ts";
import type { Interval } from "../train/index.ts";

const WIDTH = 760;
const PLOT = { left: 250, right: 600 };
const ROW = 26;
const TOP = 34;

/** One line of a chart of values with their intervals. */
export interface ChartRow {
  readonly name: string;
  readonly value: number;
  readonly interval?: Interval;
  readonly shown: string;
  readonly isOurs?: boolean;
}

/** Values with 95 % intervals, one a row, from 0 to `most`. */
export const rowsChart = (
  name: string,
  title: string,
  rows: readonly ChartRow[],
  { most = 1, shown = (value: number) => `${Math.round(100 * value)} %` } = {},
): Chart => {
  const x = (value: number): number =>
    PLOT.left + ((PLOT.right - PLOT.left) * Math.max(0, Math.min(most, value))) / most;
  const height = TOP + ROW * rows.length + 12;
  const svg = chartOf(
    { width: WIDTH, height, label: `${title}: ${rows.map((row) => `${row.name} ${row.shown}`).join(", ")}` },
    [
      ...[0, 0.25, 0.5, 0.75, 1].map(
        (share) =>
          markup`${line(x(share * most), TOP - 8, x(share * most), height - 8, { opacity: 0.25 })}${text(x(share * most), TOP - 14, shown(share * most), { anchor: "middle" })}`,
      ),
      ...rows.flatMap((row, i): Markup[] => {
        const y = TOP + ROW * i + 14;
        const fill = row.isOurs === true ? colour.after : colour.before;
        const [low, high] = row.interval ?? [row.value, row.value];
        return [
          text(PLOT.left - 14, y + 4, row.name, { anchor: "end" }),
          ...(row.interval === undefined
            ? [bar(PLOT.left, y - 5, x(row.value) - PLOT.left, 10, fill)]
            : [
                line(x(low), y, x(high), y, { stroke: fill, width: 4, opacity: 0.45 }),
                circle(x(row.value), y, 4.5, fill),
              ]),
          text(PLOT.right + 12, y + 4, row.shown),
        ];
      }),
    ],
  );
  return { name, title, svg };
};

const CURVE = { height: 260, left: 60, right: 560, top: 24, bottom: 220 };
const SHADES = [colour.after, colour.line, colour.dot, colour.before];
const WINDOW = 10;

/** A line of a chart over steps. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

/** Shares over the steps of training, each averaged over ten steps. */
export const stepsChart = (name: string, title: string, series: readonly Series[]): Chart => {
  const steps = Math.max(2, ...series.map(({ values }) => values.length));
  const lines = series.map((one) => ({ ...one, values: smoothed(one.values, WINDOW) }));
  const top = Math.max(0.05, ...lines.flatMap(({ values }) => values));
  const most = Math.ceil(10 * top) / 10;
  const x = (step: number): number => CURVE.left + ((CURVE.right - CURVE.left) * step) / steps;
  const y = (value: number): number => CURVE.bottom - ((CURVE.bottom - CURVE.top) * value) / most;
  const svg = chartOf({ width: WIDTH, height: CURVE.height, label: title }, [
    ...[0, 0.5, 1].flatMap((part) => [
      line(CURVE.left, y(part * most), CURVE.right, y(part * most), { opacity: 0.25 }),
      text(CURVE.left - 8, y(part * most) + 4, `${Math.round(100 * part * most)} %`, { anchor: "end" }),
    ]),
    text(CURVE.left, CURVE.bottom + 20, "step 1"),
    text(CURVE.right, CURVE.bottom + 20, `step ${steps}`, { anchor: "end" }),
    ...lines.flatMap(({ name: label, values }, i) => {
      const shade = SHADES[i % SHADES.length] ?? colour.line;
      return [
        path(
          values.map((value, step) => [x(step + 1), y(value)] as const),
          shade,
        ),
        text(CURVE.right + 12, CURVE.top + 14 + 20 * i, label, { fill: shade }),
      ];
    }),
  ]);
  return { name, title, svg };
};
