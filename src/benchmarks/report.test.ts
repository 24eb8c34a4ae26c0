import { expect, it } from "vitest";
import { compareOutcomes, type EvalReport, reportHtml, reportMarkdown } from "./index.ts";

const report: EvalReport = {
  schemaVersion: 1,
  set: "own",
  tasks: "a".repeat(64),
  players: [{ role: "planner", id: "double", where: "127.0.0.1" }],
  settings: {},
  n: 2,
  accuracy: 0.5,
  interval: [0.095, 0.905],
  families: {},
  crashed: 1,
  limitsHit: 0,
  averageTurns: 1.5,
  toolErrorRate: 0,
  toolShares: { look: 1 },
  used: { promptTokens: 10, sampledTokens: 2, dollars: 0 },
  seconds: 1,
  outcomes: { a: 1, b: null },
  judge: {
    model: "judge",
    promptSha256: "b".repeat(64),
    n: 2,
    accuracy: 0,
    interval: [0, 0.66],
    unread: 0,
    used: { promptTokens: 1, sampledTokens: 1, dollars: 0 },
    calibration: { n: 1, agreement: 0, kappa: 0, onlyJudge: [], onlyRules: ["a"] },
  },
  against: { points: -0.5, interval: [-0.9, 0.2], p: 1, gained: [], lost: ["b"], regressed: false },
  items: [
    {
      id: "a",
      question: "<script>alert(1)</script> | a *b*",
      family: "all",
      expected: ["Ann & Bob"],
      answer: "Ann",
      reward: 1,
      judged: false,
      stopReason: "answered",
      tools: ["look", "read"],
      tokens: 3,
      seconds: 0.5,
    },
    {
      id: "b",
      question: "?",
      family: "all",
      expected: [],
      answer: null,
      reward: null,
      stopReason: "failed",
      tools: [],
      tokens: 0,
      seconds: 0,
    },
  ],
};

it("is a page on which no text of a question is read as HTML", () => {
  const html = reportHtml(report);
  expect(html).not.toContain("<script>");
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(html).toContain("Content-Security-Policy");
  for (const text of ["50.0 % [9.5, 90.5] of all 2 tasks", "right (judge: wrong)", "crashed, lost", "look → read"])
    expect(html).toContain(text);
});

it("is a table of Markdown with a row for each task, whatever its text holds", () => {
  const lines = reportMarkdown(report).trimEnd().split("\n");
  const row = lines.find((line) => line.startsWith("| a |")) ?? "";
  expect(row.replaceAll("\\|", "").split("|").length).toBe(8);
  expect(row).toContain("\\<script\\>");
  expect(lines.at(-1)).toContain("crashed");
});

it("regresses where accuracy falls by more than chance or than is allowed, and not where it rises", () => {
  const of = (right: number, n = 40) => Object.fromEntries(Array.from({ length: n }, (_, i) => [i, i < right ? 1 : 0]));
  expect(compareOutcomes(of(30), of(29)).regressed).toBe(false);
  expect(compareOutcomes(of(30), of(20))).toMatchObject({ regressed: true, points: -0.25, gained: [] });
  expect(compareOutcomes(of(30), of(29), { maxDrop: 0 }).regressed).toBe(true);
  expect(compareOutcomes(of(30), of(20), { maxDrop: 0.3 }).regressed).toBe(false);
  expect(compareOutcomes(of(20), of(30), { maxDrop: 0 })).toMatchObject({ regressed: false, lost: [] });
  expect(compareOutcomes({ a: null }, { a: 1 }).gained).toEqual(["a"]);
});
