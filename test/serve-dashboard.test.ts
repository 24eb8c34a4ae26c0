import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ListeningServer, listenViewer } from "agentflow/server";
import { openExperience } from "agentflow/store";
import { leverEnvironment, leverPolicy } from "agentflow/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { learn } from "../src/learn/learn.ts";
import { leverEngine, quick, readRun, trajectoryOf } from "./learn-double.ts";
import { leverFlow } from "./lever-world.ts";
import { ask, closeServers, scratchFolder, serveForTest, TOKEN } from "./serve-double.ts";

const folder = scratchFolder();
const page = join(folder, "page");
let server: ListeningServer;
let run: string;

beforeAll(async () => {
  mkdirSync(join(page, "assets"), { recursive: true });
  writeFileSync(join(page, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(page, "assets", "index-abc.js"), "export {};");
  writeFileSync(join(page, "notes.txt"), "of no type that is served");
  const settings = { environment: leverEnvironment(), recipe: quick, folder, planner: leverEngine() };
  ({ run } = (await readRun(learn({ ...settings, seed: 3, steps: 4 }))).report);
  const experience = await openExperience(join(folder, "experience"));
  for (const source of ["people", "solve", "solve"])
    await experience.record(await trajectoryOf(["look left", "press right"]), { source, reward: 1 });
  const policy = leverPolicy();
  server = await serveForTest({
    folder,
    dashboard: page,
    experience,
    flows: { levers: { flow: leverFlow(policy), policies: [policy] } },
  });
}, 60_000);
afterAll(closeServers);

const json = async <Body>(path: string, body?: object): Promise<Body> =>
  (await (await ask(server, path, body)).json()) as Body;

describe("the page's files", () => {
  it("need no token, run no inline code, and are cached by their hash", async () => {
    const [html, script] = await Promise.all(
      ["/", "/assets/index-abc.js"].map((path) => fetch(`${server.url}${path}`)),
    );
    expect(html?.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(html?.headers.get("cache-control")).toBe("no-cache");
    const policy = html?.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toMatch(/unsafe|data:|\*/);
    expect(script?.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(script?.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    for (const response of [html, script]) expect(response?.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await fetch(`${server.url}/`, { method: "HEAD" })).status).toBe(200);
  });

  it("are those that were built, and no path leads elsewhere", async () => {
    for (const path of [
      "/notes.txt",
      "/assets/",
      "/assets/..%2f..%2fconfig.json",
      "/%2e%2e/page/index.html",
      "/index.html",
    ])
      expect((await fetch(`${server.url}${path}`)).status, path).toBe(401);
    expect((await fetch(`${server.url}/`, { method: "POST" })).status).toBe(401);
    expect((await fetch(`${server.url}/`, { headers: { origin: "https://elsewhere.example" } })).status).toBe(403);
    const none = await serveForTest({ dashboard: join(folder, "nowhere") });
    const refused = await fetch(`${none.url}/`);
    expect([refused.status, await refused.text()]).toEqual([404, expect.stringContaining("npm run build")]);
  });
});

describe("what the pages read", () => {
  it("says what the server can do", async () => {
    expect(await json("/api/about")).toMatchObject({
      flows: [{ name: "levers", learns: false }],
      starts: false,
      experience: true,
      current: null,
    });
  });

  it("streams everything that a solve does, between who answers and what came of it", async () => {
    const response = await ask(server, "/api/solve", { model: "levers", question: "which lever opens red" });
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const events = [...(await response.text()).matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, type, data = ""]) => ({
      type,
      data: JSON.parse(data) as Record<string, unknown>,
    }));
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(["solve-start", "solve-end"]);
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(["plan-start", "plan-end", "tool-call", "tool-result", "verdict-end", "finish"]),
    );
    const { trajectory } = events[0]?.data ?? {};
    expect(events.at(-1)?.data).toMatchObject({ trajectory, usage: { sampledTokens: expect.any(Number) } });
    const { samples } = await json<{ samples: { tokens: { text: string; logProb: number }[]; decoded: boolean }[] }>(
      `/api/trajectories/${String(trajectory)}/tokens`,
    );
    expect(samples[0]?.decoded).toBe(true);
    expect(samples[0]?.tokens[0]?.text).toMatch(/^(press|look)$/);
    expect(samples[0]?.tokens.every(({ logProb }) => logProb <= 0)).toBe(true);
    for (const body of [{ question: "x" }, { model: "levers", question: "" }, { model: "nobody", question: "x" }])
      expect((await ask(server, "/api/solve", body)).status).toBeGreaterThanOrEqual(400);
  });

  it("shows a group turn by turn, with what came of each", async () => {
    const { groups } = await json<{ groups: { rollouts: { id: string }[] }[] }>(`/api/runs/${run}/groups?step=3`);
    const group = await json<{ rollouts: { id: string; turns: number; steps: { tool: string; status: string }[] }[] }>(
      `/api/runs/${run}/groups/3/1`,
    );
    expect(group.rollouts.map(({ id }) => id)).toEqual(groups[1]?.rollouts.map(({ id }) => id));
    for (const { turns, steps } of group.rollouts) {
      expect(steps).toHaveLength(turns);
      for (const step of steps) expect(step).toMatchObject({ tool: expect.any(String), status: expect.any(String) });
    }
    const stored = await json<{ journal: { turns: { observation: { status: string } }[] } }>(
      `/api/trajectories/${group.rollouts[2]?.id}`,
    );
    expect(group.rollouts[2]?.steps.map(({ status }) => status)).toEqual(
      stored.journal.turns.map(({ observation }) => observation.status),
    );
    for (const path of ["3/99", "99/0", "x/0"])
      expect((await ask(server, `/api/runs/${run}/groups/${path}`)).status).toBe(404);
  });

  it("compares two evaluations in pairs", async () => {
    const { evaluations } = await json<{ evaluations: { phase: string; tasks: number }[] }>(
      `/api/runs/${run}/evaluations`,
    );
    expect(evaluations.map(({ phase }) => phase)).toEqual(["before", "after"]);
    const compared = await json<{
      sets: { name: string; left: { n: number }; difference: { n: number; points: number } }[];
      orders: { likelier: { left: number; right: number }[]; rarer: { left: number; right: number }[] };
      families: { difference: { points: number } }[];
      changedInAll: number;
      changed: { left: { id: string; reward: number }; right: { id: string; reward: number } }[];
    }>(`/api/compare?left=${run}:before&right=${run}:after`);
    expect(compared.sets.map(({ name, left }) => [name, left.n])).toEqual([
      ["heldOutPages", 4],
      ["heldOutFamily", 2],
    ]);
    for (const { left, right } of compared.orders.likelier) expect(right).toBeGreaterThan(left);
    for (const { left, right } of compared.orders.rarer) expect(right).toBeLessThan(left);
    const gained = compared.changed.reduce((sum, { left, right }) => sum + right.reward - left.reward, 0);
    const points = compared.sets.reduce((sum, { difference }) => sum + difference.points * difference.n, 0);
    expect(gained).toBeCloseTo(points);
    expect(compared.changedInAll).toBe(compared.changed.length);
    const sizes = compared.families.map(({ difference }) => Math.abs(difference.points));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    const same = await json<typeof compared>(`/api/compare?left=${run}:after&right=${run}:after`);
    expect([same.changed, same.orders]).toEqual([[], { likelier: [], rarer: [] }]);
    for (const [query, status] of [
      ["left=x", 400],
      [`left=${run}:none&right=${run}:after`, 404],
    ] as const)
      expect((await ask(server, `/api/compare?${query}`)).status).toBe(status);
  });

  it("pages anywhere, with and without a filter, and sees rows that come later", async () => {
    const list = (query: string) =>
      json<{ total: number; trajectories: { id: string }[]; next: number | null }>(
        `/api/trajectories?run=${run}${query}`,
      );
    const all = await list("&limit=500");
    expect((await list("&offset=5&limit=3")).trajectories).toEqual(all.trajectories.slice(5, 8));
    expect(await list(`&offset=${all.total}`)).toMatchObject({ total: all.total, trajectories: [], next: null });
    const trained = await list("&phase=train&limit=500");
    expect((await list("&phase=train&step=2&limit=500")).total).toBe(8);
    expect((await list("&phase=train&offset=3&limit=2")).trajectories).toEqual(trained.trajectories.slice(3, 5));
    const copy = `${run.slice(0, -4)}0000`;
    cpSync(join(folder, run), join(folder, copy), { recursive: true });
    const before = await json<{ total: number }>(`/api/trajectories?run=${copy}&phase=train`);
    const row = { schemaVersion: 1, phase: "train", step: 9, task: "late", reward: 1, actions: ["press left"] };
    writeFileSync(join(folder, copy, "trajectories.jsonl"), `${JSON.stringify(row)}\n`, { flag: "a" });
    const after = await json<typeof before & { trajectories: { task: string }[] }>(
      `/api/trajectories?run=${copy}&phase=train&limit=1`,
    );
    expect([after.total, after.trajectories[0]?.task]).toEqual([before.total + 1, "late"]);
    // A run that was cut back to a checkpoint is read again.
    writeFileSync(join(folder, copy, "trajectories.jsonl"), `${JSON.stringify(row)}\n`);
    expect((await json<{ total: number }>(`/api/trajectories?run=${copy}&phase=train`)).total).toBe(1);
  });

  it("lists experience by source, and forgets one", async () => {
    expect(await json("/api/experience?source=solve")).toMatchObject({
      total: 2,
      sources: [
        { source: "solve", kept: 2 },
        { source: "people", kept: 1 },
      ],
      experience: [{ plan: [{ tool: "look" }, { tool: "press" }] }, {}],
    });
    expect(await json("/api/experience/prune", { source: "solve" })).toEqual({ forgotten: 2, kept: 1 });
    expect(await json("/api/experience")).toMatchObject({ total: 1, sources: [{ source: "people" }] });
    const without = await serveForTest({ dashboard: page });
    expect((await ask(without, "/api/experience")).status).toBe(404);
  });

  it("names what kept a run from learning", async () => {
    expect(await json(`/api/runs/${run}/diagnosis`)).toEqual({ diagnosis: expect.any(Array) });
  });
});

describe("a viewer without flows", () => {
  it("shows runs, keeps nothing, and stops the run that it watches", async () => {
    const stopped: boolean[] = [];
    const viewer = await listenViewer({
      folder,
      token: TOKEN,
      port: 0,
      dashboard: page,
      watched: { current: run, passing: () => undefined, stop: (now) => void stopped.push(now) },
    });
    const at = (path: string, body?: object): Promise<Response> =>
      fetch(`${viewer.url}${path}`, {
        ...(body && { method: "POST", body: JSON.stringify(body) }),
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      });
    expect(await (await at("/api/about")).json()).toMatchObject({ flows: [], starts: false, current: run });
    expect((await at(`/api/runs/${run}`)).status).toBe(200);
    expect((await at(`/api/runs/${run}/stop`, {})).status).toBe(200);
    expect((await at(`/api/runs/${run}/stop`, { now: true })).status).toBe(200);
    expect(stopped).toEqual([false, true]);
    expect((await at("/api/runs", { steps: 1 })).status).toBe(501);
    expect((await at("/v1/models")).status).toBe(404);
    expect((await fetch(`${viewer.url}/api/runs`)).status).toBe(401);
    await viewer.close();
  });
});
