import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { type Schema, Validator } from "@cfworker/json-schema";
import { learn, resume } from "agentflow/learn";
import { type Why, why } from "agentflow/review";
import type { ListeningServer } from "agentflow/server";
import { leverEnvironment } from "agentflow/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { leverEngine, quick } from "./learn-double.ts";
import { ask, chatBody, closeServers, scratchFolder, serveForTest, TOKEN } from "./serve-double.ts";

interface Event {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads events of a stream until it ends, or until there are enough. */
const eventsOf = async (
  response: Response,
  enough: (events: readonly Event[]) => boolean = () => false,
): Promise<Event[]> => {
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const events: Event[] = [];
  let text = "";
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return events;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = Object.fromEntries(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      text = text.slice(end + 2);
      if (fields.data !== undefined)
        events.push({ id: fields.id, type: fields.event ?? "", data: JSON.parse(fields.data) as Event["data"] });
    }
    if (enough(events)) {
      await reader.cancel();
      return events;
    }
  }
};

const numbered = (events: readonly Event[]): Event[] => events.filter(({ id }) => id !== undefined);
const jsonOf = async <Value>(response: Promise<Response>): Promise<Value> => (await (await response).json()) as Value;

const folder = scratchFolder();
const settings = { environment: leverEnvironment(), recipe: quick, folder };
let server: ListeningServer;
let id: string;
let live: readonly Event[];

beforeAll(async () => {
  server = await serveForTest({
    folder,
    training: {
      start: (asked, signals) => learn({ ...settings, planner: leverEngine(), ...asked, ...signals }),
      resume: (run, signals) => resume(run, { environment: settings.environment, planner: leverEngine(), ...signals }),
      explain: (run, task, asked) =>
        why(run, task, {
          environment: settings.environment,
          planner: { name: "levers", open: async () => ({ engine: leverEngine() }) },
          ...asked,
        }),
    },
  });
  ({ id } = await jsonOf<{ id: string }>(ask(server, "/api/runs", { seed: 3, steps: 4 })));
  live = await eventsOf(await ask(server, `/api/runs/${id}/events`));
}, 120_000);
afterAll(closeServers);

