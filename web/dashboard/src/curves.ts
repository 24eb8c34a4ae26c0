import type { RunConfig, StepRow } from "./types.ts";

/** One line of a chart. Values stand at the steps; null where there is none. */
export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Name of a colour of the page, such as `--accent`. */
  readonly colour: string;
  readonly dashed?: boolean;
  /** Around it, such as a confidence interval. */
  readonly band?: { readonly low: readonly (number | null)[]; readonly high: readonly (number | null)[] };
}

export interface Curve {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly unit: "share" | "number";
  /** Lines on top of each other, filled. */
  readonly stacked?: boolean;
}

/** Wilson's 95 % interval of a share. */
const wilson = (share: number, n: number): readonly [number, number] => {
  const z = 1.959964;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
};

/** Tasks of one validation, by the configuration of the run. */
const validationTasks = (config: RunConfig): number => {
  const { tasks } = (config.validation ?? {}) as { readonly tasks?: number };
  return typeof tasks === "number" && tasks > 0 ? tasks : 0;
};

const numberOr = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

type Metric = (row: StepRow) => unknown;
const line = (steps: readonly StepRow[], label: string, colour: string, of: Metric): Line => ({
  label,
  colour,
  values: steps.map((row) => numberOr(of(row))),
});

/** Colours of what has no order, such as tools; the last one is of all others. */
const kinds = ["--kind-1", "--kind-2", "--kind-3", "--kind-4", "--kind-5", "--kind-6", "--kind-7", "--faint"];

/** The tools of a run, the most used first; those beyond the colours are one. */
const toolMix = (steps: readonly StepRow[]): Line[] => {
  const sums = new Map<string, number>();
  for (const { metrics } of steps)
    for (const [tool, share] of Object.entries(metrics.toolShares ?? {})) sums.set(tool, (sums.get(tool) ?? 0) + share);
  const names = [...sums].sort((a, b) => b[1] - a[1]).map(([tool]) => tool);
  const shown = names.slice(0, kinds.length - 1);
  const rest = names.slice(kinds.length - 1);
  const sharesOf = (row: StepRow): Readonly<Record<string, number>> => row.metrics.toolShares ?? {};
  const lines = shown.map((tool, i) => line(steps, tool, kinds[i] ?? "--faint", (row) => sharesOf(row)[tool] ?? 0));
  if (rest.length > 0)
    lines.push(
      line(steps, `${rest.length} others`, "--faint", (row) =>
        rest.reduce((sum, tool) => sum + (sharesOf(row)[tool] ?? 0), 0),
      ),
    );
  return lines;
};

/** What a run is watched by, from its steps. Curves without a value are left out. */
export const curvesOf = (steps: readonly StepRow[], config: RunConfig): Curve[] => {
  const n = validationTasks(config);
  const validation = line(steps, "validation", "--accent", ({ validation: accuracy }) => accuracy);
  const bands = validation.values.map((share) => (share === null || n === 0 ? null : wilson(share, n)));
  const withBand: Line = {
    ...validation,
    band: { low: bands.map((one) => one?.[0] ?? null), high: bands.map((one) => one?.[1] ?? null) },
  };
  const one = (title: string, unit: Curve["unit"], of: Metric): Curve => ({
    title,
    unit,
    lines: [line(steps, title, "--accent", of)],
  });
  const all: Curve[] = [
    one("Reward", "share", ({ metrics }) => metrics.reward?.mean),
    { title: n === 0 ? "Validation" : `Validation, ${n} tasks`, unit: "share", lines: [withBand] },
    {
      title: "KL a token",
      unit: "number",
      lines: [
        line(steps, "to reference", "--accent", ({ metrics }) => metrics.klReference),
        line(steps, "of the step", "--kind-2", ({ metrics }) => metrics.klStep),
      ],
    },
    one("Entropy, nats a token", "number", ({ metrics }) => metrics.entropy),
    one("Clip fraction", "share", ({ metrics }) => metrics.clipFraction),
    one("Tool errors", "share", ({ metrics }) => metrics.toolErrorRate),
    one("Turns", "number", ({ metrics }) => metrics.turns),
    { title: "Tool mix", unit: "share", lines: toolMix(steps), stacked: true },
  ];
  return all
    .map((curve) => ({ ...curve, lines: curve.lines.filter(({ values }) => values.some((value) => value !== null)) }))
    .filter(({ lines }) => lines.length > 0);
};

/** The same curves of two runs over each other, at the steps of the longer one. */
export const curvesOver = (left: readonly Curve[], right: readonly Curve[]): Curve[] =>
  left
    .filter(({ stacked }) => stacked !== true)
    .flatMap((curve) => {
      const other = right.find(({ title }) => title.split(",")[0] === curve.title.split(",")[0]);
      const [ours] = curve.lines;
      const [theirs] = other?.lines ?? [];
      if (ours === undefined || theirs === undefined) return [];
      const length = Math.max(ours.values.length, theirs.values.length);
      const stretched = ({ values }: Line): (number | null)[] => Array.from({ length }, (_, i) => values[i] ?? null);
      return [
        {
          title: curve.title,
          unit: curve.unit,
          lines: [
            { label: "left", colour: "--kind-2", values: stretched(ours) },
            { label: "right", colour: "--accent", values: stretched(theirs) },
          ],
        },
      ];
    });
