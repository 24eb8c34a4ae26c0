import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { reportFiles } from "../src/reproduce/write-report.ts";
import { sampleFolder, sampleReport } from "./reproduction-sample.ts";

const stored = join(sampleFolder, "report");
const made = reportFiles(sampleReport());

it("a report is made of stored trajectories, byte for byte", () => {
  expect(Object.keys(made).sort()).toEqual(readdirSync(stored).sort());
  for (const [name, content] of Object.entries(made))
    expect(content, name).toBe(readFileSync(join(stored, name), "utf8"));
});

it("says of each claim what became of it, and why one was not run", () => {
  const { claims } = sampleReport();
  expect(claims.map(({ id }) => id)).toContain("turn-cap");
  expect(claims.find(({ id }) => id === "planner-or-executor")).toMatchObject({
    verdict: "not run",
    why: "the executor goes by rules",
  });
  expect(made["report.md"]).toContain("| claim | published | ours [95 %] | n | verdict |");
  expect(made["report.html"]).toContain("<svg");
});