describe("a run of learning", () => {
  it("is started, and seen live to its end", () => {
    expect(numbered(live).map(({ type }) => type)).toEqual([
      "run-start",
      ...["evaluation-end", "baselines-end"],
      ...[1, 2, 3, 4].flatMap(() => ["step-end", "validation-end"]),
      ...["evaluation-end", "finish"],
    ]);
    expect(numbered(live).map(({ id: number }) => Number(number))).toEqual(numbered(live).map((_, i) => i + 1));
    const step = live.find(({ type }) => type === "step-end");
    expect(step?.data).toMatchObject({
      step: 1,
      steps: 4,
      metrics: { index: 0, reward: { mean: expect.any(Number) } },
    });
    expect(step?.data.timings).toMatchObject({ rollOut: expect.any(Number) });
    expect(live.at(-1)?.data).toMatchObject({ type: "finish", status: "finished", report: { run: id, stepsDone: 4 } });
  });

  it("is shown by the same events once it is stored, and from any of them on", async () => {
    const stored = await eventsOf(await ask(server, `/api/runs/${id}/events`));
    expect(numbered(stored)).toEqual(numbered(live));
    const rest = await eventsOf(
      await ask(server, `/api/runs/${id}/events`, undefined, { headers: { "last-event-id": "7" } }),
    );
    expect(numbered(rest)).toEqual(numbered(live).slice(7));
    expect((await ask(server, `/api/runs/${id}/events`, undefined, { headers: { "last-event-id": "x" } })).status).toBe(
      400,
    );
  });

  it("is listed, shown, and has its curves", async () => {
    const { runs, next } = await jsonOf<{ runs: { id: string; state: string }[]; next: null }>(
      ask(server, "/api/runs"),
    );
    expect([runs.find((run) => run.id === id), next]).toMatchObject([
      { state: "finished", steps: 4, stepsDone: 4 },
      null,
    ]);
    expect(runs.find((run) => run.id === server.run)).toMatchObject({ command: "serve", state: "running" });
    const page = await jsonOf<{ runs: { id: string }[]; next: string }>(ask(server, "/api/runs?limit=1"));
    const second = await jsonOf<{ runs: { id: string }[] }>(ask(server, `/api/runs?limit=1&before=${page.next}`));
    expect([page.runs[0]?.id, second.runs[0]?.id].sort()).toEqual([id, server.run].sort());
    expect(await jsonOf(ask(server, `/api/runs/${id}`))).toMatchObject({
      id,
      state: "finished",
      config: { seed: 3, groupSize: 4 },
      report: { stepsDone: 4 },
    });
    const { steps } = await jsonOf<{ steps: { step: number }[] }>(
      ask(server, `/api/runs/${id}/metrics?after=1&limit=2`),
    );
    expect(steps.map(({ step }) => step)).toEqual([2, 3]);
    for (const path of ["/api/runs/none", "/api/runs/..%2Fetc", "/api/runs/none/events", "/api/trajectories?run=none"])
      expect((await ask(server, path)).status).toBe(404);
  });

  it("is stopped after a step, and resumed; one at a time", async () => {
    const begun = await jsonOf<{ id: string }>(ask(server, "/api/runs", { seed: 4, steps: 5000, evalTasks: 4 }));
    const refused = await ask(server, "/api/runs", { steps: 1 });
    expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining(begun.id)]);
    await eventsOf(await ask(server, `/api/runs/${begun.id}/events`), (events) =>
      events.some(({ type }) => type === "step-end"),
    );
    expect((await ask(server, `/api/runs/${id}/stop`, {})).status).toBe(409);
    expect((await ask(server, `/api/runs/${begun.id}/stop`, { now: true })).status).toBe(200);
    await eventsOf(await ask(server, `/api/runs/${begun.id}/events`), (events) =>
      events.some(({ data }) => data.state === "interrupted"),
    );
    expect(await jsonOf(ask(server, `/api/runs/${begun.id}/resume`, {}))).toEqual({ id: begun.id });
    expect(await jsonOf(ask(server, `/api/runs/${begun.id}`))).toMatchObject({ state: "running" });
    expect((await ask(server, `/api/runs/${begun.id}/stop`, {})).status).toBe(200);
    const state = await eventsOf(await ask(server, `/api/runs/${begun.id}/events`), (events) =>
      events.some(({ data }) => data.state === "interrupted"),
    );
    expect(state.some(({ type }) => type === "step-end")).toBe(true);
    const twice = await ask(server, `/api/runs/${id}/resume`, {});
    expect([twice.status, await twice.text()]).toEqual([400, expect.stringContaining("is finished")]);
  });

  it("takes settings only: what is learnt in, and where it is kept, is the owner's", async () => {
    for (const body of [
      { environment: "x" },
      { folder: "/tmp" },
      { steps: -1 },
      { algorithm: "none" },
      { concurrency: 1e9 },
    ])
      expect((await ask(server, "/api/runs", body)).status).toBe(400);
    const other = await serveForTest();
    const refused = await ask(other, "/api/runs", { steps: 1 });
    expect([refused.status, await refused.text()]).toEqual([501, expect.stringContaining("does not train")]);
  });
});

