import type { SetName } from "../environment.ts";
import type { PlannerFigures } from "../learn/evaluation.ts";
import { isPageOf, type Markup, markup, pageOf } from "../markup.ts";
import { hundredths, percentOf } from "../percent.ts";
import type { Interval } from "../train/index.ts";
import { accuracyChart } from "./charts/accuracy.ts";
import type { Chart } from "./charts/chart.ts";
import { familyChart } from "./charts/families.ts";
import { learningCurve } from "./charts/learning-curve.ts";
import { stepCharts } from "./charts/steps.ts";
import { toolChart } from "./charts/tools.ts";
import { commandOf } from "./repeat-words.ts";
import { reportStyle } from "./report-style.ts";
import { type RunRecord, setsIn } from "./run-record.ts";

/** All charts of a run, in the order in which its report shows them. */
export const chartsOf = (record: RunRecord): readonly Chart[] =>
  [
    ...(record.steps.length === 0 ? [] : [learningCurve(record)]),
    ...(record.before === undefined && record.after === undefined ? [] : [accuracyChart(record)]),
    familyChart(record),
    toolChart(record),
    ...stepCharts(record),
  ].filter((chart) => chart !== undefined);

const GENERATOR = "agentflow report";

/** Whether a text is a report that was written here. */
export const isReportPage = (text: string): boolean => isPageOf(GENERATOR, text);

/** The whole report: one page of HTML that asks for nothing else. */
export const reportPage = (record: RunRecord): string => {
  const charts = new Map(chartsOf(record).map((chart) => [chart.name, chart]));
  const body = [
    heading(record),
    cards(record),
    section(
      "Learning curve",
      figure(
        charts.get("learning-curve"),
        "Mean reward of the rollouts of a step, averaged over ten steps, and accuracy on questions set aside for validation.",
      ),
    ),
    section(
      "How much better",
      figure(charts.get("accuracy"), "Dots are accuracy, bars 95 % Wilson intervals."),
      setTable(record),
    ),
    section(
      "Families of questions",
      figure(
        charts.get("families"),
        "A ring is before training, a dot after it; the number of questions is in brackets.",
      ),
    ),
    section(
      "What the planner does now",
      figure(charts.get("tools"), "Share of all calls that went to a tool: grey before training, green after it."),
      orders(record),
    ),
    section("Did training go well?", diagnosis(record), stepFigures(charts)),
    section("Baselines", baselines(record)),
    section("Settings", settings(record)),
    section("Repeat it", repeat(record)),
  ];
  const title = `Run ${record.id}`;
  return pageOf({ title, style: reportStyle, generator: GENERATOR, body: markup`<main>${body}</main>` });
};

type Block = Markup | undefined;

/** A part of the page; nothing where it would have nothing to say. */
const section = (title: string, ...blocks: readonly Block[]): Block => {
  const there = blocks.filter((block) => block !== undefined);
  return there.length === 0 ? undefined : markup`<section><h2>${title}</h2>${there}</section>\n`;
};

const figure = (chart: Chart | undefined, caption: string): Block =>
  chart === undefined
    ? undefined
    : markup`<figure><div class="scroll" tabindex="0" role="group" aria-label="${chart.title}">${{ markup: chart.svg }}</div><figcaption>${caption}</figcaption></figure>`;

const interval = ([low, high]: Interval): string => `[${hundredths(low)}, ${hundredths(high)}]`;
const points = (share: number): string => `${share < 0 ? "" : "+"}${hundredths(share)}`;

