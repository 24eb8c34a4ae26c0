import { expect, it } from "vitest";
import { sparkline } from "./progress.ts";
import { labelled, screenOn } from "./screen.ts";
import { clip } from "./text-width.ts";
import { columns, duration, percent, percentInterval, points } from "./words.ts";

const streamTo = (written: string[], terminal: boolean) => ({
  isTTY: terminal,
  columns: 60,
  write: (text: string) => written.push(text),
});

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

const hostile = "\u001b[31mred\u001b]52;c;aGk=\u0007 a\u009bb\u202ec\nagentflow: done\t\u{e0041}";
const shown = "\\u001b[31mred\\u001b]52;c;aGk=\\u0007 a\\u009bb\\u202ec\\nagentflow: done\\t\\udb40\\udc41";

it("obeys its own styles alone, and writes each line as one line", () => {
  const written: string[] = [];
  const screen = screenOn({ stream: streamTo(written, true), environment: {} });
  screen.line(screen.bad(hostile), hostile);
  screen.line(`${screen.bold("a style that went through a text is lost")}`);
  expect(written).toEqual([`\u001b[31m${shown}\u001b[39m${shown}\n`, "a style that went through a text is lost\n"]);
});

it("redraws no more than a line", () => {
  const written: string[] = [];
  const screen = screenOn({ stream: streamTo(written, true), environment: {} });
  screen.live("\u001b".repeat(60));
  expect(written).toEqual([`${"\\u001b".repeat(9)}\\u00…`]);
});

it("writes JSON that is the same value", () => {
  const written: string[] = [];
  const value = { [hostile]: [hostile, "\ud800", "\u2028", "\u007f"] };
  screenOn({ stream: streamTo(written, true), environment: {} }).json(value);
  expect(written.join("")).toMatch(/^[ -~]*\n$/);
  expect(JSON.parse(written.join(""))).toEqual(value);
});

it("keeps texts of outsiders beside their label", () => {
  const written: string[] = [];
  const screen = screenOn({ stream: streamTo(written, false), environment: {} });
  labelled(screen, "answer", "one\r\nanswer\ttwo\u0007");
  expect(written.join("")).toBe("answer    one\n          answer    two\\u0007\n");
});
