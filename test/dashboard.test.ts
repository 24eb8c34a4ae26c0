import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type ListeningServer, serveLearning } from "agentflow/server";
import { openExperience } from "agentflow/store";
import { leverEnvironment, leverPolicy } from "agentflow/testing";
import axe from "axe-core";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumArguments, chromiumPath } from "../scripts/chromium.ts";
import { buildDashboard } from "../scripts/packing/build-dashboard.ts";
import { learn, resume } from "../src/learn/learn.ts";
import { leverEngine, quick, readRun, trajectoryOf } from "./learn-double.ts";
import { leverFlow, leverReward, leverTasks } from "./lever-world.ts";
import { ask, closeServers, scratchFolder, serveForTest, TOKEN } from "./serve-double.ts";

const built = mkdtempSync(join(tmpdir(), "agentflow-page-"));
beforeAll(() => buildDashboard(built), 120_000);
afterAll(() => rmSync(built, { recursive: true, force: true }));

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe("what is built", () => {
  it("takes at most 150 KB compressed, has hashed names, and no inline code", () => {
    const files = filesIn(built);
    const sizes = files.map((file) => ({ file: file.slice(built.length), bytes: gzipSync(readFileSync(file)).length }));
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(total, JSON.stringify(sizes)).toBeLessThanOrEqual(150_000);
    for (const { file } of sizes)
      expect(file).toMatch(/^\/(?:index\.html|icon\.svg|assets\/[\w-]+-[\w-]{8}\.(?:js|css))$/);
    const html = readFileSync(join(built, "index.html"), "utf8");
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=/);
  });
});

const program = chromiumPath();
if (program === undefined)
  process.stderr.write(
    "The dashboard is not driven in a browser: Chromium is not installed, and $CHROMIUM_PATH names none.\n",
  );

