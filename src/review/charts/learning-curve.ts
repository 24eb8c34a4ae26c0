import { percentOf } from "../../percent.ts";
import type { RunRecord } from "../run-record.ts";
import { type Chart, chartOf, circle, colour, line, path, smoothed, text } from "./chart.ts";

const [WIDTH, HEIGHT] = [760, 300];
const PLOT = { left: 52, right: 540, top: 16, bottom: 258 };
/** Steps over which rewards are averaged. */
const WINDOW = 10;
/** Between the baselines of labels that stand above each other. */
const LABEL_HEIGHT = 16;
const QUARTERS = [0, 0.25, 0.5, 0.75, 1];

/**
 * The learning curve of a run: mean reward of each step in training, validation accuracy, and what the planner and the
 * baselines do on test questions. Of a run that has not ended, what there is.
 */
export const learningCurve = ({ steps, before, after, baselines, titles }: RunRecord): Chart => {
  const x = (step: number): number => PLOT.left + ((PLOT.right - PLOT.left) * step) / Math.max(1, steps.length);
  const y = (share: number): number => PLOT.bottom - (PLOT.bottom - PLOT.top) * share;
  const percent = (share: number): string => percentOf(share);
  const rewards = smoothed(
    steps.map(({ reward }) => reward),
    WINDOW,
  );
  const [from, to] = [before?.heldOutPages.accuracy, after?.heldOutPages.accuracy];
  const levels = [
    { name: "best fixed order", share: baselines?.bestFixedOrder.heldOutPages.accuracy },
    { name: "random valid calls", share: baselines?.randomValid.heldOutPages.accuracy },
  ].flatMap(({ name, share }) => (share === undefined ? [] : [{ share, words: `${name} ${percent(share)}` }]));
  const gained = from === undefined || to === undefined ? [] : [{ share: to, words: gainWords(from, to, titles) }];
  const label =
    from === undefined || to === undefined
      ? `Mean reward over ${steps.length} steps`
      : `Accuracy goes from ${percent(from)} to ${percent(to)} in ${steps.length} steps`;
  const labels = apart([
    ...gained.map((one) => ({ ...one, y: y(one.share) - 4, bold: true, fill: colour.after })),
    ...levels.map((one) => ({ ...one, y: y(one.share) + 4, bold: false, fill: undefined })),
  ]);
  const svg = chartOf({ width: WIDTH, height: HEIGHT, label }, [
    ...QUARTERS.flatMap((share) => [
      line(PLOT.left, y(share), PLOT.right, y(share), { opacity: 0.25 }),
      text(PLOT.left - 8, y(share) + 4, percent(share), { anchor: "end" }),
    ]),
    ...QUARTERS.map((part) =>
      text(x(part * steps.length), PLOT.bottom + 20, String(Math.round(part * steps.length)), { anchor: "middle" }),
    ),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 4, "training steps", { anchor: "middle" }),
    ...levels.map(({ share }) => line(PLOT.left, y(share), PLOT.right, y(share), { dashed: true })),
    path(
      rewards.map((share, i) => [x(i + 1), y(share)] as const),
      colour.line,
    ),
    ...steps.flatMap(({ validation }, i) =>
      validation === undefined ? [] : [circle(x(i + 1), y(validation), 3, colour.dot)],
    ),
    ...(from === undefined ? [] : [circle(x(0), y(from), 5, colour.after)]),
    ...(to === undefined ? [] : [circle(x(steps.length), y(to), 5, colour.after)]),
    ...labels.map(({ words, y: down, bold, fill }) =>
      text(PLOT.right + 10, down, words, { bold, ...(fill !== undefined && { fill }) }),
    ),
    text(PLOT.left + 12, PLOT.top + 14, "reward in training", { fill: colour.line }),
    text(PLOT.left + 150, PLOT.top + 14, "validation", { fill: colour.dot }),
  ]);
  return { name: "learning-curve", title: "Learning curve", svg };
};

const gainWords = (from: number, to: number, titles: RunRecord["titles"]): string =>
  `${titles.heldOutPages}: ${percentOf(from)} → ${percentOf(to)}`;

/** Labels from the top, each at least a line below the one before. */
const apart = <Label extends { readonly y: number }>(labels: readonly Label[]): Label[] => {
  let lowest = Number.NEGATIVE_INFINITY;
  return labels
    .toSorted((a, b) => a.y - b.y)
    .map((label) => {
      lowest = Math.max(label.y, lowest + LABEL_HEIGHT);
      return { ...label, y: lowest };
    });
};