const heading = ({ id, config, titles, steps, before, after, gain, report }: RunRecord): Markup => {
  const trained = Array.isArray(config.train) ? config.train.join(" and ") : "planner";
  const what = markup`${String(config.model ?? "A model")}: the ${trained} of a flow, trained by Flow-GRPO on ${environmentOf(config)}.`;
  const said =
    before === undefined || after === undefined || gain === undefined
      ? markup`<p><b>This run has not ended.</b> ${steps.length} of ${String(config.steps)} steps are done; what follows is what there is.</p>`
      : markup`<p>After ${report?.stepsDone ?? steps.length} steps it solves <b>${percentOf(after.heldOutPages.accuracy)}</b> ${interval(after.heldOutPages.interval)} of ${after.heldOutPages.n} questions over ${titles.heldOutPages}, which it was never trained on. Before training it solved ${percentOf(before.heldOutPages.accuracy)} ${interval(before.heldOutPages.interval)}. ${verdict(gain.heldOutPages)}</p>`;
  const stopped =
    report?.interrupted === true
      ? markup`<p class="quiet">The run was stopped early and can be resumed.</p>`
      : undefined;
  const control =
    config.permuteRewards === true
      ? markup`<p><b>This is a control:</b> rewards were dealt out at random, so nothing should be learnt.</p>`
      : undefined;
  return markup`<header><p class="quiet">Run ${id}</p><h1>${headline(before, after)}</h1><p>${what}</p>${said}${stopped ?? ""}${control ?? ""}</header>`;
};

const headline = (before: PlannerFigures | undefined, after: PlannerFigures | undefined): string =>
  before === undefined || after === undefined
    ? "A run of learning under way"
    : `${percentOf(before.heldOutPages.accuracy)} → ${percentOf(after.heldOutPages.accuracy)} of unseen questions solved`;

const environmentOf = (config: RunRecord["config"]): string =>
  config.almanac === undefined ? "a project’s own tasks and tools" : "the Almanac, the built-in environment";

const verdict = ({ interval: [low, high] }: { readonly interval: Interval }): string =>
  low > 0
    ? "The whole interval of the gain is above zero: it has learnt."
    : high < 0
      ? "The whole interval of the gain is below zero: it has got worse."
      : "The interval of the gain includes zero: these questions do not tell whether it has learnt.";

const cards = (record: RunRecord): Block => {
  const { before, after, gain, titles } = record;
  if (before === undefined || after === undefined || gain === undefined) return undefined;
  const card = (set: SetName): Markup => {
    const { points: gained, interval: around } = gain[set];
    const way = around[0] > 0 ? "up" : around[1] < 0 ? "down" : "quiet";
    return markup`<li><span>${titles[set]}</span><b class="${way}">${points(gained)} points</b><small>${percentOf(before[set].accuracy)} → ${percentOf(after[set].accuracy)}; gain ${interval(around)}</small></li>`;
  };
  return markup`<ul class="cards">${setsIn(record).map(card)}</ul><p class="quiet">Gains are paired, on the same questions, with 95 % intervals (Newcombe).</p>`;
};

