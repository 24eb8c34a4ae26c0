/**
 * Measures how the dashboard's server holds 100,000 trajectories: a run is made up, and its list is opened by a server that
 * has never seen it, and at places far down, with and without a filter. Fails when opening it, or a page of the whole list,
 * takes longer than a second.
 *
 *   npm run check:dashboard [-- --rows 100000]
 */
import { once } from "node:events";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { listenViewer } from "../src/server/index.ts";

const { values } = parseArgs({ options: { rows: { type: "string", default: "100000" } } });
const rows = Number(values.rows);
const TOKEN = "a-token-for-this-measurement";
const MOST_SECONDS = 1;

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
  measured.push({ what, seconds });
  console.log(`${what.padEnd(44)} ${seconds.toFixed(2)} s`);
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
  const slow = measured.filter(({ what, seconds }) => !what.includes("the first time") && seconds > MOST_SECONDS);
  console.log(`dashboard: ${rows} trajectories, ${slow.length} pages slower than ${MOST_SECONDS} s`);
  if (slow.length > 0) process.exitCode = 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
