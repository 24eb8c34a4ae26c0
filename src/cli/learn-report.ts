import type { Baselines } from "./baselines.ts";
import { type Gain, type PlannerFigures, type SetName, setNames } from "./evaluation.ts";
import { columns, percent, percentInterval, points } from "./words.ts";

/** What `agentflow learn` found: `report.json` of its run, and its `--json`. Wall time is in `seconds` only. */
export interface LearnReport {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly seconds: {
    readonly total: number;
    readonly evaluate: number;
    readonly rollOut: number;
    readonly train: number;
    /** Of a planner that had to be shown the tools first. */
    readonly coldStart?: number;
  };
  /** Everything that was used. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps that were trained; fewer than asked for when it was interrupted. */
  readonly stepsDone: number;
  readonly interrupted: boolean;
  readonly before: PlannerFigures;
  /** After imitation of random valid plans and before the first rollout, where there was a cold start. */
  readonly coldStart?: PlannerFigures;
  /** What the flow has taught beyond the cold start. */
  readonly gainOfFlow?: Readonly<Record<SetName, Gain>>;
  readonly after: PlannerFigures;
  readonly gain: Readonly<Record<SetName, Gain>>;
  readonly baselines: Baselines;
}

const titles: Readonly<Record<SetName, string>> = {
  heldOutPages: "unseen pages",
  heldOutFamily: "unseen families",
  heldOutParaphrase: "unseen wording",
  deep: "deeper plans",
};

type Figures = Pick<LearnReport, "before" | "after" | "gain" | "baselines" | "coldStart" | "gainOfFlow">;

/** Accuracy by set, gain, conduct, tools and their orders, and every family, as lines of at most 100 characters. */
export const reportLines = (report: Figures): string[] => [
  ...setTable(report),
  "",
  "Accuracy in %, with 95 % intervals (Wilson); gain in points, paired by task (Newcombe).",
  ...coldStartLines(report),
  `Best fixed order: ${report.baselines.bestFixedOrder.order.join(" → ")}`,
  "",
  ...toolTable(report),
  "",
  ...orderLines("before", report.before),
  ...orderLines("after", report.after),
  "",
  ...familyTable(report),
];

/** Where a planner was shown the tools first: what it could do then, and what the flow has added. */
const coldStartLines = ({ coldStart, gainOfFlow }: Figures): string[] =>
  coldStart === undefined || gainOfFlow === undefined
    ? []
    : setNames.map((name) => {
        const { accuracy, interval } = coldStart[name];
        const { points: gained, interval: around } = gainOfFlow[name];
        return `After the cold start, ${titles[name]}: ${percent(accuracy)} ${percentInterval(interval)}; from there ${points(gained, around)}`;
      });

const setTable = ({ before, after, gain, baselines }: Figures): string[] => {
  const { randomValid, bestFixedOrder, oracle } = baselines;
  const accuracy = (figures: PlannerFigures, name: SetName): string =>
    `${percent(figures[name].accuracy)} ${percentInterval(figures[name].interval)}`;
  const plain = (figures: PlannerFigures, name: SetName): string => percent(figures[name].accuracy);
  const all = [before, after, randomValid, bestFixedOrder, oracle];
  const conduct = (title: string, show: (figures: PlannerFigures) => string): string[] => {
    const [first = "", second = "", ...others] = all.map(show);
    return [title, "", first, second, "", ...others];
  };
  return columns([
    ["", "tasks", "before", "after", "gain", "random", "fixed", "oracle"],
    ...setNames.map((name) => [
      titles[name],
      String(before[name].n),
      accuracy(before, name),
      accuracy(after, name),
      points(gain[name].points, gain[name].interval),
      plain(randomValid, name),
      plain(bestFixedOrder, name),
      plain(oracle, name),
    ]),
    conduct("turns a task", ({ averageTurns }) => averageTurns.toFixed(1)),
    conduct("tool errors", ({ toolErrorRate }) => percent(toolErrorRate)),
  ]);
};

const toolTable = ({ before, after, baselines }: Figures): string[] => {
  const all = [before, after, baselines.randomValid, baselines.bestFixedOrder, baselines.oracle];
  const tools = [...new Set(all.flatMap(({ toolShares }) => Object.keys(toolShares)))].sort();
  return columns([
    ["share of calls", "before", "after", "random", "fixed", "oracle"],
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

const familyTable = ({ before, after, baselines }: Figures): string[] => {
  const row = (family: string): string[] => {
    const [from, to] = [before.families[family], after.families[family]];
    const others = [baselines.randomValid, baselines.bestFixedOrder, baselines.oracle];
    return [
      family,
      String(from?.n ?? 0),
      percent(from?.accuracy ?? 0),
      percent(to?.accuracy ?? 0),
      percentInterval(to?.interval ?? [0, 1]),
      ...others.map(({ families }) => percent(families[family]?.accuracy ?? 0)),
    ];
  };
  const table = (heldOut: boolean): string[][] =>
    Object.keys(before.families)
      .filter((family) => before.families[family]?.heldOut === heldOut)
      .map(row);
  return columns([
    ["family", "tasks", "before", "after", "", "random", "fixed", "oracle"],
    ["trained"],
    ...table(false),
    ["never trained"],
    ...table(true),
  ]);
};
