import { percentOf } from "../../percent.ts";
import type { RunRecord } from "../run-record.ts";
import { bar, type Chart, chartOf, colour, shortened, text } from "./chart.ts";

const WIDTH = 760;
const PLOT = { left: 190, right: 690 };
const ROW = 38;
const TOP = 8;

/** How calls are shared among the tools before and after training; undefined where that was not measured. */
export const toolChart = ({ before, after }: RunRecord): Chart | undefined => {
  if (before === undefined || after === undefined) return undefined;
  const share = (of: typeof before, tool: string): number => of.toolShares[tool] ?? 0;
  const tools = [...new Set([...Object.keys(before.toolShares), ...Object.keys(after.toolShares)])].toSorted(
    (a, b) => share(after, b) - share(after, a),
  );
  if (tools.length === 0) return undefined;
  const most = Math.max(...tools.flatMap((tool) => [share(before, tool), share(after, tool)])) || 1;
  const width = (value: number): number => ((PLOT.right - PLOT.left) * value) / most;
  const svg = chartOf(
    { width: WIDTH, height: TOP + ROW * tools.length, label: "Share of calls by tool, before and after training" },
    tools.flatMap((tool, i) => {
      const y = TOP + ROW * i;
      return [
        text(PLOT.left - 12, y + 18, shortened(tool, 24), { anchor: "end" }),
        ...[before, after].flatMap((of, k) => [
          bar(PLOT.left, y + 14 * k, width(share(of, tool)), 11, k === 0 ? colour.before : colour.after),
          text(PLOT.left + width(share(of, tool)) + 8, y + 14 * k + 10, percentOf(share(of, tool)), { size: 12 }),
        ]),
      ];
    }),
  );
  return { name: "tools", title: "Share of calls by tool, before (grey) and after (green)", svg };
};
