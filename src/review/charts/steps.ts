import { percentOf } from "../../percent.ts";
import type { RunRecord, RunStep } from "../run-record.ts";
import { type Chart, chartOf, colour, line, path, smoothed, text } from "./chart.ts";

const [WIDTH, HEIGHT] = [370, 170];
const PLOT = { left: 58, right: 358, top: 34, bottom: 140 };
const WINDOW = 10;

interface Measure {
  readonly name: string;
  readonly title: string;
  readonly of: (step: RunStep) => number | undefined;
  readonly shown: (value: number) => string;
}

const short = (value: number): string => String(Number(value.toPrecision(2)));

const measures: readonly Measure[] = [
  {
    name: "tool-errors",
    title: "Calls that failed or were refused",
    of: (step) => step.toolErrorRate,
    shown: (value) => percentOf(value),
  },
  { name: "turns", title: "Turns a rollout", of: (step) => step.turns, shown: short },
  {
    name: "mixed-groups",
    title: "Groups with both right and wrong answers",
    of: (step) => step.mixed,
    shown: (value) => percentOf(value),
  },
  { name: "entropy", title: "Entropy, nats a token", of: (step) => step.entropy, shown: short },
  { name: "kl-step", title: "KL of a step, nats a token", of: (step) => step.klStep, shown: short },
  { name: "gradient-norm", title: "Gradient norm", of: (step) => step.gradientNorm, shown: short },
];

/** What tells whether training went well, a small chart a measure, averaged over ten steps. */
export const stepCharts = ({ steps }: RunRecord): readonly Chart[] =>
  measures.flatMap((measure): Chart[] => {
    const points = steps.flatMap((step, i) => {
      const value = measure.of(step);
      return value === undefined ? [] : [{ at: i + 1, value }];
    });
    return points.length < 2 ? [] : [stepChart(measure, points, steps.length)];
  });

const stepChart = (
  { name, title, shown }: Measure,
  points: readonly { readonly at: number; readonly value: number }[],
  steps: number,
): Chart => {
  const values = smoothed(
    points.map(({ value }) => value),
    WINDOW,
  );
  const most = Math.max(...values) || 1;
  const x = (step: number): number => PLOT.left + ((PLOT.right - PLOT.left) * step) / steps;
  const y = (value: number): number => PLOT.bottom - ((PLOT.bottom - PLOT.top) * Math.max(0, value)) / most;
  const [first = 0, last = 0] = [values[0], values.at(-1)];
  const svg = chartOf({ width: WIDTH, height: HEIGHT, label: `${title}: from ${shown(first)} to ${shown(last)}` }, [
    text(12, 18, title, { bold: true }),
    ...[0, 0.5, 1].flatMap((part) => [
      line(PLOT.left, y(part * most), PLOT.right, y(part * most), { opacity: 0.25 }),
      text(PLOT.left - 8, y(part * most) + 4, shown(part * most), { anchor: "end", size: 12 }),
    ]),
    text(PLOT.left, PLOT.bottom + 18, "1", { anchor: "middle", size: 12 }),
    text(PLOT.right, PLOT.bottom + 18, `step ${steps}`, { anchor: "end", size: 12 }),
    path(
      values.map((value, i) => [x(points[i]?.at ?? 0), y(value)] as const),
      colour.line,
    ),
  ]);
  return { name, title, svg };
};
