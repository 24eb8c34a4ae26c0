import type { Run, ShownLine } from "./terminal-screen.ts";

const COLUMN = 8.4;
const ROW = 20;
const MARGIN = 20;
const BAR = 34;
const COLUMNS = 80;
/** Seconds for which the last frame stands before it begins again. */
const HELD = 6;
const TIMES = 3;

const style = `
.paper{fill:#fff;stroke:#d1d9e0}text{fill:#1f2328;font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;white-space:pre}
.bold{font-weight:700}.dim{fill:#59636e}.good{fill:#1a7f37}.bad{fill:#cf222e}.mark{fill:#1a7f37}.dot{fill:#d1d9e0}
@media (prefers-color-scheme:dark){.paper{fill:#0d1117;stroke:#3d444d}text{fill:#e6edf3}.dim{fill:#9198a1}.good,.mark{fill:#3fb950}.bad{fill:#f85149}.dot{fill:#3d444d}}
.gone{opacity:0}`;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const textOf = ({ column, text, look }: Run, y: number): string => {
  const letters = [...text].length;
  const length = letters > 1 ? ` textLength="${(letters * COLUMN).toFixed(1)}"` : "";
  const kind = look === "plain" ? "" : ` class="${look}"`;
  return `<text x="${(MARGIN + column * COLUMN).toFixed(1)}" y="${y}"${length}${kind}>${escaped(text)}</text>`;
};

/**
 * A session as an animated SVG: CSS alone, both colour schemes, played three times. Who prefers no motion gets the last
 * frame, and so does whoever shows no animations. `speed` 2 plays it twice as fast as it was.
 */
export const movingPicture = (all: readonly ShownLine[], command: string, speed: number): string => {
  const last = Math.max(...all.map(({ from }) => from)) / speed;
  const total = last + HELD;
  const share = (seconds: number): string => `${((100 * seconds) / speed / total).toFixed(2)}%`;
  // Lines that were there for no time are left out.
  const lines = all.filter(({ from, until }) => until === undefined || share(from) !== share(until));
  const height = BAR + (Math.max(...lines.map(({ row }) => row)) + 3) * ROW;
  const width = 2 * MARGIN + COLUMNS * COLUMN;
  const baseline = (row: number): number => BAR + (row + 2) * ROW;
  const frames = lines.map(({ from, until }, i) => {
    const end = until === undefined ? "" : `${share(until)}{opacity:0}`;
    return `@keyframes l${i}{0%{opacity:0}${share(from)}{opacity:1}${end}}`;
  });
  const groups = lines.map(({ row, runs, until }, i) => {
    const gone = until === undefined ? "" : ' class="gone"';
    return `<g${gone} style="--n:l${i}">${runs.map((run) => textOf(run, baseline(row))).join("")}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="A terminal session: ${escaped(command.replaceAll('"', "'"))}">`,
    `<style>${style}`,
    `@media (prefers-reduced-motion:no-preference){g{animation:var(--n) ${total.toFixed(1)}s step-end ${TIMES}}}`,
    ...frames,
    "</style>",
    `<rect class="paper" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10"/>`,
    [0, 1, 2].map((i) => `<circle class="dot" cx="${MARGIN + 6 + 20 * i}" cy="20" r="6"/>`).join(""),
    `<text class="mark" x="${MARGIN}" y="${baseline(-1)}">$</text>${textOf({ column: 2, text: command, look: "plain" }, baseline(-1))}`,
    ...groups,
    "</svg>",
    "",
  ].join("\n");
};
