import { type SetName, setNames } from "../../environment.ts";
import type { PlannerFigures } from "../../learn/evaluation.ts";
import { type Markup, markup } from "../../markup.ts";
import { percentOf } from "../../percent.ts";
import type { RunRecord } from "../run-record.ts";
import { type Chart, chartOf, circle, colour, line, text } from "./chart.ts";

const WIDTH = 760;
const PLOT = { left: 190, right: 690 };
const ROW = 22;
const GROUP_GAP = 18;
const TOP = 28;

interface Measured {
  readonly name: string;
  readonly figures: PlannerFigures;
  readonly fill: string;
}

/** Everybody who was measured, in the order in which people read them. */
const measured = ({ before, coldStart, after, baselines }: RunRecord): readonly Measured[] => {
  const all: readonly (readonly [name: string, figures: PlannerFigures | undefined, fill: string])[] = [
    ["before training", before, colour.before],
    ["after imitation", coldStart, colour.dot],
    ["after training", after, colour.after],
    ["random valid calls", baselines?.randomValid, colour.line],
    ["best fixed order", baselines?.bestFixedOrder, colour.line],
    ["oracle", baselines?.oracle, colour.line],
  ];
  return all.flatMap(([name, figures, fill]) => (figures === undefined ? [] : [{ name, figures, fill }]));
};

/** Accuracy by evaluation set, of the planner before and after and of the baselines, with 95 % intervals. */
export const accuracyChart = (record: RunRecord): Chart => {
  const rows = measured(record);
  const sets = setNames.filter((set) => rows.some(({ figures }) => figures[set].n > 0));
  const x = (share: number): number => PLOT.left + (PLOT.right - PLOT.left) * share;
  const groupHeight = ROW * (rows.length + 1) + GROUP_GAP;
  const height = TOP + groupHeight * sets.length;
  const group = (set: SetName, top: number): Markup[] => [
    text(12, top + 15, `${record.titles[set]} (${rows[0]?.figures[set].n ?? 0} questions)`, { bold: true }),
    ...rows.flatMap(({ name, figures, fill }, i) => {
      const { accuracy, interval } = figures[set];
      const [low, high] = interval;
      const y = top + ROW * (i + 1) + 11;
      return [
        text(PLOT.left - 12, y + 4, name, { anchor: "end" }),
        line(x(low), y, x(high), y, { stroke: fill, width: 4, opacity: 0.45 }),
        circle(x(accuracy), y, 4.5, fill),
        text(PLOT.right + 52, y + 4, percentOf(accuracy), { anchor: "end" }),
      ];
    }),
  ];
  const svg = chartOf({ width: WIDTH, height, label: "Accuracy by evaluation set, with 95 % intervals" }, [
    ...[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        markup`${line(x(share), TOP - 6, x(share), height - GROUP_GAP, { opacity: 0.25 })}${text(x(share), TOP - 12, percentOf(share), { anchor: "middle" })}`,
    ),
    ...sets.flatMap((set, i) => group(set, TOP + groupHeight * i)),
  ]);
  return { name: "accuracy", title: "Accuracy with 95 % intervals", svg };
};
