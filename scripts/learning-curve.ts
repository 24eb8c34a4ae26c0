import type { LearnReport } from "../src/learn/index.ts";

interface Row {
  readonly reward: { readonly mean: number };
  readonly validation?: number;
}

const [WIDTH, HEIGHT] = [760, 300];
const PLOT = { left: 46, right: 560, top: 16, bottom: 258 };
/** Steps over which rewards are averaged. */
const WINDOW = 10;

/**
 * The learning curve of a run as an SVG: mean reward of each step in training, validation accuracy, and what the planner
 * and the baselines do on test questions over unseen pages. Colours work on light and on dark.
 */
export const learningCurve = (rows: readonly Row[], { before, after, baselines }: LearnReport): string => {
  const steps = rows.length;
  const x = (step: number): number => PLOT.left + ((PLOT.right - PLOT.left) * step) / steps;
  const y = (share: number): number => PLOT.bottom - (PLOT.bottom - PLOT.top) * share;
  const place = (step: number, share: number): string => `${x(step).toFixed(1)},${y(share).toFixed(1)}`;
  const smooth = rows.map((_, i) => {
    const part = rows.slice(Math.max(0, i - WINDOW + 1), i + 1);
    return part.reduce((sum, { reward }) => sum + reward.mean, 0) / part.length;
  });
  const reward = smooth.map((share, i) => place(i + 1, share)).join(" ");
  const validated = rows.flatMap(({ validation }, i) => (validation === undefined ? [] : [place(i + 1, validation)]));
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const text = (at: number, down: number, words: string, more = ""): string =>
    `<text x="${at}" y="${down.toFixed(1)}" ${more}>${words}</text>`;
  const level = (share: number, name: string, shift = 0): string =>
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(share).toFixed(1)}" y2="${y(share).toFixed(1)}" stroke="#8a8f98" stroke-dasharray="4 4"/>${text(PLOT.right + 10, y(share) + 4 + shift, `${name} ${percent(share)}`)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Accuracy rises from ${percent(before.heldOutPages.accuracy)} to ${percent(after.heldOutPages.accuracy)} in ${steps} steps" font-family="system-ui, sans-serif" font-size="13" fill="#767b84">
${[0, 0.25, 0.5, 0.75, 1].map((share) => `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(share)}" y2="${y(share)}" stroke="#8a8f98" stroke-opacity="0.25"/>${text(PLOT.left - 8, y(share) + 4, percent(share), 'text-anchor="end"')}`).join("\n")}
${[0, 0.25, 0.5, 0.75, 1].map((part) => text(x(part * steps), PLOT.bottom + 20, String(Math.round(part * steps)), 'text-anchor="middle"')).join("\n")}
${text((PLOT.left + PLOT.right) / 2, HEIGHT - 4, "training steps", 'text-anchor="middle"')}
${level(baselines.bestFixedOrder.heldOutPages.accuracy, "best fixed order")}
${level(baselines.randomValid.heldOutPages.accuracy, "random valid calls")}
<polyline points="${reward}" fill="none" stroke="#2f81f7" stroke-width="2"/>
${validated.map((point) => `<circle cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="3" fill="#db6d28"/>`).join("\n")}
<circle cx="${x(0)}" cy="${y(before.heldOutPages.accuracy).toFixed(1)}" r="5" fill="#2da44e"/>
<circle cx="${x(steps)}" cy="${y(after.heldOutPages.accuracy).toFixed(1)}" r="5" fill="#2da44e"/>
${text(PLOT.right + 10, y(after.heldOutPages.accuracy) - 8, `unseen pages: ${percent(before.heldOutPages.accuracy)} → ${percent(after.heldOutPages.accuracy)}`, 'font-weight="600" fill="#2da44e"')}
${text(PLOT.left + 12, PLOT.top + 14, "reward in training", 'fill="#2f81f7"')}
${text(PLOT.left + 150, PLOT.top + 14, "validation", 'fill="#db6d28"')}
</svg>
`;
};
