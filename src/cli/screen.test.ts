import { expect, it } from "vitest";
import { sparkline } from "./progress.ts";
import { screenOn } from "./screen.ts";
import { clip } from "./text-width.ts";
import { columns, duration, percent, percentInterval, points } from "./words.ts";

const streamTo = (written: string[], terminal: boolean): NodeJS.WriteStream =>
  ({ isTTY: terminal, columns: 60, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;

const show = (terminal: boolean, environment: Readonly<Record<string, string>>): string => {
  const written: string[] = [];
  const screen = screenOn({ stream: streamTo(written, terminal), environment });
  screen.live("1 of 2");
  screen.live("2 of 2");
  screen.line(screen.bold("done"));
  return written.join("");
};

it("redraws and paints in a terminal only", () => {
  expect(show(true, {})).toBe("1 of 2\r\u001b[2K2 of 2\r\u001b[2K\u001b[1mdone\u001b[22m\n");
  expect(show(true, { NO_COLOR: "1" })).toBe("1 of 2\r\u001b[2K2 of 2\r\u001b[2Kdone\n");
  expect(show(true, { TERM: "dumb" })).toBe("done\n");
  expect(show(false, {})).toBe("done\n");
});

it("writes nothing when it is quiet", () => {
  const written: string[] = [];
  screenOn({ stream: streamTo(written, true), environment: {}, quiet: true }).line("done");
  expect(written.join("")).toBe("");
});

it("says figures as people read them", () => {
  expect(percent(0.066)).toBe(" 7 %");
  expect(percentInterval([-0.002, 0.5])).toBe("[0, 50]");
  expect(points(0.724, [0.67, 0.76])).toBe("+72 [67, 76]");
  expect(points(-0.05, [-0.1, 0.01])).toBe("−5 [−10, 1]");
  expect(points(-0.001, [-0.1, 0.01])).toBe("+0 [−10, 1]");
  expect([12, 89, 91, 4000].map(duration)).toEqual(["12 s", "89 s", "2 min", "1 h 7 min"]);
  expect(clip("one\ntwo three", 8)).toBe("one two…");
  expect(columns([["a", "10"], ["long", "5"], ["b"]])).toEqual(["a     10", "long   5", "b"]);
  expect(sparkline([0, 0.5, 1])).toBe("▁▅█");
  expect(sparkline([0, 0, 1, 1], 2)).toBe("▁█");
});

it("passes nothing on that a page or a model wrote for the terminal", () => {
  const written: string[] = [];
  const screen = screenOn({ stream: streamTo(written, true), environment: {} });
  screen.line(screen.bad("\u001b[2J\u001b]52;c;aGk=\u0007 a\u009bb"));
  screen.live("\u001b[1mhidden\u001b[8m");
  expect(written).toEqual([
    "\u001b[31m\ufffd[2J\ufffd]52;c;aGk=\ufffd a\ufffdb\u001b[39m\n",
    "\ufffd[1mhidden\ufffd[8m",
  ]);
});