describe.skipIf(program === undefined)("in a browser", () => {
  const profile = mkdtempSync(join(tmpdir(), "agentflow-chromium-"));
  const folder = scratchFolder();
  const faults: string[] = [];
  let server: ListeningServer;
  let browser: BrowserContext;
  let page: Page;
  let run: string;

  beforeAll(async () => {
    const settings = { environment: leverEnvironment(), recipe: quick, folder };
    ({ run } = (await readRun(learn({ ...settings, planner: leverEngine(), seed: 3, steps: 12 }))).report);
    const experience = await openExperience(join(folder, "experience"));
    for (const source of ["people", "solve"])
      await experience.record(await trajectoryOf(["look left", "press right"]), { source });
    const policy = leverPolicy();
    const flow = leverFlow(policy);
    const learning = serveLearning({
      online: { flow, train: [policy], reward: leverReward, gate: { tasks: leverTasks.slice(0, 2) }, seed: 5 },
      every: 1000,
    });
    server = await serveForTest({
      folder,
      dashboard: built,
      experience,
      flows: { levers: { flow, policies: [policy], learning } },
      training: {
        start: (asked, signals) => learn({ ...settings, planner: leverEngine(), ...asked, ...signals }),
        resume: (stopped, signals) =>
          resume(stopped, { environment: settings.environment, planner: leverEngine(), ...signals }),
      },
    });
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: program ?? "",
      args: [...chromiumArguments],
    });
    page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(`${server.url}/#token=${TOKEN}`);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await closeServers();
    rmSync(profile, { recursive: true, force: true });
  });

  const open = async (path: string, heading: RegExp): Promise<void> => {
    await page.goto(`${server.url}/#/${path}`);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  };
  /** Nothing serious for people who read otherwise, and nothing that is wider than the window. */
  const check = async (what: string): Promise<void> => {
    await page.evaluate(axe.source);
    const found = await page.evaluate(
      `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ impact, id, nodes }) => impact + " " + id + " " + nodes[0].target))`,
    );
    expect(
      (found as string[]).filter((one) => /^(?:serious|critical)/.test(one)),
      what,
    ).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), what).toBeLessThanOrEqual(0);
  };

  it("takes the token out of the address, and asks for it without one", async () => {
    await page.getByRole("heading", { level: 1, name: "Ask" }).waitFor();
    expect(page.url()).toBe(`${server.url}/#/ask`);
    const other = await browser.newPage();
    await other.goto(`${server.url}/#/runs/${run}`);
    await other.getByLabel("Token").fill("a-wrong-token-0123456789");
    await other.getByRole("button", { name: "Continue" }).click();
    await other.getByRole("alert").waitFor();
    await other.getByLabel("Token").fill(TOKEN);
    await other.keyboard.press("Enter");
    // The address that was asked for is still the one that opens.
    await other.getByRole("heading", { level: 1, name: run }).waitFor();
    await other.close();
  });

  it("shows an answer while it is made, and takes what people think of it", async () => {
    await open("ask", /Ask/);
    await page.getByLabel("Question").fill("which lever opens red");
    await page.keyboard.press("Enter");
    await page.locator("article").first().waitFor();
    const facts = page.getByText(/tokens read/);
    await facts.waitFor();
    await check("ask");
    if ((await page.getByRole("button", { name: "Good" }).count()) > 0) {
      await page.getByRole("button", { name: "Good" }).click();
      await page.getByLabel("Reason").fill("it opened");
      await page.keyboard.press("Enter");
      await page.getByText("Kept.").waitFor();
      expect(readFileSync(join(folder, server.run, "feedback.jsonl"), "utf8")).toContain("it opened");
    }
    await page.getByRole("link", { name: "trajectory" }).click();
    await page.getByRole("heading", { level: 1, name: "which lever opens red" }).waitFor();
    await page.locator(".token").first().waitFor();
  });

  it("opens a stored run, its groups, a tree and a difference, in both colour schemes and on a phone", async () => {
    for (const [scheme, width] of [
      ["light", 1280],
      ["dark", 1280],
      ["light", 390],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 844 });
      await open(`runs/${run}?step=3`, new RegExp(run));
      await page.locator(".uplot").nth(5).waitFor();
      await page.locator(".strip a").nth(7).waitFor();
      const ground = await page.evaluate("getComputedStyle(document.body).backgroundColor");
      expect(ground).toBe(scheme === "light" ? "rgb(251, 251, 250)" : "rgb(19, 20, 22)");
      await check(`run ${scheme} ${width}`);
    }
    const list = page.getByRole("list", { name: /^Steps/ });
    expect(await list.getByRole("listitem").all()).toHaveLength(12);
    expect(await list.getByRole("listitem").first().textContent()).toMatch(/^\s*step\s*12\b/);
    expect(await list.getByText("…").count()).toBe(0);
    await page.locator("li .name").first().click();
    await page.getByRole("heading", { name: "Where its rollouts parted" }).waitFor();
    expect(await page.locator(".leaf").count()).toBe(4);
    await check("group");
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText(/They (?:took|differ|share)/).waitFor();
    await check("difference");
    await page.setViewportSize({ width: 1280, height: 844 });
  });

  it("lists, compares, and shows what is kept and learnt", async () => {
    for (const [path, heading, there] of [
      ["runs", /Runs/, run],
      [`runs/${run}/trajectories?phase=train`, /Trajectories/, "train 12"],
      [`compare?left=${run}:before&right=${run}:after`, /Compare/, "Tool orders that became likelier"],
      ["experience", /Experience/, "which lever opens red"],
      ["learning", /Learning/, "Evidence on the candidate"],
      ["nowhere", /no such page/, "See the runs"],
    ] as const) {
      await open(path, heading);
      await page.getByText(there).first().waitFor();
      await check(path);
    }
  });

  it("scrolls through 100,000 trajectories, and is used by keys alone", async () => {
    const many = "2026-01-01-0000-0000";
    mkdirSync(join(folder, many));
    writeFileSync(join(folder, many, "config.json"), JSON.stringify({ schemaVersion: 1, config: { groupSize: 8 } }));
    const row = (i: number): string =>
      JSON.stringify({
        schemaVersion: 1,
        phase: "train",
        step: Math.floor(i / 8),
        family: "f",
        reward: i % 2,
        actions: ["look left"],
      });
    writeFileSync(
      join(folder, many, "trajectories.jsonl"),
      Array.from({ length: 100_000 }, (_, i) => `${row(i)}\n`).join(""),
    );
    await open(`runs/${many}/trajectories`, /Trajectories 100,000/);
    await page.locator("[data-place='0'] a").waitFor();
    await page.getByRole("list", { name: "Trajectories" }).focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("End");
    const focused = (): Promise<unknown> => page.evaluate("document.activeElement?.getAttribute('href')");
    const oldest = `#/trajectories/${encodeURIComponent(`${many}:1`)}`;
    await expect.poll(focused, { timeout: 10_000 }).toBe(oldest);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement?.closest('[role=list]') ?? null")).toBeNull();
    await page.keyboard.press("Shift+Tab");
    expect(await focused()).toBe(oldest);
    await page.keyboard.press("Shift+Tab");
    expect(await page.evaluate("document.activeElement?.textContent")).toBe("Refresh");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe(oldest);
    await page.keyboard.press("Home");
    await expect.poll(focused, { timeout: 10_000 }).toBe(`#/trajectories/${encodeURIComponent(`${many}:100000`)}`);
    await page.keyboard.press("End");
    await expect.poll(focused, { timeout: 10_000 }).toBe(oldest);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "f" }).waitFor();
    const theme = page.getByRole("button", { name: /Colours/ });
    for (const expected of ["light", "dark", "auto"]) {
      await theme.focus();
      await page.keyboard.press("Enter");
      expect(await page.evaluate("document.documentElement.dataset.theme")).toBe(expected);
    }
  });

  it("follows a run that is under way, stops it and resumes it", async () => {
    const { id } = (await (await ask(server, "/api/runs", { seed: 4, steps: 20_000, evalTasks: 2 })).json()) as {
      id: string;
    };
    await open(`runs/${id}`, new RegExp(id));
    await page.getByText(/step [3-9]\d* of 20000/).waitFor();
    await page.getByRole("button", { name: "Stop now" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Stop now" }).click();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    // Opened before the first step, and followed since.
    const newest = async (): Promise<unknown> =>
      page.evaluate(
        "[document.querySelector('[role=status]').textContent.match(/step (\\d+)/)[1], document.querySelector('[data-place=\"0\"]').textContent.match(/step\\s*(\\d+)/)[1]]",
      );
    await expect.poll(async () => new Set((await newest()) as string[]).size).toBe(1);
    expect(
      await page
        .getByRole("list", { name: /^Steps/ })
        .getByText("…")
        .count(),
    ).toBe(0);
  });

  it("had nothing to say on the console but the token that was refused", () => {
    expect(faults.filter((text) => !/401 \(Unauthorized\)/.test(text))).toEqual([]);
  });
});
