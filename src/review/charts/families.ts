import { type Markup, markup } from "../../markup.ts";
import { percentOf } from "../../percent.ts";
import type { RunRecord } from "../run-record.ts";
import { type Chart, chartOf, circle, colour, line, shortened, text } from "./chart.ts";

const WIDTH = 760;
const PLOT = { left: 330, right: 690 };
const ROW = 20;
const TOP = 30;
const LETTERS = 46;

interface FamilyRow {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly n: number;
}

/** Families of a run as they were before and after, the most gained first: those that were trained, and the others. */
const familiesOf = ({ before, after }: RunRecord, heldOut: boolean): readonly FamilyRow[] =>
  Object.entries(after?.families ?? {})
    .filter(([, family]) => family.heldOut === heldOut)
    .map(([name, { accuracy, n }]) => ({ name, n, before: before?.families[name]?.accuracy ?? 0, after: accuracy }))
    .toSorted((a, b) => b.after - b.before - (a.after - a.before) || (a.name < b.name ? -1 : 1));

/** Accuracy by family before and after training; undefined for a run that was not evaluated again. */
export const familyChart = (record: RunRecord): Chart | undefined => {
  const groups = [
    { title: "trained families", rows: familiesOf(record, false) },
    { title: "families that were never trained", rows: familiesOf(record, true) },
  ].filter(({ rows }) => rows.length > 0);
  if (groups.length === 0) return undefined;
  const x = (share: number): number => PLOT.left + (PLOT.right - PLOT.left) * share;
  let y = TOP;
  const parts: Markup[] = [];
  for (const { title, rows } of groups) {
    parts.push(text(12, y + 14, title, { bold: true }));
    y += ROW + 4;
    for (const { name, n, before, after } of rows) {
      const middle = y + ROW / 2;
      parts.push(
        text(PLOT.left - 14, middle + 4, `${shortened(name, LETTERS)} (${n})`, { anchor: "end", size: 12 }),
        line(x(before), middle, x(after), middle, { stroke: colour.after, width: 3, opacity: 0.35 }),
        circle(x(before), middle, 4, colour.before, { hollow: true }),
        circle(x(after), middle, 4.5, colour.after),
        text(PLOT.right + 52, middle + 4, percentOf(after), { anchor: "end", size: 12 }),
      );
      y += ROW;
    }
    y += 12;
  }
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      markup`${line(x(share), TOP - 8, x(share), y - 12, { opacity: 0.25 })}${text(x(share), TOP - 14, percentOf(share), { anchor: "middle" })}`,
  );
  const svg = chartOf(
    { width: WIDTH, height: y, label: "Accuracy by family: a ring before training, a dot after it" },
    [...grid, ...parts],
  );
  return { name: "families", title: "Families, before (ring) and after (dot)", svg };
};