describe("the description", () => {
  it("is what the server sends: replies fit the schemas that it shows", async () => {
    const { paths } = await jsonOf<{ paths: Record<string, Record<string, { responses: Record<string, unknown> }>> }>(
      ask(server, "/openapi.json"),
    );
    const { trajectories } = await jsonOf<{ trajectories: { id: string }[] }>(
      ask(server, `/api/trajectories?run=${id}&limit=1`),
    );
    const asked: readonly (readonly [string, string, object?])[] = [
      ["/v1/models", "/v1/models"],
      ["/v1/chat/completions", "/v1/chat/completions", chatBody],
      ["/v1/responses", "/v1/responses", { model: "research", input: "How many?" }],
      ["/healthz", "/healthz"],
      ["/api/runs", "/api/runs"],
      ["/api/runs/{id}", `/api/runs/${id}`],
      ["/api/runs/{id}/metrics", `/api/runs/${id}/metrics`],
      ["/api/runs/{id}/groups", `/api/runs/${id}/groups?step=1`],
      ["/api/trajectories", `/api/trajectories?run=${id}`],
      ["/api/trajectories/{id}", `/api/trajectories/${trajectories[0]?.id}`],
    ];
    for (const [path, address, body] of asked) {
      const { responses } = paths[path]?.[body === undefined ? "get" : "post"] ?? { responses: {} };
      const { content } = responses["200"] as { content: Record<string, { schema: Schema }> };
      const schema = content["application/json"]?.schema as Schema;
      expect(new Validator(schema, "2020-12").validate(await jsonOf(ask(server, address, body))), path).toMatchObject({
        valid: true,
      });
      expect(new Validator(schema, "2020-12").validate("no object").valid, path).toBe(false);
    }
  });
});

describe("trajectories", () => {
  type Page = {
    total: number;
    trajectories: { id: string; phase: string; step: number | null }[];
    next: number | null;
  };
  const list = (query: string): Promise<Page> => jsonOf<Page>(ask(server, `/api/trajectories?run=${id}${query}`));

  it("are listed by pages, with a cursor and filters", async () => {
    const all = await list("&limit=500");
    expect(all.total).toBe(all.trajectories.length);
    expect(all.next).toBeNull();
    const paged: string[] = [];
    for (let page = await list("&limit=7"); ; page = await list(`&limit=7&before=${page.next}`)) {
      paged.push(...page.trajectories.map((one) => one.id));
      if (page.next === null) break;
    }
    expect(paged).toEqual(all.trajectories.map((one) => one.id));
    const trained = await list("&phase=train&step=2");
    expect(trained.total).toBe(8);
    expect(new Set(trained.trajectories.map(({ step }) => step))).toEqual(new Set([2]));
    expect((await list("&phase=x'%20OR%201%3D1")).total).toBe(0);
    expect((await ask(server, `/api/trajectories?run=${id}&wrong=1`)).status).toBe(400);
  });

  it("are shown in full, of training with the tokens that were sampled", async () => {
    const { trajectories } = await list("&phase=train&step=3");
    const shown = await Promise.all(
      trajectories.map(({ id: one }) =>
        jsonOf<{
          row: Record<string, unknown>;
          journal: {
            reward: number;
            trajectory: string;
            turns: { sampled: { ids: number[]; logProbs: number[] }[] }[];
          };
        }>(ask(server, `/api/trajectories/${one}`)),
      ),
    );
    for (const { row, journal } of shown) {
      expect(journal.reward).toBe(row.reward);
      expect(journal.trajectory.startsWith("3/")).toBe(true);
      const [sampled] = journal.turns[0]?.sampled ?? [];
      expect(sampled?.ids.length).toBe(sampled?.logProbs.length);
      expect(journal.turns).toHaveLength((row.actions as string[]).length);
    }
    expect(new Set(shown.map(({ journal }) => journal.trajectory)).size).toBe(8);
    const before = (await list("&phase=before")).trajectories[0];
    expect(await jsonOf(ask(server, `/api/trajectories/${before?.id}`))).toMatchObject({
      journal: null,
      row: {
        phase: "before",
        trajectory: { turns: expect.arrayContaining([expect.objectContaining({ ids: expect.any(Array) })]) },
      },
    });
    for (const one of [`${id}:999999`, `${id}:x`, "none", `none:1`])
      expect((await ask(server, `/api/trajectories/${one}`)).status).toBe(404);
  });

  it("of a step stand in groups, whose advantages are of their rewards", async () => {
    const { groups } = await jsonOf<{ groups: { task: string; rollouts: { reward: number; advantage: number }[] }[] }>(
      ask(server, `/api/runs/${id}/groups?step=0`),
    );
    expect(groups.map(({ rollouts }) => rollouts.length)).toEqual([4, 4]);
    for (const { rollouts } of groups) {
      expect(rollouts.reduce((sum, { advantage }) => sum + advantage, 0)).toBeCloseTo(0);
      const [best] = [...rollouts].sort((a, b) => b.advantage - a.advantage);
      expect(best?.reward).toBe(Math.max(...rollouts.map(({ reward }) => reward)));
    }
  });

  it("of answers are found by what the answer says", async () => {
    const { agentflow } = await jsonOf<{ agentflow: { trajectory: string } }>(
      ask(server, "/v1/chat/completions", chatBody),
    );
    expect(await jsonOf(ask(server, `/api/trajectories/${agentflow.trajectory}`))).toMatchObject({
      id: expect.stringMatching(`^${server.run}:\\d+$`),
      row: { phase: "serve", trajectory: { id: agentflow.trajectory } },
    });
  });

  it("of a damaged file are refused in one line", async () => {
    await appendFile(join(folder, server.run, "trajectories.jsonl"), "{broken}\n");
    const response = await ask(server, `/api/trajectories?run=${server.run}`);
    expect([response.status, await response.text()]).toEqual([500, expect.stringContaining("is damaged: line")]);
  });
});

