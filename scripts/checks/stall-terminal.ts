import { labelled, screenOn } from "../../src/cli/screen.ts";
import { cellsOf, clip, pad, tail, wrap } from "../../src/cli/text-width.ts";
import { visible } from "../../src/cli/visible.ts";
import { columns } from "../../src/cli/words.ts";
import type { Entrance } from "./stall.ts";

/** What tools and models may say, up to the length of an observation, and what a screen is asked to show beyond it. */
const texts: Readonly<Record<string, string>> = {
  "East Asian letters": "漢".repeat(16_384),
  "letters with a hundred marks": `a${"\u0301".repeat(100)}`.repeat(160),
  "one letter with all the marks": `a${"\u0301".repeat(16_000)}`,
  "spaces before a letter": `${" ".repeat(16_000)}a`,
  "joined pictures": "👩‍👩‍👧".repeat(2000),
  "letters that fill no cell": "\u200b".repeat(16_000),
  "line breaks": "\n".repeat(16_000),
};

/** A terminal that says nothing. */
const stream = Object.assign(Object.create(process.stdout) as NodeJS.WriteStream, { isTTY: true, columns: 80 });
const screen = screenOn({ stream, environment: {}, quiet: true });

const actions: Readonly<Record<string, (text: string) => unknown>> = {
  labelled: (text) => labelled(screen, "result", text, { most: 6 }),
  "a live line": (text) => screen.live(tail(text.repeat(10), 60)),
  "one line": (text) => clip(text.repeat(10), 80),
  "a line as it is": (text) => screen.line(visible(text)),
};

const shown = Object.entries(texts).flatMap(([what, text]) =>
  Object.entries(actions).map(([how, act]): Entrance => ({ name: `terminal, ${how}: ${what}`, run: () => act(text) })),
);

export const terminalEntrances: readonly Entrance[] = [
  ...shown,
  { name: "terminal, wrapped: East Asian letters", run: () => wrap("漢".repeat(16_384), 45) },
  { name: "terminal, wrapped: words", run: () => wrap("word ".repeat(20_000), 45) },
  { name: "terminal, wrapped: one word", run: () => wrap("a".repeat(100_000), 45) },
  {
    name: "terminal, filled up: East Asian letters",
    run: () => [cellsOf("漢".repeat(4000)), pad("漢".repeat(4000), 10)],
  },
  {
    name: "terminal, columns: long cells",
    run: () =>
      columns([
        ["漢".repeat(4000), "a"],
        ["b", "漢".repeat(4000)],
      ]),
  },
  { name: "terminal, escapes: every character", run: () => screen.line("\u001b[31m".repeat(10_000)) },
];
