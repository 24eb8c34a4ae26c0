import { expect, it } from "vitest";
import { ModelError } from "../errors.ts";
import { failureLines, showFailureOn } from "./failure.ts";
import { screenOn } from "./screen.ts";

it("says in one line what went wrong", () => {
  expect(failureLines(new ModelError("no\n  reply\n"), false)).toEqual(["no reply"]);
  expect(failureLines("a text", true)).toEqual(["a text"]);
  expect(failureLines(Object.create(null), false)).toEqual(["an error that cannot be read"]);
});

it("shows places and causes, and takes no line of a message for a place", () => {
  const cause = new Error("down\n    at home (/root)");
  const lines = failureLines(new ModelError("no reply\nagentflow: all is well", { cause }), true);
  expect(lines[0]).toBe("ModelError: no reply agentflow: all is well");
  expect(lines).toContain("  caused by Error: down at home (/root)");
  expect(lines.slice(1).every((line) => /^ {2}(?:caused by |.* {4}at )/.test(line))).toBe(true);
});

it("ends with causes that go in a circle", () => {
  const error = new Error("one");
  error.cause = new Error("two", { cause: error });
  expect(failureLines(error, true).filter((line) => line.includes("caused by"))).toHaveLength(1);
});

it("keeps a message in the width of a terminal, and in one line of a pipe", () => {
  const message = `${"The key is wrong, and this says at length what to do. ".repeat(4).trim()}\u001b`;
  const shownOn = (isTTY: boolean): string[] => {
    let written = "";
    const stream = { isTTY, columns: 60, write: (text: string) => (written += text) };
    showFailureOn(screenOn({ stream, environment: { NO_COLOR: "1" } }), new ModelError(message), false);
    return written.split("\n").slice(0, -1);
  };
  const lines = shownOn(true);
  expect(lines.length).toBeGreaterThan(3);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
  expect(shownOn(false)).toEqual([lines.join(" ")]);
  expect(lines.at(-1)).toMatch(/\\u001b$/);
});