describe("why a run's planner solves a task as it does", () => {
  const task = encodeURIComponent("test/heldOutPages/0");

  it("is told, with what another choice leads to", async () => {
    const { before, after, counterfactual } = await jsonOf<Why>(
      ask(server, `/api/runs/${id}/why/${task}?from=1&choose=${encodeURIComponent("press left")}`),
    );
    expect([before.version, after.version]).toEqual(["start", "end"]);
    expect(after.turns[0]?.taken?.after.logProb).toBeLessThan(0);
    expect(counterfactual?.solve).toMatchObject({ answer: "left", reward: 1 });
  });

  it("is told to five at a time: one under way, four that wait, and of those none whose client has gone", async () => {
    const told: string[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const busy = await serveForTest({
      folder,
      training: {
        start: () => Promise.reject(new Error("none")) as never,
        explain: async (_, of) => {
          told.push(of);
          await held;
          return {} as Why;
        },
      },
    });
    const left = new AbortController();
    const about = (of: string, signal?: AbortSignal) =>
      fetch(`${busy.url}/api/runs/${id}/why/${of}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
        ...(signal !== undefined && { signal }),
      });
    const first = about("a");
    await vi.waitFor(() => expect(told).toEqual(["a"]));
    const gone = about("b", left.signal).catch(() => "gone");
    const others = ["c", "d", "e"].map((of) => about(of));
    await new Promise((later) => setTimeout(later, 300));
    const refused = await vi.waitFor(async () => {
      const response = await about("f", AbortSignal.timeout(300));
      expect(response.status).toBe(429);
      return response;
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    left.abort();
    expect(await gone).toBe("gone");
    await new Promise((later) => setTimeout(later, 300));
    release();
    for (const one of [first, ...others]) expect((await one).status).toBe(200);
    expect(told).not.toContain("b");
  });

  it.each([
    ["none", "", 404, /met no task/],
    ["test%2FheldOutPage%2F0", "", 404, /near ones are/],
    [task, "?from=1", 400, /belong together/],
    [task, "?before=first", 400, /before/],
    [task, "?before=1&after=end", 400, /no checkpoint of step 1/],
  ])("is refused of %s%s", async (of, query, status, message) => {
    const response = await ask(server, `/api/runs/${id}/why/${of}${query}`);
    expect(response.status).toBe(status);
    expect(JSON.stringify(await response.json())).toMatch(message);
  });
});
