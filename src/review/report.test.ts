import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leverEngine, quick, tempFolder } from "../../test/learn-double.ts";
import { ConfigError } from "../errors.ts";
import { learn } from "../learn/learn.ts";
import { markup } from "../markup.ts";
import { percentOf } from "../percent.ts";
import { createRun } from "../store/run-folder.ts";
import { leverEnvironment } from "../testing/index.ts";
import { pngWriter } from "./charts/png.ts";
import { reportOnRun } from "./report.ts";

const root = await tempFolder();
const report = await learn({
  environment: leverEnvironment(),
  planner: leverEngine(),
  recipe: quick,
  folder: root,
  seed: 3,
}).report;
const folder = join(root, report.run);

describe("the report on a run", () => {
  it("is one page that asks for nothing else, and says how much better the run got", async () => {
    const { html, charts } = await reportOnRun(folder);
    expect(html).toMatch(/^<!doctype html>/);
    expect(html.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(
      /https?:|<script|<link|<img|url\(|@import/,
    );
    expect(html).toContain("prefers-color-scheme: dark");
    const { before, after } = report;
    expect(html).toContain(`${percentOf(before.heldOutPages.accuracy)} → ${percentOf(after.heldOutPages.accuracy)}`);
    expect(html).toContain("unseen families");
    expect(html).toContain("--seed 3");
    expect(html).not.toMatch(/undefined|NaN|\[object/);
    expect(charts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["learning-curve", "accuracy", "families", "tools", "entropy"]),
    );
    for (const { svg } of charts) expect(svg).toMatch(/^<svg xmlns=[\s\S]*<\/svg>\n$/);
  });

  it("is the same page for the same run", async () => {
    expect((await reportOnRun(folder)).html).toBe((await reportOnRun(folder)).html);
  });

  it("shows what there is of a run that has not ended", async () => {
    const text = await readFile(join(folder, "report.json"), "utf8");
    await rm(join(folder, "report.json"));
    const { html, charts } = await reportOnRun(folder);
    await writeFile(join(folder, "report.json"), text);
    expect(html).toContain("This run has not ended.");
    expect(html).not.toMatch(/undefined|NaN/);
    expect(charts.map(({ name }) => name)).not.toContain("families");
  });

  it("refuses what is not a run of learn", async () => {
    const run = await createRun(root, "sft-1", { command: "sft" });
    await run.close();
    await expect(reportOnRun(run.folder)).rejects.toThrow(ConfigError);
    await expect(reportOnRun(run.folder)).rejects.toThrow(/is one of sft/);
  });

  it("draws its charts as PNG of twice their size", async () => {
    const draw = await pngWriter();
    const [curve] = (await reportOnRun(folder)).charts;
    const png = Buffer.from(draw(curve?.svg ?? ""));
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1520, 600]);
  });

  it("escapes every text", () => {
    expect(markup`<p title="${"\"'"}">${"<b>&\u0000\ud800"}${[markup`<i>${1}</i>`]}${undefined}</p>`.markup).toBe(
      '<p title="&quot;&#39;">&lt;b&gt;&amp;\ufffd\ufffd<i>1</i></p>',
    );
  });
});