const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): Markup =>
  markup`<div class="scroll" tabindex="0" role="group" aria-label="${head[0] ?? ""}"><table><thead><tr>${head.map((cell) => markup`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${rows.map((row) => markup`<tr>${row.map((cell) => markup`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;

const setTable = (record: RunRecord): Block => {
  const { before, after, gain, titles } = record;
  if (before === undefined || after === undefined || gain === undefined) return undefined;
  const share = ({ accuracy, interval: around }: { accuracy: number; interval: Interval }): string =>
    `${hundredths(accuracy)} ${interval(around)}`;
  return table(
    ["questions over", "n", "before, %", "after, %", "gain, points", "McNemar p"],
    setsIn(record).map((set) => [
      titles[set],
      before[set].n,
      share(before[set]),
      share(after[set]),
      `${points(gain[set].points)} ${interval(gain[set].interval)}`,
      gain[set].p < 0.001 ? "< 0.001" : gain[set].p.toFixed(3),
    ]),
  );
};

const ORDERS = 3;

const orders = ({ before, after }: RunRecord): Block => {
  if (before === undefined || after === undefined) return undefined;
  const list = (of: PlannerFigures): Markup =>
    markup`<ol>${of.toolOrders.slice(0, ORDERS).map(({ tools, count }) => markup`<li>${tools.join(" → ")} <span class="quiet">(${count} ×)</span></li>`)}</ol>`;
  return markup`<p>Commonest orders of tools after training:</p>${list(after)}<p class="quiet">Before training:</p>${list(before)}<p>A question takes ${after.averageTurns.toFixed(1)} turns (before ${before.averageTurns.toFixed(1)}); ${percentOf(after.toolErrorRate)} of the calls fail or are refused (before ${percentOf(before.toolErrorRate)}).</p>`;
};

const diagnosis = ({ diagnosis: found, steps }: RunRecord): Block => {
  if (steps.length === 0) return undefined;
  if (found.length === 0)
    return markup`<p>Nothing was found that kept it from learning (thirteen causes are looked for).</p>`;
  return markup`<ul class="plain">${found.map(
    ({ since, until, seen, advice }) =>
      markup`<li><b>${until === undefined ? `Since step ${since}` : until === since ? `Step ${since}` : `Steps ${since} to ${until}`}:</b> ${seen} ${advice}</li>`,
  )}</ul>`;
};

const stepFigures = (charts: ReadonlyMap<string, Chart>): Block => {
  const small = ["tool-errors", "turns", "mixed-groups", "entropy", "kl-step", "gradient-norm"].flatMap(
    (name) => charts.get(name) ?? [],
  );
  return small.length === 0
    ? undefined
    : markup`<div class="small">${small.map(({ svg }) => markup`<figure>${{ markup: svg }}</figure>`)}</div>`;
};

const baselines = (record: RunRecord): Block => {
  const { baselines: measured, titles } = record;
  if (measured === undefined) return undefined;
  const rows: readonly (readonly [string, PlannerFigures | undefined])[] = [
    ["random valid calls", measured.randomValid],
    ["best fixed order", measured.bestFixedOrder],
    ["oracle", measured.oracle],
    ["the planner, after", record.after],
  ];
  const sets = setsIn(record);
  return markup`<p>The same questions, solved by planners that know the tools and learn nothing: by valid calls at random, by the best order of tools that does not look at the question (${measured.bestFixedOrder.order.join(" → ")})${measured.oracle === undefined ? "" : ", and by one that knows the plan"}.</p>${table(
    ["% solved", ...sets.map((set) => titles[set])],
    rows.flatMap(([name, figures]) =>
      figures === undefined
        ? []
        : [[name, ...sets.map((set) => `${hundredths(figures[set].accuracy)} ${interval(figures[set].interval)}`)]],
    ),
  )}`;
};

/** Settings as names with dots and values, each in a row. */
const flat = (value: unknown, name: string): readonly (readonly [string, string])[] =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => flat(inner, name === "" ? key : `${name}.${key}`))
    : [[name, Array.isArray(value) ? value.join(", ") : String(value)]];

const hours = (seconds: number): string =>
  seconds < 90
    ? `${Math.round(seconds)} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;

const settings = ({ config, report }: RunRecord): Block => {
  const machine = flat(config.machine ?? {}, "");
  const seconds = Object.entries(report?.seconds ?? {});
  const rows = flat({ ...config, machine: undefined }, "").filter(([, value]) => value !== "undefined");
  const free = (all: readonly (readonly [string, string])[]): Markup =>
    markup`<table><tbody>${all.map(([name, value]) => markup`<tr><td>${name}</td><td class="free">${value}</td></tr>`)}</tbody></table>`;
  return markup`<p>${String(config.tasksPerStep)} tasks × ${String(config.groupSize)} rollouts a step; seed ${String(config.seed)}.${seconds.length === 0 ? "" : ` It took ${seconds.map(([part, took]) => `${hours(took)} (${part})`).join(", ")}.`}</p><details><summary>Machine</summary>${free(machine)}</details><details><summary>All settings</summary>${free(rows)}</details>`;
};

const repeat = (
  record: RunRecord,
): Markup => markup`<p>The same command, seed and machine give the same run, bit for bit${
  Number(record.options.maxStaleness ?? 0) > 0 || record.options.minutes !== undefined
    ? "; not so this one, which depends on the clock"
    : ""
}:</p><pre>${commandOf(record)}</pre><p>To compare every file of this run with one that is done again, and to ask why it solves a question as it does:</p><pre>npx agentflow runs verify ${record.id}
npx agentflow why ${record.id} &lt;task&gt;</pre>`;
