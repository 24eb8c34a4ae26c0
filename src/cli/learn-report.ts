import { type SetName, setNames } from "../environment.ts";
import type { Baselines } from "../learn/baselines.ts";
import type { PlannerFigures } from "../learn/evaluation.ts";
import type { LearnReport } from "../learn/report.ts";
import { cellsOf, clip, hanging } from "./text-width.ts";
import { columns, percent, percentInterval, points } from "./words.ts";

/** What a report calls the sets. */
export type Titles = Readonly<Record<SetName, string>>;

type Figures = Pick<LearnReport, "before" | "after" | "gain" | "baselines" | "coldStart" | "gainOfFlow" | "failing">;

/**
 * Every family, tools and their orders, and last, where it stays on the screen, accuracy by set with its gain. Lines fit
 * `given` cells, or 80 where that is less.
 */
export const reportLines = (report: Figures, titles: Titles, given: number): string[] => {
  const width = Math.max(80, given);
  return [
    ...familyTable(report, width),
    "",
    ...toolTable(report),
    "",
    ...[
      ...orderLines("before", report.before),
      ...orderLines("after", report.after),
      `Best fixed order: ${report.baselines.bestFixedOrder.order.map(short).join(" → ")}`,
    ].map((line) => clip(line, width)),
    ...coldStartLines(report, titles).flatMap((line) => hanging(line, width, 2)),
    ...failureLines(report, titles),
    "",
    "Accuracy in %, with 95 % intervals (Wilson); gain in points, paired (Newcombe).",
    "",
    ...setTable(report, titles, width),
  ];
};

/** Where a planner was shown the tools first: what it could do then, and what the flow has added. */
const coldStartLines = ({ before, coldStart, gainOfFlow }: Figures, titles: Titles): string[] =>
  coldStart === undefined || gainOfFlow === undefined
    ? []
    : shownSets(before).map((name) => {
        const { accuracy, interval } = coldStart[name];
        const { points: gained, interval: around } = gainOfFlow[name];
        return `After the cold start, ${titles[name]}: ${percent(accuracy)} ${percentInterval(interval)}; from there ${points(gained, around)}`;
      });

/** Where calls failed in training: how the planner does when they fail. */
const failureLines = ({ failing }: Figures, titles: Titles): string[] => {
  if (failing === undefined) return [];
  const { n, met, accuracy, interval } = failing;
  return [
    `With such failures, ${titles.heldOutPages}: ${percent(accuracy)} ${percentInterval(interval)} of ${n};`,
    `of the ${met.n} that met a failure ${percent(met.accuracy)} ${percentInterval(met.interval)} are solved`,
  ];
};

/** A environment may leave sets empty. */
const shownSets = (figures: PlannerFigures): readonly SetName[] => setNames.filter((name) => figures[name].n > 0);

const setTable = ({ before, after, gain, baselines }: Figures, titles: Titles, width: number): string[] => {
  const others = scripted(baselines);
  const figure = ({ accuracy }: { readonly accuracy: number }): string => String(Math.round(100 * accuracy));
  const conduct = (title: string, show: (figures: PlannerFigures) => string): string[] => {
    const [first = "", second = "", ...more] = [before, after, ...others].map(show);
    return [title, "", first, second, "", ...more];
  };
  const rows = (room: number): string[][] => [
    ["", "tasks", "before", "after", "gain", ...namesOf(baselines)],
    ...shownSets(before).map((name) => [
      clip(titles[name], room),
      String(before[name].n),
      figure(before[name]),
      `${figure(after[name])} ${percentInterval(after[name].interval)}`,
      points(gain[name].points, gain[name].interval),
      ...others.map((figures) => figure(figures[name])),
    ]),
    conduct("turns a task", ({ averageTurns }) => averageTurns.toFixed(1)),
    conduct("tool errors", ({ toolErrorRate }) => percent(toolErrorRate)),
  ];
  const wide = columns(rows(20));
  return wide.every((line) => cellsOf(line) <= width) ? wide : columns(rows(18), 1);
};

/** The baselines that there are, in the order of their names. */
const scripted = ({ randomValid, bestFixedOrder, oracle }: Baselines): readonly PlannerFigures[] =>
  oracle === undefined ? [randomValid, bestFixedOrder] : [randomValid, bestFixedOrder, oracle];

const namesOf = (baselines: Baselines): readonly string[] =>
  ["random", "fixed", "oracle"].slice(0, scripted(baselines).length);

const toolTable = ({ before, after, baselines }: Figures): string[] => {
  const all = [before, after, ...scripted(baselines)];
  const tools = [...new Set(all.flatMap(({ toolShares }) => Object.keys(toolShares)))].sort();
  return columns([
    ["share of calls", "before", "after", ...namesOf(baselines)],
    ...tools.map((tool) => [tool, ...all.map(({ toolShares }) => percent(toolShares[tool] ?? 0))]),
  ]);
};

const ORDERS_SHOWN = 3;

const orderLines = (when: string, { toolOrders }: PlannerFigures): string[] => [
  `Commonest tool orders ${when}:`,
  ...toolOrders
    .slice(0, ORDERS_SHOWN)
    .map(({ tools, count }) => `${String(count).padStart(5)} × ${tools.map(short).join(" → ")}`),
];

/** Orders of ten tools must fit a line. */
const short = (tool: string): string =>
  ({ web_search: "search", web_page: "page", wikipedia_search: "wikipedia", base_generator: "guess" })[tool] ?? tool;

const familyTable = ({ before, after, baselines }: Figures, width: number): string[] => {
  const others = scripted(baselines);
  const names = namesOf(baselines);
  // Two spaces and six cells for each column of figures, which all fit `before`.
  const room = width - 8 * (3 + names.length);
  const row = (family: string): string[] => {
    const [from, to] = [before.families[family], after.families[family]];
    const shares = [from, to, ...others.map(({ families }) => families[family])];
    return [
      shortened(family, room),
      String(from?.n ?? 0),
      ...shares.map((share) => String(Math.round(100 * (share?.accuracy ?? 0)))),
    ];
  };
  const table = (heldOut: boolean): string[][] =>
    Object.keys(before.families)
      .filter((family) => before.families[family]?.heldOut === heldOut)
      .map(row);
  const unseen = table(true);
  return columns([
    ["family, % right", "tasks", "before", "after", ...names],
    ["trained"],
    ...table(false),
    ...(unseen.length === 0 ? [] : [["never trained"], ...unseen]),
  ]);
};

/** A name that fits: what is in its middle is left out, for both its ends tell families apart. */
const shortened = (name: string, width: number): string => {
  if (cellsOf(name) <= width) return name;
  const half = Math.floor((width - 1) / 2);
  return `${clip(name, half)}${name.slice(-half)}`;
};
