/**
 * Measures how the dashboard holds 100,000 trajectories: a run is made up, and its list is opened by a server that has never
 * seen it, and at places far down, with and without a filter. The same in Chromium, where it is installed: from the address,
 * or a click, to painted rows, and by scrolling. Fails when opening the list, or a place of the whole of it, takes longer
 * than a second.
 *
 *   npm run check:dashboard [-- --rows 100000]
 */
import { once } from "node:events";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { chromium, type Page } from "playwright-core";
import { listenViewer } from "../src/server/index.ts";
import { chromiumArguments, chromiumPath } from "./chromium.ts";
import { buildDashboard } from "./packing/build-dashboard.ts";

const { values } = parseArgs({ options: { rows: { type: "string", default: "100000" } } });
const rows = Number(values.rows);
const TOKEN = "a-token-for-this-measurement";
const MOST_SECONDS = 1;
/** Of a row of the list, in pixels. */
const ROW_HEIGHT = 38;

const tools = ["web_search", "web_page", "wikipedia_search", "calculate"];
const question = (i: number): string => `How many days lie between event ${i} and event ${i * 7}?`;

/** What an evaluated task takes: four turns with what the tools said. */
const evaluated = (i: number): object => ({
  schemaVersion: 1,
  phase: "after",
  set: "heldOutPages",
  task: `task-${i}`,
  family: `family-${i % 40}`,
  reward: i % 3 === 0 ? 1 : 0,
  trajectory: {
    schemaVersion: 1,
    id: `evaluate/${i}`,
    query: { id: `task-${i}`, question: question(i) },
    analysis: { entities: [], template: "" },
    memory: tools.map((tool, t) => ({
      index: t + 1,
      step: { tool, subGoal: `q${t}`, raw: `${tool} q${t}` },
      call: { tool, input: { query: `event ${i}` } },
      observation: { status: "ok", text: `Event ${i % 2000} happened. `.repeat(8), fields: {} },
      verdict: { decision: "continue", reason: "No value of the asked kind yet." },
      turnsLeft: 9 - t,
    })),
    turns: [],
    answer: String(i),
    status: "solved",
    stopReason: "answered",
  },
});
const trained = (i: number): object => ({
  schemaVersion: 1,
  phase: "train",
  step: Math.floor(i / 384),
  task: `task-${Math.floor(i / 8)}`,
  family: `family-${Math.floor(i / 8) % 40}`,
  reward: i % 2,
  actions: tools.slice(0, 1 + (i % 4)).map((tool) => `${tool} q1`),
  answer: String(i),
  stopReason: "answered",
});

const root = mkdtempSync(join(tmpdir(), "agentflow-dashboard-"));
const measured: { readonly what: string; readonly seconds: number }[] = [];
const measure = async (what: string, path: string, url: string): Promise<void> => {
  const begun = performance.now();
  const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const { trajectories } = (await response.json()) as { trajectories: readonly object[] };
  const seconds = (performance.now() - begun) / 1000;
  if (trajectories.length !== 100) throw new Error(`${what}: ${trajectories.length} rows came, and not 100.`);
  show(what, seconds);
};

const show = (what: string, seconds: number): void => {
  measured.push({ what, seconds });
  console.log(`${what.padEnd(44)} ${seconds.toFixed(2)} s`);
};

/** Seconds from a deed in the page until the row of a place is painted; without a deed from the start of the navigation. */
const painted = async (page: Page, place: number, deed = ""): Promise<number> =>
  page.evaluate(`new Promise((resolve) => {
    const begun = ${deed === "" ? "0" : "performance.now()"};
    ${deed};
    const look = () => {
      if (document.querySelector('[data-place="${place}"] a') === null) return requestAnimationFrame(look);
      // The frame that shows it has been drawn when the next one begins.
      requestAnimationFrame(() => requestAnimationFrame(() => resolve((performance.now() - begun) / 1000)));
    };
    look();
  })`);

/** The same by a person's browser. */
const browse = async (program: string, root: string, run: string): Promise<void> => {
  const dashboard = join(root, "page");
  await buildDashboard(dashboard);
  const browser = await chromium.launch({ executablePath: program, args: [...chromiumArguments] });
  const list = (url: string): string => `${url}/#/runs/${run}/trajectories`;
  try {
    const page = await browser.newPage();
    const viewer = await listenViewer({ folder: root, token: TOKEN, port: 0, dashboard });
    await page.goto(`${viewer.url}/#token=${TOKEN}`);
    await page.goto(list(viewer.url));
    await page.reload({ waitUntil: "commit" });
    show("in Chromium, by its address, page and all", await painted(page, 0));
    for (const [what, place] of [
      ["scrolled to the middle", Math.floor(rows / 2)],
      ["scrolled to the end", rows - 1],
      ["and back to the beginning", 0],
    ] as const)
      show(
        `in Chromium, ${what}`,
        await painted(page, place, `document.querySelector(".box").scrollTop = ${place * ROW_HEIGHT}`),
      );
    await viewer.close();
    // Another server has not seen the file.
    const other = await listenViewer({ folder: root, token: TOKEN, port: 0, dashboard });
    await page.goto(`${other.url}/#token=${TOKEN}`);
    await page.goto(`${other.url}/#/runs/${run}`);
    const link = `a[href="#/runs/${run}/trajectories"]`;
    await page.locator(link).first().waitFor();
    show(
      "in Chromium, by a click, from a new server",
      await painted(page, 0, `document.querySelector('${link}').click()`),
    );
    await other.close();
  } finally {
    await browser.close();
  }
};

try {
  const id = "2026-01-01-0000-0000";
  const folder = join(root, id);
  mkdirSync(folder);
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ schemaVersion: 1, config: { steps: 260, groupSize: 8 } }),
  );
  const file = createWriteStream(join(folder, "trajectories.jsonl"));
  for (let i = 0; i < rows; i += 1)
    if (!file.write(`${JSON.stringify(i % 5 === 0 ? evaluated(i) : trained(i))}\n`)) await once(file, "drain");
  file.end();
  await finished(file);
  const list = `/api/trajectories?run=${id}&limit=100`;
  const viewer = await listenViewer({ folder: root, token: TOKEN, port: 0 });
  await measure("first page, by a server that just started", list, viewer.url);
  for (const [what, path] of [
    ["first page again", list],
    ["in the middle", `${list}&offset=${rows / 2}`],
    ["near the end", `${list}&offset=${rows - 100}`],
    ["of one phase, far down; the first time", `${list}&phase=train&offset=${Math.floor(rows / 2)}`],
    ["of one family; the first time", `${list}&family=family-7`],
  ] as const)
    await measure(what, path, viewer.url);
  await viewer.close();
  const program = chromiumPath();
  if (program === undefined) console.log("There is no Chromium here: what a browser shows is not measured.");
  else await browse(program, root, id);
  const slow = measured.filter(({ what, seconds }) => !what.includes("the first time") && seconds > MOST_SECONDS);
  console.log(`dashboard: ${rows} trajectories, ${slow.length} pages slower than ${MOST_SECONDS} s`);
  if (slow.length > 0) process.exitCode = 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
