import type { Entrance } from "./stall.ts";

const spaces = (count: number): string => " ".repeat(count);

/** How these texts were once read: each takes at least a quadratic time. `check:stall` has to see every one. */
export const entrancesBefore: readonly Entrance[] = [
  {
    name: "a heading with spaces inside",
    run: () => /^#{1,4}\s+(.+?)\s*#*$/.exec(`# a${spaces(20_000)}b`),
  },
  {
    name: "a boxed answer that never ends",
    run: () => "\\boxed{".repeat(15_000).replace(/\\boxed\s*\{(.*)\}/s, "$1"),
  },
  {
    name: "a question with spaces inside",
    run: () => `a${spaces(35_000)}b`.replace(/\s*When ready, output the final answer[\s\S]*$/i, ""),
  },
  {
    name: "a verdict of line breaks",
    run: () => /^\W*decision\W*[:=]\s*(.+)$/imu.exec("\n".repeat(35_000)),
  },
  {
    name: "answer tags without an end",
    run: () => [..."<answer>".repeat(20_000).matchAll(/<answer>([\s\S]*?)<\/answer>/gi)],
  },
  {
    name: "slashes before a letter",
    run: () => `${"/".repeat(40_000)}a`.replace(/\/+$/, ""),
  },
  {
    name: "lines of East Asian letters",
    run: () => wrapEach("漢".repeat(6000), 40),
  },
];

/** Looks at all that is left for each line. */
const wrapEach = (text: string, width: number): string[] => {
  const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
  const lines: string[] = [];
  for (let rest = text; rest !== ""; ) {
    const letters = Array.from(segmenter.segment(rest), ({ segment }) => segment);
    const line = letters.slice(0, width / 2).join("");
    lines.push(line);
    rest = rest.slice(line.length);
  }
  return lines;
};
